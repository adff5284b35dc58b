//! Gemini's side: its routes, its good answers and its refusals.

mod embeddings;
pub(crate) mod error;
mod fields;
mod generate;
mod models;
mod strict;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

pub use generate::signature;

use crate::reply::Reply;

/// The good answer to `request`, or its refusal. `signatures` are those that were scripted, and are genuine too.
pub(crate) fn answer(
    request: &Request<Bytes>,
    key: &str,
    ordinal: usize,
    signatures: &BTreeSet<String>,
) -> Reply {
    respond(request, key, ordinal, signatures).unwrap_or_else(|refusal| refusal)
}

fn respond(
    request: &Request<Bytes>,
    key: &str,
    ordinal: usize,
    signatures: &BTreeSet<String>,
) -> Result<Reply, Reply> {
    check_key(request, key)?;
    let uri = request.uri();
    let path = uri.path().trim_start_matches("/v1beta/");
    if request.method() == Method::GET {
        return match path.strip_prefix("models") {
            Some("") => models::page(uri.query().unwrap_or_default()),
            Some(name) => models::one(name.trim_start_matches('/')),
            None => Err(unknown_path()),
        };
    }
    let (name, method) = path
        .strip_prefix("models/")
        .and_then(|rest| rest.split_once(':'))
        .ok_or_else(unknown_path)?;
    let model = models::find(name, method)?;
    let body = body(request)?;
    match (request.method(), method) {
        (&Method::POST, "generateContent") => {
            strict::check(model, &body, signatures)?;
            Ok(generate::whole(model, &body, ordinal))
        }
        (&Method::POST, "streamGenerateContent") => {
            strict::check(model, &body, signatures)?;
            let query = uri.query().unwrap_or_default();
            let is_sse = query.split('&').any(|pair| pair == "alt=sse");
            Ok(generate::stream(model, &body, ordinal, is_sse))
        }
        (&Method::POST, "embedContent") => {
            fields::check(&body, &fields::EMBED)?;
            embeddings::one(&body)
        }
        (&Method::POST, "batchEmbedContents") => {
            fields::check(&body, &fields::BATCH_EMBED)?;
            embeddings::batch(name, &body)
        }
        (&Method::POST, "countTokens") => {
            fields::check(&body, &fields::COUNT_TOKENS)?;
            Ok(generate::count_tokens(&body))
        }
        _ => Err(unknown_path()),
    }
}

/// Google's front answers an unknown path with a page.
fn unknown_path() -> Reply {
    Reply::whole(
        StatusCode::NOT_FOUND,
        "text/html; charset=UTF-8",
        "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
    )
}

fn check_key(request: &Request<Bytes>, key: &str) -> Result<(), Reply> {
    match request.headers().get("x-goog-api-key") {
        None => Err(error::no_key()),
        Some(presented) if presented.as_bytes() == key.as_bytes() => Ok(()),
        Some(_) => Err(error::bad_key()),
    }
}

fn body(request: &Request<Bytes>) -> Result<Value, Reply> {
    match serde_json::from_slice(request.body()) {
        Ok(body @ Value::Object(_)) => Ok(body),
        _ => Err(error::invalid(
            "Invalid JSON payload received. Expected an object.",
        )),
    }
}

/// One more word of an answer that never ends.
pub(crate) fn endless_chunk() -> Value {
    json!({
        "candidates": [{"content": {"parts": [{"text": "more "}], "role": "model"}, "index": 0}],
        "modelVersion": "gemini-3.8-flash",
        "responseId": "endless",
    })
}

#[cfg(test)]
mod tests;
