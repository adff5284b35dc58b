//! What Gemini refuses of a request whose fields all exist.

mod config;
mod contents;
mod schema;
mod tools;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{fields, models::Model};
use crate::reply::Reply;

/// Goes through a request to generate content; `signatures` are those that this upstream has given beside its own.
pub(super) fn check(
    model: &Model,
    body: &Value,
    signatures: &BTreeSet<String>,
) -> Result<(), Reply> {
    fields::check(body, &fields::GENERATE)?;
    if model.generation < (4, 0) && body.get("continuationToken").is_some() {
        return Err(fields::unknown("continuationToken", ""));
    }
    contents::check(model, body, signatures)?;
    tools::check(model, body)?;
    config::check(model, body)
}

/// The items of a list that may be absent.
fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// A text that may be absent.
fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}
