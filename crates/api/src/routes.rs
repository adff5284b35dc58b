//! The handlers, one file per noun. Each reads, asks the engine, and writes; none decides.

pub(crate) mod admin;
pub(crate) mod assistants;
pub(crate) mod chat_completions;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod index;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod run_steps;
pub(crate) mod runs;
pub(crate) mod threads;
pub(crate) mod unknown;

use std::convert::Infallible;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderName, HeaderValue, header};
use locum_domain::error::ApiError;

use crate::{App, error, wire::AnswerHead};

/// As many headers as an answer has in the end: room for all of them is made once.
const HEADERS: usize = 24;

/// A JSON answer.
fn json(body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// An answer of server-sent events, which nothing on the way may hold back.
fn event_stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(events.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// What stands at the top of a fresh answer of `model`.
fn answer_head(app: &App, prefix: &str, model: String) -> AnswerHead {
    let id = app.world.ids().next(prefix);
    AnswerHead::new(id, app.world.clock.unix().as_secs(), model)
}

/// `items` with errors that are fit for clients.
fn for_clients<T>(
    app: &App,
    items: impl Stream<Item = Result<T, ApiError>> + Send + 'static,
) -> impl Stream<Item = Result<T, ApiError>> + Send + 'static {
    let environment = app.settings.node_env;
    items.map(move |item| item.map_err(|error| error::for_clients(error, environment)))
}
