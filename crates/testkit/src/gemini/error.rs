//! Gemini's errors.

use http::StatusCode;
use serde_json::{Value, json};

use crate::reply::Reply;

/// 400 `INVALID_ARGUMENT`.
pub(crate) fn invalid(message: &str) -> Reply {
    told(
        StatusCode::BAD_REQUEST,
        "INVALID_ARGUMENT",
        message,
        Vec::new(),
    )
}

/// 400 `INVALID_ARGUMENT` that names the field.
pub(crate) fn invalid_field(message: &str, field: &str) -> Reply {
    told(
        StatusCode::BAD_REQUEST,
        "INVALID_ARGUMENT",
        message,
        vec![json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": message}],
        })],
    )
}

pub(crate) fn not_found(message: &str) -> Reply {
    told(StatusCode::NOT_FOUND, "NOT_FOUND", message, Vec::new())
}

pub(crate) fn bad_key() -> Reply {
    told(
        StatusCode::BAD_REQUEST,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        })],
    )
}

pub(crate) fn no_key() -> Reply {
    told(
        StatusCode::FORBIDDEN,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form \
         of API consumer identity to call this API.",
        Vec::new(),
    )
}

pub(crate) fn out_of_quota() -> Reply {
    told(
        StatusCode::TOO_MANY_REQUESTS,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
        vec![
            quota_failure("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
            retry_info(41),
        ],
    )
}

/// The error that Gemini tells with `status`.
pub(crate) fn of_status(status: StatusCode, retry_after: Option<u64>) -> Reply {
    let (name, message) = match status.as_u16() {
        401 => (
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
        ),
        403 => ("PERMISSION_DENIED", "The caller does not have permission."),
        404 => (
            "NOT_FOUND",
            "The model is not found, or is not supported for this method.",
        ),
        429 => (
            "RESOURCE_EXHAUSTED",
            "Resource has been exhausted (e.g. check quota).",
        ),
        499 => ("CANCELLED", "The operation was cancelled."),
        503 => (
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
        ),
        504 => (
            "DEADLINE_EXCEEDED",
            "The service was unable to finish processing within the deadline.",
        ),
        500.. => ("INTERNAL", "An internal error has occurred. Please retry."),
        _ => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    };
    let details = match retry_after {
        Some(seconds) => vec![
            quota_failure("GenerateRequestsPerMinutePerProjectPerModel"),
            retry_info(seconds),
        ],
        None => Vec::new(),
    };
    told(status, name, message, details)
}

/// An error that comes in the middle of a stream.
pub(crate) fn in_stream() -> Value {
    body(
        StatusCode::SERVICE_UNAVAILABLE,
        "UNAVAILABLE",
        "The model is overloaded. Please try again later.",
        Vec::new(),
    )
}

fn quota_failure(quota_id: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
            "quotaId": quota_id,
            "quotaDimensions": {"location": "global", "model": "gemini-3.8-flash"},
        }],
    })
}

fn retry_info(seconds: u64) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{seconds}s"),
    })
}

fn told(status: StatusCode, name: &str, message: &str, details: Vec<Value>) -> Reply {
    Reply::json(status, &body(status, name, message, details))
}

fn body(status: StatusCode, name: &str, message: &str, details: Vec<Value>) -> Value {
    let mut error = json!({"code": status.as_u16(), "message": message, "status": name});
    if !details.is_empty() {
        error["details"] = Value::Array(details);
    }
    json!({"error": error})
}
