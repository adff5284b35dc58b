//! `/v1/embeddings`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use locum_engine::{
    gateway::{EmbedBody, EmbedCall, RawBody},
    trail::Trail,
};

use super::json;
use crate::{App, body, error::HttpError, wire};

/// `POST /v1/embeddings`
pub(crate) async fn create_embedding(
    State(app): State<Arc<App>>,
    Extension(trail): Extension<Arc<Trail>>,
    request: Request,
) -> Result<Response, HttpError> {
    let bytes = body::read(&app, request).await?;
    let peek = wire::peek::peek_embeddings(&bytes)?;
    let call = EmbedCall {
        model: peek.model,
        source: RawBody {
            bytes,
            model_span: peek.model_span,
            parse: wire::embeddings::parse,
        },
        base64: peek.base64,
    };
    let reply = app.gateway.embed(call, &trail).await?;
    Ok(match reply.body {
        EmbedBody::Whole(answer) => json(wire::embeddings::encode(
            &answer,
            &reply.served.model,
            peek.base64,
        )),
        EmbedBody::Raw(bytes) => json(bytes),
    })
}
