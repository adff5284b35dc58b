//! `/v1/chat/completions`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use locum_engine::{
    gateway::{ChatBody, ChatCall, ChatSource, RawBody},
    trail::Trail,
};

use super::{answer_head, event_stream, for_clients, json};
use crate::{
    App, body,
    error::HttpError,
    stream,
    wire::{self, AnswerHead},
};

/// `POST /v1/chat/completions`
pub(crate) async fn create_chat_completion(
    State(app): State<Arc<App>>,
    Extension(trail): Extension<Arc<Trail>>,
    request: Request,
) -> Result<Response, HttpError> {
    let bytes = body::read(&app, request).await?;
    let peek = wire::peek::peek_chat(&bytes)?;
    let source = ChatSource::Raw(RawBody {
        bytes,
        model_span: peek.model_span,
        parse: wire::chat::parse,
    });
    let call = ChatCall {
        model: peek.model,
        stream: peek.stream,
        source,
    };
    let reply = app.gateway.chat(call, &trail).await?;
    let head = || AnswerHead {
        functions: peek.functions,
        ..answer_head(&app, "chatcmpl-", reply.served.model)
    };
    Ok(match reply.body {
        ChatBody::Whole(answer) => json(wire::chat::encode(&answer, &head())),
        ChatBody::WholeRaw(bytes) => json(bytes),
        ChatBody::Events(events) => {
            let events = Box::pin(for_clients(&app, events));
            event_stream(stream::chat_stream(events, head(), peek.include_usage))
        }
        ChatBody::Raw(events) => {
            event_stream(stream::raw_stream(Box::pin(for_clients(&app, events))))
        }
    })
}
