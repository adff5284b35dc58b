//! The chat's JSON, table by table.

mod accepted;
mod answer;
mod messages;
mod odd;
mod refused;
mod types;

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

/// Asserts that `body` is refused over `param`.
#[track_caller]
fn refused(body: &Value, param: &str, code: &str, sentence: &str) {
    let error = parse(body).unwrap_err();
    assert_eq!(
        (
            error.status,
            error.param.as_deref(),
            error.code.as_deref().unwrap_or_default(),
            error.message.as_str()
        ),
        (400, Some(param), code, sentence),
    );
}

/// Asserts that `body` is refused over `param`, in words of our own.
#[track_caller]
fn refused_over(body: &Value, param: &str) {
    let error = parse(body).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
    assert_eq!(error.kind, "invalid_request_error");
    assert!(!error.message.is_empty());
}
