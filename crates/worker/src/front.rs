//! The front: answers what needs nothing but a provider, and hands the rest to the project's object.
//!
//! There are as many of it as Cloudflare likes, each for itself: what one of them knows of the providers, the others do not.
//! Nothing that belongs to one request is kept for another, as the platform demands.

use std::{cell::OnceCell, rc::Rc, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use futures_util::StreamExt;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use js_sys::Uint8Array;
use locum_api::{App, owner, refuse, stream::run_broken_off};
use locum_domain::{error::ApiError, project::Project};
use tower::ServiceExt;
use worker::{
    Env, console_error,
    web_sys::{Request, Response, ResponseInit},
};

use crate::{
    elsewhere::Elsewhere,
    exchange::{self, Arriving, Head},
    glue::{self, Pieces},
    metrics::together,
    object, settings,
    tasks::Tasks,
    telemetry,
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
    let signal = request.signal();
    match exchange::unless_left(signal, front.answer(&env, request)).await {
        Some(answer) => answer,
        // Nobody will read it.
        None => Ok(Response::new()?),
    }
}

impl Front {
    /// Has the request answered where it belongs.
    async fn answer(&self, env: &Env, request: Request) -> worker::Result<Response> {
        let head = Head::of(&request);
        if let Some(project) = owner(&self.app, &head.method, head.path(), &head.headers) {
            return forward(&self.app, env, &project, request).await;
        }
        let request = head.with_body(request)?;
        let is_of_metrics = request.uri().path() == METRICS;
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if is_of_metrics && response.status() == StatusCode::OK {
            return exchange::outgoing(with_object(env, response).await).await;
        }
        exchange::outgoing(response).await
    }
}

/// The metrics of both places. Where the object does not tell its own, the front's are all there is.
async fn with_object(env: &Env, response: http::Response<Body>) -> http::Response<Body> {
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
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
    let body = Uint8Array::from(&body[..]);
    Ok(glue::respond(
        500,
        "content-type\napplication/json\n",
        &body.into(),
    )?)
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
        object.fetch_with_request(request.into()).await
    };
    let response: Response = match answered.await {
        Ok(response) => response.into(),
        Err(error) => {
            tracing::error!(%error, "the object did not answer");
            let refusal = ApiError::busy("Storage is not available right now.", COME_AGAIN);
            return exchange::outgoing(refuse(app, refusal)).await;
        }
    };
    let kind = response.headers().get(header::CONTENT_TYPE.as_str())?;
    let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    match response.body() {
        Some(body) if is_stream => {
            let events = Arriving::new(Pieces::new(&body, true)?).map(|piece| {
                Ok::<_, String>(piece.unwrap_or_else(|error| {
                    let error = exchange::text(&error);
                    tracing::warn!(error, "the object was gone in the middle of a stream");
                    run_broken_off()
                }))
            });
            let init = ResponseInit::new();
            init.set_status(response.status());
            init.set_headers(&response.headers());
            let events = exchange::readable(events);
            Ok(Response::new_with_opt_readable_stream_and_init(
                Some(&events),
                &init,
            )?)
        }
        _ => Ok(response),
    }
}
