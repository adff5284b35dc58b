//! OpenAI's errors.

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::reply::Reply;

/// A refusal of the request.
pub(crate) fn refusal(
    status: StatusCode,
    message: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> Reply {
    told(status, message, "invalid_request_error", param, code)
}

/// 400, and nothing to add.
pub(crate) fn bad_request(message: &str) -> Reply {
    refusal(StatusCode::BAD_REQUEST, message, None, None)
}

pub(crate) fn bad_key() -> Reply {
    refusal(
        StatusCode::UNAUTHORIZED,
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        None,
        Some("invalid_api_key"),
    )
}

pub(crate) fn out_of_quota() -> Reply {
    told(
        StatusCode::TOO_MANY_REQUESTS,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        None,
        Some("insufficient_quota"),
    )
}

/// The error that OpenAI tells with `status`.
pub(crate) fn of_status(status: StatusCode, retry_after: Option<u64>) -> Reply {
    let reply = match status.as_u16() {
        401 => bad_key(),
        404 => refusal(
            status,
            "The model does not exist or you do not have access to it.",
            None,
            Some("model_not_found"),
        ),
        429 => told(
            status,
            "Rate limit reached for requests. Please try again later.",
            "requests",
            None,
            Some("rate_limit_exceeded"),
        ),
        503 => told(
            status,
            "The engine is currently overloaded, please try again later.",
            "server_error",
            None,
            None,
        ),
        500.. => told(
            status,
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            None,
            None,
        ),
        _ => refusal(status, "The request was refused.", None, None),
    };
    match retry_after {
        Some(seconds) => reply.with_header(header::RETRY_AFTER, HeaderValue::from(seconds)),
        None => reply,
    }
}

/// An error that comes in the middle of a stream.
pub(crate) fn in_stream() -> Value {
    body(
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
        None,
    )
}

fn told(
    status: StatusCode,
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> Reply {
    Reply::json(status, &body(message, kind, param, code))
}

fn body(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// A field that does not exist.
pub(super) fn unknown_parameter(path: &str) -> Reply {
    at(
        path,
        "unknown_parameter",
        &format!("Unknown parameter: '{path}'."),
    )
}

/// A field that is not there.
pub(super) fn missing(path: &str) -> Reply {
    at(
        path,
        "missing_required_parameter",
        &format!("Missing required parameter: '{path}'."),
    )
}

/// A field of the wrong type.
pub(super) fn invalid_type(path: &str, expected: &str, got: &Value) -> Reply {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    at(
        path,
        "invalid_type",
        &format!("Invalid type for '{path}': expected {expected}, but got {got} instead."),
    )
}

/// A word that is none of `supported`.
pub(super) fn invalid_value(path: &str, value: &str, supported: &[&str]) -> Reply {
    let quoted: Vec<String> = supported.iter().map(|word| format!("'{word}'")).collect();
    let list = match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, second] => format!("{first} and {second}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    };
    at(
        path,
        "invalid_value",
        &format!("Invalid value: '{value}'. Supported values are: {list}."),
    )
}

/// 400 that names the field.
pub(super) fn at(path: &str, code: &str, message: &str) -> Reply {
    refusal(StatusCode::BAD_REQUEST, message, Some(path), Some(code))
}

/// 400 that names the field, without a code.
pub(super) fn at_plain(path: &str, message: &str) -> Reply {
    refusal(StatusCode::BAD_REQUEST, message, Some(path), None)
}
