//! The edge: what happens to every request around its handler, whatever the route.
//!
//! On the way in: a request id, a trail, a span, the client's address. On the way out: the headers that every answer
//! carries, and an error's JSON. Who gets in at all is the guard's business.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use locum_domain::error::ApiError;
use locum_engine::trail::{Notes, Trail};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::{App, client, error, visit::Visit};

/// `x-request-id`.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `openai-processing-ms`.
pub(crate) const PROCESSING_MS: HeaderName = HeaderName::from_static("openai-processing-ms");
/// `openai-poll-after-ms`: when to ask again for a run that has not ended.
pub(crate) const POLL_AFTER_MS: HeaderName = HeaderName::from_static("openai-poll-after-ms");
/// `openai-version`.
pub(crate) const OPENAI_VERSION: HeaderName = HeaderName::from_static("openai-version");
/// `x-locum-provider`: who answered, or failed last.
pub(crate) const PROVIDER: HeaderName = HeaderName::from_static("x-locum-provider");
/// `x-locum-model`: the model that really answered, or failed last.
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-locum-model");
/// `x-locum-fallback`: there where another one answered than was asked first.
pub(crate) const FALLBACK: HeaderName = HeaderName::from_static("x-locum-fallback");

/// Headers of every answer that never change.
const CONSTANT: [(HeaderName, HeaderValue); 5] = [
    (OPENAI_VERSION, HeaderValue::from_static("2020-10-01")),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];
/// Two years, as browsers' preload lists ask for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Puts the edge around a route.
#[derive(Clone)]
pub(crate) struct EdgeLayer {
    app: Arc<App>,
    route: &'static str,
}

impl EdgeLayer {
    /// `route`: what logs and metrics call it.
    pub(crate) fn new(app: Arc<App>, route: &'static str) -> Self {
        Self { app, route }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge {
            layer: self.clone(),
            inner,
        }
    }
}

/// A route with the edge around it.
#[derive(Clone)]
pub(crate) struct Edge<S> {
    layer: EdgeLayer,
    inner: S,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let app = &self.layer.app;
        let clock = &app.world.clock;
        let request_id = app.world.ids().next("req_");
        let trail = Arc::new(Trail::new(request_id, clock.now()));
        let client = client::identify(&request, &app.settings.trusted_proxies);
        let visit = Visit::begin(
            Arc::clone(app),
            Arc::clone(&trail),
            self.layer.route,
            client.address,
            &request,
        );
        request.extensions_mut().insert(trail);
        request.extensions_mut().insert(client);

        let span = visit.span().clone();
        let answer = span.in_scope(|| self.inner.call(request));
        let answer = async move {
            let response = match AssertUnwindSafe(answer).catch_unwind().await {
                Ok(Ok(response)) => response,
                Err(_) => {
                    // What it said is not repeated: it may hold a piece of the request.
                    tracing::error!("a handler panicked");
                    error::unrendered(ApiError::internal())
                }
            };
            Ok(leave(visit, response, client.https))
        };
        Box::pin(answer.instrument(span))
    }
}

/// The answer to a request that never came to a route, because `error` kept it from there. It says what every answer says.
pub fn refuse(app: &App, error: ApiError) -> Response {
    let (mut response, _) = error::render(error::unrendered(error), app.settings.node_env);
    let request_id = app.world.ids().next("req_");
    let headers = response.headers_mut();
    for (name, value) in CONSTANT {
        headers.insert(name, value);
    }
    insert_text(headers, REQUEST_ID, &request_id);
    tracing::warn!(
        request_id,
        status = response.status().as_u16(),
        "a request came to no route"
    );
    response
}

/// Puts on what every answer carries, and sees to it that its end is noticed.
fn leave(mut visit: Visit, response: Response, https: bool) -> Response {
    let (mut response, error) = error::render(response, visit.app().settings.node_env);
    let elapsed = visit
        .app()
        .world
        .clock
        .now()
        .saturating_sub(visit.trail().started);
    let headers = response.headers_mut();
    headers.reserve(CONSTANT.len() + 6);
    for (name, value) in CONSTANT {
        headers.insert(name, value);
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.insert(PROCESSING_MS, integer(elapsed.as_millis()));
    insert_text(headers, REQUEST_ID, &visit.trail().request_id);
    served_by(headers, &visit.trail().notes());
    visit.answered(response.status(), error);
    visit.follow(response)
}

/// Says who answered.
fn served_by(headers: &mut HeaderMap, notes: &Notes) {
    let Some(provider) = notes.provider else {
        return;
    };
    headers.insert(PROVIDER, HeaderValue::from_static(provider));
    if let Some(model) = &notes.model {
        insert_text(headers, MODEL, model);
    }
    if notes.fallback {
        headers.insert(FALLBACK, HeaderValue::from_static("true"));
    }
}

/// A number as a header's value.
pub(crate) fn integer(number: u128) -> HeaderValue {
    HeaderValue::from(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Sets a header, or leaves it out where `text` can be none.
fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
