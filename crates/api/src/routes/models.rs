//! `/v1/models`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use locum_domain::error::ApiError;

use super::json;
use crate::{App, error::HttpError, wire};

/// `GET /v1/models`
pub(crate) async fn list_models(State(app): State<Arc<App>>) -> Result<Response, HttpError> {
    let models = app.gateway.models().await?;
    Ok(json(wire::models::encode_list(&models)))
}

/// `GET /v1/models/{model}`. The id may contain slashes, as they are or percent-encoded.
pub(crate) async fn retrieve_model(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let Path(id) = id.map_err(|_| ApiError::invalid_param("model", "The id is no valid UTF-8."))?;
    let model = app.gateway.model(&id).await?;
    Ok(json(wire::models::encode_one(&model)))
}
