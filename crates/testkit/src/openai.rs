//! OpenAI's side: its routes, its good answers and its refusals.

mod chat;
mod embeddings;
pub(crate) mod error;
mod models;
mod strict;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::reply::Reply;

/// The end of a stream.
pub(crate) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// When everything was created.
const CREATED: u64 = 1_795_000_000;

/// The good answer to `request`, or its refusal.
pub(crate) fn answer(request: &Request<Bytes>, key: &str, ordinal: usize) -> Reply {
    let reply = respond(request, key, ordinal).unwrap_or_else(|refusal| refusal);
    let id = format!("req_{ordinal:032x}");
    match id.try_into() {
        Ok(id) => reply.with_header(http::HeaderName::from_static("x-request-id"), id),
        Err(_) => reply,
    }
}

fn respond(request: &Request<Bytes>, key: &str, ordinal: usize) -> Result<Reply, Reply> {
    check_key(request, key)?;
    let path = request.uri().path();
    match (request.method(), path) {
        (&Method::GET, "/v1/models") => Ok(Reply::json(StatusCode::OK, &models::list())),
        (&Method::GET, _) if path.starts_with("/v1/models/") => {
            models::one(path.trim_start_matches("/v1/models/"))
        }
        (&Method::POST, "/v1/chat/completions") => chat::answer(&body(request)?, ordinal),
        (&Method::POST, "/v1/embeddings") => embeddings::answer(&body(request)?),
        (method, path) => Err(error::refusal(
            StatusCode::NOT_FOUND,
            &format!("Invalid URL ({method} {path})"),
            None,
            None,
        )),
    }
}

fn check_key(request: &Request<Bytes>, key: &str) -> Result<(), Reply> {
    let Some(presented) = request.headers().get(header::AUTHORIZATION) else {
        return Err(error::refusal(
            StatusCode::UNAUTHORIZED,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth \
             (i.e. Authorization: Bearer YOUR_KEY).",
            None,
            None,
        ));
    };
    let bearer = presented.as_bytes().strip_prefix(b"Bearer ");
    if bearer == Some(key.as_bytes()) {
        Ok(())
    } else {
        Err(error::bad_key())
    }
}

/// The body, which must be a JSON object and say so.
fn body(request: &Request<Bytes>) -> Result<Value, Reply> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(error::refusal(
            StatusCode::BAD_REQUEST,
            &format!(
                "Unsupported content type: '{content_type}'. This API method only accepts 'application/json' requests, but \
                 you specified the header 'Content-Type: {content_type}'. Please try again with a supported content type."
            ),
            None,
            Some("unsupported_content_type"),
        ));
    }
    match serde_json::from_slice(request.body()) {
        Ok(body @ Value::Object(_)) => Ok(body),
        _ => Err(error::bad_request(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library \
             correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        )),
    }
}

/// One more word of an answer that never ends.
pub(crate) fn endless_chunk() -> Value {
    json!({
        "id": "chatcmpl-endless",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": "gpt-4.1-mini-2025-04-14",
        "choices": [{"index": 0, "delta": {"content": "more "}, "logprobs": null, "finish_reason": null}],
    })
}

#[cfg(test)]
mod tests;
