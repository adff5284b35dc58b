//! The chat's JSON, table by table.

mod accepted;
mod answer;
mod messages;
mod refused;

use locum_domain::{chat::ChatRequest, error::ApiError};
use serde_json::{Value, json};

/// What becomes of `body`.
fn parse(body: &Value) -> Result<ChatRequest, ApiError> {
    super::parse(body.to_string().as_bytes())
}

/// A request of which nothing is remarkable but what `members` add or replace.
fn body(members: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let Value::Object(members) = members else {
        panic!("members come as an object");
    };
    body.as_object_mut().unwrap().extend(members);
    body
}

/// A request of `messages`.
fn conversation(messages: Value) -> Value {
    json!({"model": "m", "messages": messages})
}
