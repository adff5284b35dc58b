//! `/metrics`.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};

use crate::App;

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// `GET /metrics`, for Prometheus.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    // Circuits change with the time: looking at them brings their gauges up to date.
    app.gateway.health();
    let mut response = Response::new(Body::from(app.metrics.encode()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, OPENMETRICS);
    response
}
