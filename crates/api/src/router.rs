//! Every route, in one list.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    routing::{self, MethodRouter},
};
use http::Method;
use tower::ServiceBuilder;

use crate::{
    App,
    cors::CrossOriginLayer,
    edge::EdgeLayer,
    guard::{Access, GuardLayer},
    routes::{
        chat_completions::create_chat_completion,
        completions::create_completion,
        embeddings::create_embedding,
        health::{health, health_live, health_ready},
        index::index,
        metrics::metrics,
        models::{list_models, retrieve_model},
        unknown::{method_not_allowed, unknown_url},
    },
};

/// An endpoint: one line of [`ROUTES`].
pub struct Route {
    /// The method. `GET` answers `HEAD` too.
    pub method: Method,
    /// The path as axum writes it: `{model}` is one segment, `{*model}` one or more.
    pub path: &'static str,
    /// OpenAI's operation id where OpenAI has the endpoint; the handler's name.
    pub operation: &'static str,
    /// Who gets in.
    pub access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// What logs and metrics call a request whose path is no route's.
const UNKNOWN: &str = "unknown";

/// Every route there is.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    post("/v1/chat/completions", "create_chat_completion", Access::ApiKey, || routing::post(create_chat_completion)),
    post("/v1/completions", "create_completion", Access::ApiKey, || routing::post(create_completion)),
    post("/v1/embeddings", "create_embedding", Access::ApiKey, || routing::post(create_embedding)),
    get("/v1/models", "list_models", Access::ApiKey, || routing::get(list_models)),
    get("/v1/models/{*model}", "retrieve_model", Access::ApiKey, || routing::get(retrieve_model)),
    get("/health", "health", Access::Probe, || routing::get(health)),
    get("/health/live", "health_live", Access::Probe, || routing::get(health_live)),
    get("/health/ready", "health_ready", Access::Probe, || routing::get(health_ready)),
    get("/metrics", "metrics", Access::MetricsKey, || routing::get(metrics)),
    get("/", "index", Access::Open, || routing::get(index)),
];

/// All of Locum's HTTP, as a service.
pub fn router(app: Arc<App>) -> Router {
    let cross_origin = CrossOriginLayer::new(&app.settings);
    let around = |path: &'static str, access: Access| {
        ServiceBuilder::new()
            .layer(EdgeLayer::new(Arc::clone(&app), path))
            .layer(cross_origin.clone())
            .layer(GuardLayer::new(Arc::clone(&app), access))
    };
    let mut paths: BTreeMap<&'static str, MethodRouter<Arc<App>>> = BTreeMap::new();
    for route in ROUTES {
        let endpoint = (route.handler)().layer(around(route.path, route.access));
        let path = paths.remove(route.path).unwrap_or_default();
        paths.insert(route.path, path.merge(endpoint));
    }
    let mut router = Router::new();
    for (path, endpoints) in paths {
        let other = method_not_allowed.layer(around(path, Access::Open));
        router = router.route(path, endpoints.fallback(other));
    }
    router
        .fallback(unknown_url.layer(around(UNKNOWN, Access::Open)))
        .with_state(app)
}

const fn get(
    path: &'static str,
    operation: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route {
        method: Method::GET,
        path,
        operation,
        access,
        handler,
    }
}

const fn post(
    path: &'static str,
    operation: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route {
        method: Method::POST,
        path,
        operation,
        access,
        handler,
    }
}
