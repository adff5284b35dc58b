//! The front: answers what needs nothing but a provider, and hands the rest to the project's object.
//!
//! There are as many of it as Cloudflare likes, each for itself: what one of them knows of the providers, the others do not.
//! Nothing that belongs to one request is kept for another, as the platform demands.

use std::{cell::OnceCell, rc::Rc, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use locum_api::{App, owner, refuse, stream::run_broken_off};
use locum_domain::{error::ApiError, project::Project};
use tower::ServiceExt;
use worker::{Env, Request, Response, ResponseBuilder, console_error};

use crate::{
    elsewhere::Elsewhere, exchange, metrics::together, object, settings, tasks::Tasks, telemetry,
    world::world,
};

/// Where metrics are asked for.
const METRICS: &str = "/metrics";
/// When to come again to an object that is away.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// One isolate's front.
struct Front {
    app: Arc<App>,
    router: Router,
}

/// Answers a request from outside.
pub(crate) async fn answer(request: Request, env: Env) -> worker::Result<Response> {
    let front = match front(&env) {
        Ok(front) => front,
        Err(wrong) => return misconfigured(&wrong),
    };
    if let Some(project) = project(&front.app, &request) {
        return forward(&front.app, &env, &project, request).await;
    }
    let signal = request.inner().signal();
    let request = exchange::incoming(request)?;
    let is_of_metrics = request.uri().path() == METRICS;
    let answering = front.router.clone().oneshot(request);
    match exchange::unless_left(signal, answering).await {
        Some(Ok(response)) if is_of_metrics && response.status() == StatusCode::OK => {
            exchange::outgoing(with_object(&env, response).await).await
        }
        Some(Ok(response)) => exchange::outgoing(response).await,
        Some(Err(never)) => match never {},
        // Nobody will read it.
        None => Response::empty(),
    }
}

/// The metrics of both places. Where the object does not tell its own, the front's are all there is.
async fn with_object(env: &Env, response: http::Response<Body>) -> http::Response<Body> {
    let (head, body) = response.into_parts();
    let ours = body.collect().await.map(|body| body.to_bytes());
    let ours = String::from_utf8_lossy(ours.as_deref().unwrap_or_default()).into_owned();
    let page = match object::metrics(env).await {
        Ok(theirs) => together(&[("front", &ours), ("object", &theirs)]),
        Err(error) => {
            tracing::warn!(%error, "the object's metrics are missing");
            together(&[("front", &ours)])
        }
    };
    http::Response::from_parts(head, Body::from(page))
}

/// Has the object see to what nobody asks for.
pub(crate) async fn look_after(env: &Env) {
    if let Err(wrong) = front(env) {
        console_error!("{wrong}");
        return;
    }
    if let Err(error) = object::collect(env).await {
        tracing::error!(%error, "garbage could not be collected");
    }
}

/// This isolate's front, or what is wrong with the settings.
fn front(env: &Env) -> Result<Rc<Front>, Rc<str>> {
    thread_local!(static FRONT: OnceCell<Result<Rc<Front>, Rc<str>>> = const { OnceCell::new() });
    FRONT.with(|front| {
        front
            .get_or_init(|| open(env).map(Rc::new).map_err(Rc::from))
            .clone()
    })
}

fn open(env: &Env) -> Result<Front, String> {
    let settings = settings::read(env).map_err(|error| error.to_string())?;
    telemetry::start(settings.log_level);
    for key in settings.idle_keys() {
        tracing::warn!("{key} is set, but its provider is not enabled");
    }
    if !settings.enable_auth {
        tracing::warn!("ENABLE_AUTH is false: whoever reaches this spends the providers' money");
    }
    let elsewhere = Arc::new(Elsewhere::new(env.clone()));
    let world = world(
        env,
        Tasks::default(),
        Arc::clone(&elsewhere) as _,
        elsewhere,
    );
    let app = App::new(settings, world)?.with_requests_apart();
    let app = Arc::new(app);
    let router = locum_api::router(Arc::clone(&app));
    Ok(Front { app, router })
}

/// What is wrong is for the operator's eyes alone.
fn misconfigured(wrong: &str) -> worker::Result<Response> {
    console_error!("{wrong}");
    let body = br#"{"error":{"message":"This server is not configured. Its log says what is wrong.","type":"server_error","param":null,"code":"misconfigured"}}"#;
    let response = ResponseBuilder::new().with_status(500);
    let response = response.with_header("content-type", "application/json")?;
    Ok(response.fixed(body.to_vec()))
}

/// The project in whose object the request is answered.
fn project(app: &App, request: &Request) -> Option<Project> {
    let target = exchange::target(request);
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    let key = request.headers().get(header::AUTHORIZATION.as_str());
    if let Ok(Some(key)) = key
        && let Ok(key) = HeaderValue::from_bytes(key.as_bytes())
    {
        headers.insert(header::AUTHORIZATION, key);
    }
    owner(app, &exchange::method(request), path, &headers)
}

/// Has the object answer. What it says goes through as it comes, except that a stream which breaks off says so.
async fn forward(
    app: &App,
    env: &Env,
    project: &Project,
    request: Request,
) -> worker::Result<Response> {
    let answered = async {
        let object = object::of(env, project)?;
        object.fetch_with_request(request).await
    };
    let mut response = match answered.await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "the object did not answer");
            let refusal = ApiError::busy("Storage is not available right now.", COME_AGAIN);
            return exchange::outgoing(refuse(app, refusal)).await;
        }
    };
    let kind = response.headers().get(header::CONTENT_TYPE.as_str())?;
    if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return Ok(response);
    }
    let events = response.stream()?.map(|piece| {
        let piece = piece.map(Bytes::from).unwrap_or_else(|error| {
            tracing::warn!(%error, "the object was gone in the middle of a stream");
            run_broken_off()
        });
        Ok::<_, worker::Error>(piece)
    });
    Ok(ResponseBuilder::new()
        .with_status(response.status_code())
        .with_headers(response.headers().clone())
        .stream(exchange::readable(events)))
}
