//! Errors of Gemini, as a status with a body or in the middle of a stream, in the vocabulary of the fallback policy.
//!
//! Google's status alone says too little: a bad key comes as 400, a used-up day as 429 like a busy minute, a model that
//! lacks a feature as 400 like a malformed body. The details and, where there are none, the words decide.

use std::{borrow::Cow, time::Duration};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use locum_domain::{
    error::ApiError,
    failure::{Failure, FailureClass},
};
use serde::Deserialize;
use serde_json::Value;

/// Messages are cut to this; some repeat the request.
const MAX_MESSAGE_CHARS: usize = 2000;
/// Longer hints are no hints.
const MAX_RETRY_SECONDS: f64 = 86_400.0;

/// Google's error object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GoogleError {
    /// A number, but for servers that speak Gemini's format without being it.
    code: Option<Value>,
    message: Option<String>,
    status: Option<String>,
    details: Option<Vec<Value>>,
}

impl GoogleError {
    fn details(&self) -> impl Iterator<Item = &Value> {
        self.details.iter().flatten()
    }

    /// The HTTP status that it would have had, for one that comes in the middle of an answer.
    fn http_status(&self) -> u16 {
        let code = match &self.code {
            Some(Value::Number(code)) => code.as_u64().and_then(|code| u16::try_from(code).ok()),
            Some(Value::String(code)) => code.parse().ok(),
            _ => None,
        };
        match (code, self.status.as_deref()) {
            (Some(code), _) => code,
            (None, Some("INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE")) => 400,
            (None, Some("UNAUTHENTICATED")) => 401,
            (None, Some("PERMISSION_DENIED")) => 403,
            (None, Some("NOT_FOUND")) => 404,
            (None, Some("RESOURCE_EXHAUSTED")) => 429,
            (None, Some("UNAVAILABLE")) => 503,
            (None, Some("DEADLINE_EXCEEDED")) => 504,
            (None, _) => 500,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: GoogleError,
}

/// Reads an answer whose status is no success. `key` is never repeated.
pub(super) fn of_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    key: &str,
) -> Failure {
    let error = envelope(body);
    let mut failure = classify(status.as_u16(), error.as_ref(), key);
    if failure.retry_after.is_none() && failure.class != FailureClass::QuotaExhausted {
        failure.retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(seconds);
    }
    failure
}

/// Reads the error in place of an answer: the text of an `error` object under a status that was a success.
pub(super) fn in_stream(error: &str, key: &str) -> Failure {
    match serde_json::from_str::<GoogleError>(error) {
        Ok(error) => classify(error.http_status(), Some(&error), key),
        Err(_) => Failure::new(
            FailureClass::Server,
            "Gemini broke the answer off with an error that cannot be read",
        ),
    }
}

/// The error in a body, which may stand alone in a list.
fn envelope(body: &[u8]) -> Option<GoogleError> {
    let envelope = match body.trim_ascii_start().first() {
        Some(b'[') => {
            let list: Vec<Envelope> = serde_json::from_slice(body).ok()?;
            list.into_iter().next()?
        }
        _ => serde_json::from_slice(body).ok()?,
    };
    Some(envelope.error)
}

fn classify(status: u16, error: Option<&GoogleError>, key: &str) -> Failure {
    let Some(error) = error else {
        return Failure::stated(
            unreadable(status),
            status,
            format!("HTTP {status} without an error that can be read"),
        );
    };
    let said = message(error, status, key);
    let lower = said.to_ascii_lowercase();
    match class(status, error, &lower) {
        FailureClass::BadRequest => {
            Failure::callers(FailureClass::BadRequest, ApiError::invalid(said))
        }
        FailureClass::ContextLength => Failure::callers(
            FailureClass::ContextLength,
            ApiError::invalid_param("messages", said).code("context_length_exceeded"),
        ),
        class => {
            let mut failure = Failure::stated(class, status, said);
            // For a quota that is gone for today the hint is still one of seconds: it would mislead.
            if class != FailureClass::QuotaExhausted {
                failure.retry_after = error.details().find_map(retry_delay);
            }
            failure
        }
    }
}

/// What a status means with a body that is not Google's: whoever answered, it was not the model.
fn unreadable(status: u16) -> FailureClass {
    match status {
        401 | 403 => FailureClass::BadKey,
        402 => FailureClass::QuotaExhausted,
        404 => FailureClass::ModelNotFound,
        408 => FailureClass::Timeout,
        429 => FailureClass::RateLimited,
        503 | 529 => FailureClass::Overloaded,
        _ if (500..600).contains(&status) => FailureClass::Server,
        _ => FailureClass::Garbage,
    }
}

fn class(status: u16, error: &GoogleError, message: &str) -> FailureClass {
    let named = error.status.as_deref().unwrap_or_default();
    match status {
        400 => bad_request(named, error, message),
        401 | 403 => FailureClass::BadKey,
        402 => FailureClass::QuotaExhausted,
        404 => FailureClass::ModelNotFound,
        408 => FailureClass::Timeout,
        413 | 501 => FailureClass::Unsupported,
        422 => FailureClass::BadRequest,
        429 if is_exhausted(error, message) => FailureClass::QuotaExhausted,
        429 => FailureClass::RateLimited,
        503 | 529 => FailureClass::Overloaded,
        409 | 499 => FailureClass::Server,
        _ if (500..600).contains(&status) => FailureClass::Server,
        _ if (400..500).contains(&status) => FailureClass::Unsupported,
        _ => FailureClass::Garbage,
    }
}

fn bad_request(named: &str, error: &GoogleError, message: &str) -> FailureClass {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_key = error
        .details()
        .filter_map(reason)
        .any(|reason| reason.starts_with("API_KEY_"));
    if is_key || says(&["api key not valid", "api key expired", "api key not found"]) {
        return FailureClass::BadKey;
    }
    // The region or the billing of the operator's account.
    if named == "FAILED_PRECONDITION" {
        return FailureClass::Unsupported;
    }
    if says(&["token count"]) && says(&["exceeds"]) {
        return FailureClass::ContextLength;
    }
    // A signature that another model, key or endpoint has made, or one that a program lost: the caller's request is sound,
    // and a provider that needs no signatures can answer it.
    if says(&["thought signature", "thought_signature"]) {
        return FailureClass::Unsupported;
    }
    if says(&[
        "does not support",
        "doesn't support",
        "not supported",
        "not enabled for",
        "is unsupported",
        "unsupported mime type",
        "is not available",
    ]) {
        return FailureClass::Unsupported;
    }
    FailureClass::BadRequest
}

/// Whether a 429 is about more than this minute: a quota per day, a quota of zero, a limit on spending.
fn is_exhausted(error: &GoogleError, message: &str) -> bool {
    let of_zero = message.match_indices("limit: 0").any(|(at, matched)| {
        !message[at + matched.len()..]
            .starts_with(|next: char| next.is_ascii_digit() || next == '.')
    });
    let spent = [
        "spending cap",
        "spend limit",
        "spending limit",
        "prepaid",
        "prepay",
    ]
    .iter()
    .any(|word| message.contains(word));
    of_zero
        || spent
        || error
            .details()
            .filter_map(|detail| detail.get("violations")?.as_array())
            .flatten()
            .any(|violation| {
                let text = |key: &str| violation.get(key).and_then(Value::as_str);
                text("quotaId").is_some_and(|id| id.contains("PerDay"))
                    || text("quotaValue") == Some("0")
            })
}

fn reason(detail: &Value) -> Option<&str> {
    detail.get("reason")?.as_str()
}

/// `RetryInfo`'s delay: `"59s"`, `"34.07s"`.
fn retry_delay(detail: &Value) -> Option<Duration> {
    let delay = detail.get("retryDelay")?.as_str()?;
    seconds(delay.strip_suffix('s')?)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.0..=MAX_RETRY_SECONDS)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// What Google said, without the key, not endlessly.
fn message(error: &GoogleError, status: u16, key: &str) -> String {
    let said = error.message.as_deref().unwrap_or_default().trim();
    let mut said = match (said.is_empty(), &error.status) {
        (false, _) => Cow::Borrowed(said),
        (true, Some(named)) => Cow::Owned(format!("HTTP {status} {named}")),
        (true, None) => Cow::Owned(format!("HTTP {status}")),
    };
    if !key.is_empty() && said.contains(key) {
        said = Cow::Owned(said.replace(key, "***"));
    }
    match said.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.into_owned(),
    }
}
