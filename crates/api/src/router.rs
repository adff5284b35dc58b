//! Every route, in one list.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    routing::{self, MethodRouter},
};
use http::{HeaderMap, Method};
use locum_domain::project::Project;
use tower::ServiceBuilder;

use crate::{
    App,
    cors::CrossOriginLayer,
    edge::EdgeLayer,
    guard::{Access, GuardLayer},
    routes::{
        admin::collect_garbage,
        assistants::{
            create_assistant, delete_assistant, list_assistants, modify_assistant,
            retrieve_assistant,
        },
        chat_completions::create_chat_completion,
        completions::create_completion,
        embeddings::create_embedding,
        files::{create_file, delete_file, download_file, list_files, retrieve_file},
        health::{health, health_live, health_ready},
        index::index,
        messages::{
            create_message, delete_message, list_messages, modify_message, retrieve_message,
        },
        metrics::metrics,
        models::{list_models, retrieve_model},
        run_steps::{list_run_steps, retrieve_run_step},
        runs::{
            cancel_run, create_run, create_thread_and_run, list_runs, modify_run, retrieve_run,
            submit_tool_outputs,
        },
        threads::{create_thread, delete_thread, list_threads, modify_thread, retrieve_thread},
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
    post("/v1/assistants", "create_assistant", Access::ApiKey, || routing::post(create_assistant)),
    get("/v1/assistants", "list_assistants", Access::ApiKey, || routing::get(list_assistants)),
    get("/v1/assistants/{assistant_id}", "retrieve_assistant", Access::ApiKey, || routing::get(retrieve_assistant)),
    post("/v1/assistants/{assistant_id}", "modify_assistant", Access::ApiKey, || routing::post(modify_assistant)),
    delete("/v1/assistants/{assistant_id}", "delete_assistant", Access::ApiKey, || routing::delete(delete_assistant)),
    post("/v1/threads", "create_thread", Access::ApiKey, || routing::post(create_thread)),
    get("/v1/threads", "list_threads", Access::ApiKey, || routing::get(list_threads)),
    get("/v1/threads/{thread_id}", "retrieve_thread", Access::ApiKey, || routing::get(retrieve_thread)),
    post("/v1/threads/{thread_id}", "modify_thread", Access::ApiKey, || routing::post(modify_thread)),
    delete("/v1/threads/{thread_id}", "delete_thread", Access::ApiKey, || routing::delete(delete_thread)),
    post("/v1/threads/{thread_id}/messages", "create_message", Access::ApiKey, || routing::post(create_message)),
    get("/v1/threads/{thread_id}/messages", "list_messages", Access::ApiKey, || routing::get(list_messages)),
    get("/v1/threads/{thread_id}/messages/{message_id}", "retrieve_message", Access::ApiKey, || routing::get(retrieve_message)),
    post("/v1/threads/{thread_id}/messages/{message_id}", "modify_message", Access::ApiKey, || routing::post(modify_message)),
    delete("/v1/threads/{thread_id}/messages/{message_id}", "delete_message", Access::ApiKey, || routing::delete(delete_message)),
    post("/v1/threads/runs", "create_thread_and_run", Access::ApiKey, || routing::post(create_thread_and_run)),
    post("/v1/threads/{thread_id}/runs", "create_run", Access::ApiKey, || routing::post(create_run)),
    get("/v1/threads/{thread_id}/runs", "list_runs", Access::ApiKey, || routing::get(list_runs)),
    get("/v1/threads/{thread_id}/runs/{run_id}", "retrieve_run", Access::ApiKey, || routing::get(retrieve_run)),
    post("/v1/threads/{thread_id}/runs/{run_id}", "modify_run", Access::ApiKey, || routing::post(modify_run)),
    post("/v1/threads/{thread_id}/runs/{run_id}/cancel", "cancel_run", Access::ApiKey, || routing::post(cancel_run)),
    post("/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", "submit_tool_outputs", Access::ApiKey, || routing::post(submit_tool_outputs)),
    get("/v1/threads/{thread_id}/runs/{run_id}/steps", "list_run_steps", Access::ApiKey, || routing::get(list_run_steps)),
    get("/v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}", "retrieve_run_step", Access::ApiKey, || routing::get(retrieve_run_step)),
    post("/v1/files", "create_file", Access::ApiKey, || routing::post(create_file)),
    get("/v1/files", "list_files", Access::ApiKey, || routing::get(list_files)),
    get("/v1/files/{file_id}", "retrieve_file", Access::ApiKey, || routing::get(retrieve_file)),
    delete("/v1/files/{file_id}", "delete_file", Access::ApiKey, || routing::delete(delete_file)),
    get("/v1/files/{file_id}/content", "download_file", Access::ApiKey, || routing::get(download_file)),
    post("/admin/gc", "collect_garbage", Access::GcKey, || routing::post(collect_garbage)),
    get("/health", "health", Access::Probe, || routing::get(health)),
    get("/health/live", "health_live", Access::Probe, || routing::get(health_live)),
    get("/health/ready", "health_ready", Access::Probe, || routing::get(health_ready)),
    get("/metrics", "metrics", Access::MetricsKey, || routing::get(metrics)),
    get("/", "index", Access::Open, || routing::get(index)),
];

/// The areas of paths whose answers stand on what is kept. All others need nothing but providers.
const KEPT: [&str; 4] = ["/v1/assistants", "/v1/threads", "/v1/files", COLLECTING];
/// What is kept is looked after here, by who has the key for it.
const COLLECTING: &str = "/admin";

fn is_within(path: &str, area: &str) -> bool {
    path.strip_prefix(area)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Route {
    /// Whether its answer stands on what is kept.
    pub fn stands_on_objects(&self) -> bool {
        KEPT.iter().any(|area| is_within(self.path, area))
    }
}

/// The project whose objects a request is about, if its key opens them: where each project's objects are in a place of their
/// own, the request is answered there. `None` where it is answered where it came in, be it by a refusal.
pub fn owner(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Option<Project> {
    // A preflight, which comes without a key.
    if *method == Method::OPTIONS || !KEPT.iter().any(|area| is_within(path, area)) {
        return None;
    }
    if is_within(path, COLLECTING) {
        app.keys.check_gc(method, path, headers).ok()?;
        return Some(Project::default());
    }
    app.keys.check(headers).ok()
}

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

const fn delete(
    path: &'static str,
    operation: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route {
        method: Method::DELETE,
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
