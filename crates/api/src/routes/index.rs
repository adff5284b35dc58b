//! `/`: for whoever opens the address in a browser.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde_json::json;

use super::json as json_response;
use crate::App;

/// `GET /`: what this is, and where to go on.
pub(crate) async fn index(State(app): State<Arc<App>>) -> Response {
    json_response(
        json!({
            "name": "locum",
            "description": "An OpenAI-compatible server. Point your client's base URL at /v1.",
            "version": app.version,
            "api": "/v1",
            "health": "/health",
        })
        .to_string(),
    )
}
