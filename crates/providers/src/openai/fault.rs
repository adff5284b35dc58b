//! Error bodies in OpenAI's format, and what servers that speak like it send instead: which class of failure they state.

use std::{borrow::Cow, time::Duration};

use http::{HeaderMap, StatusCode};
use locum_domain::{
    error::{ApiError, INVALID_REQUEST},
    failure::{Failure, FailureClass},
};
use serde_json::Value;

/// Longer messages are cut: they go into logs and to clients.
const MAX_MESSAGE_CHARS: usize = 500;

/// What an upstream says went wrong.
#[derive(Debug, Default)]
struct Said {
    message: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    code: Option<String>,
    /// Whether the provider's own moderation refused what the user wrote.
    flagged: bool,
}

/// Reads a response whose status is no success. `key` is the operator's key, which must not be in what comes out.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8], key: &str) -> Failure {
    let said = serde_json::from_slice(body)
        .ok()
        .and_then(|body| Said::of_body(&body, key));
    let status = status.as_u16();
    let mut failure = match said {
        Some(said) => said.failure(status),
        None => unexplained(status),
    };
    failure.retry_after = retry_after(headers).or_else(|| asked_pause(&failure));
    failure
}

/// Reads the `error` that stands in a whole answer whose status was a success. A fault of the server's own is garbage then: a
/// server that cannot tell the two apart will not do better at once.
pub(super) fn in_whole(error: &[u8], key: &str) -> Failure {
    let mut failure = in_band(error, key);
    if failure.class == FailureClass::Server {
        failure.class = FailureClass::Garbage;
    }
    failure
}

/// Reads the `error` of an event of a stream.
pub(super) fn in_band(error: &[u8], key: &str) -> Failure {
    let Ok(error) = serde_json::from_slice::<Value>(error) else {
        return Failure::new(FailureClass::Server, "an error without words");
    };
    Said::of_error(&error, key).failure_without_status()
}

/// An event without `choices` that is an error in the manner of other servers (`"object": "error"`).
pub(super) fn in_disguise(data: &[u8], key: &str) -> Option<Failure> {
    let body: Value = serde_json::from_slice(data).ok()?;
    let says_error = |field: &str| body.get(field).and_then(Value::as_str) == Some("error");
    if !says_error("object") && !says_error("type") {
        return None;
    }
    Some(Said::of_error(&body, key).failure_without_status())
}

/// A failure of the class that a status alone stands for.
fn unexplained(status: u16) -> Failure {
    let class = match status {
        401 | 403 => FailureClass::BadKey,
        402 => FailureClass::QuotaExhausted,
        400 | 413 | 422 => {
            return callers(
                FailureClass::BadRequest,
                status,
                Said {
                    message: Some(format!(
                        "The upstream refused the request with status {status} and no reason."
                    )),
                    ..Said::default()
                },
            );
        }
        404 | 405 => {
            return Failure::stated(
                FailureClass::Server,
                status,
                format!("status {status} without an error body: is the base URL right?"),
            );
        }
        300..400 => {
            return Failure::stated(
                FailureClass::Server,
                status,
                "a redirect, which is not followed: is the base URL right?",
            );
        }
        408 => FailureClass::Timeout,
        429 => FailureClass::RateLimited,
        503 | 529 => FailureClass::Overloaded,
        _ => FailureClass::Server,
    };
    Failure::stated(
        class,
        status,
        format!("status {status} without an error body"),
    )
}

impl Said {
    /// Reads a whole body; `None` where it explains nothing.
    fn of_body(body: &Value, key: &str) -> Option<Self> {
        if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
            return Some(Self::of_error(error, key));
        }
        let said = Self::of_error(body, key);
        said.message.is_some().then_some(said)
    }

    /// Reads what stands as `error`: an object, or just a sentence.
    fn of_error(error: &Value, key: &str) -> Self {
        let text = |field: &str| match error.get(field)? {
            Value::String(text) if !text.is_empty() => Some(sanitized(text, key)),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            message: error
                .as_str()
                .map(|text| sanitized(text, key))
                .or_else(|| text("message"))
                .or_else(|| detail(error).map(|text| sanitized(text, key))),
            kind: text("type"),
            param: text("param"),
            code: text("code"),
            flagged: error.pointer("/metadata/flagged_input").is_some(),
        }
    }

    fn failure_without_status(self) -> Failure {
        let status = self.implied_status();
        let mut failure = self.failure(status);
        failure.status = None;
        failure
    }

    fn failure(self, status: u16) -> Failure {
        let class = self.class(status);
        if class.is_callers_fault() {
            return callers(class, status, self);
        }
        let message: Cow<'static, str> = match class {
            // What the upstream says of a key may repeat a part of it.
            FailureClass::BadKey => format!(
                "the key is not accepted ({})",
                self.code
                    .as_deref()
                    .or(self.kind.as_deref())
                    .unwrap_or("no code")
            )
            .into(),
            _ => match self.message {
                Some(message) if status == 404 && class == FailureClass::Server => {
                    format!("{message} (is the base URL right?)").into()
                }
                Some(message) => message.into(),
                None => format!("status {status} without a message").into(),
            },
        };
        Failure::stated(class, status, message)
    }

    fn class(&self, status: u16) -> FailureClass {
        if let Some(class) = self.class_by_word() {
            return class;
        }
        match status {
            403 if self.flagged => FailureClass::ContentPolicy,
            401 | 403 => FailureClass::BadKey,
            402 => FailureClass::QuotaExhausted,
            404 if self.speaks_of("model") || self.speaks_of("endpoints") => {
                FailureClass::ModelNotFound
            }
            400 if self.speaks_of("incorrect api key") || self.speaks_of("api key not valid") => {
                FailureClass::BadKey
            }
            400 | 413 | 422
                if self.speaks_of("maximum context length")
                    || self.speaks_of("prompt is too long") =>
            {
                FailureClass::ContextLength
            }
            400 | 413 | 422 => FailureClass::BadRequest,
            408 => FailureClass::Timeout,
            429 if self.speaks_of("exceeded your current quota") => FailureClass::QuotaExhausted,
            429 => FailureClass::RateLimited,
            503 | 529 => FailureClass::Overloaded,
            _ => FailureClass::Server,
        }
    }

    /// The class that `code` or `type` states beyond doubt.
    fn class_by_word(&self) -> Option<FailureClass> {
        [&self.code, &self.kind]
            .into_iter()
            .flatten()
            .find_map(|word| {
                Some(match word.as_str() {
                    "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" => {
                        FailureClass::QuotaExhausted
                    }
                    "context_length_exceeded" | "exceed_context_size_error" => {
                        FailureClass::ContextLength
                    }
                    "content_policy_violation" | "content_filter" => FailureClass::ContentPolicy,
                    "model_not_found" | "DeploymentNotFound" => FailureClass::ModelNotFound,
                    "invalid_api_key" | "authentication_error" => FailureClass::BadKey,
                    "overloaded_error" => FailureClass::Overloaded,
                    _ => return None,
                })
            })
    }

    /// The status that an error without one would have had.
    fn implied_status(&self) -> u16 {
        let stated = self
            .code
            .as_deref()
            .and_then(|code| code.parse().ok())
            .filter(|status| (400..600).contains(status));
        if let Some(status) = stated {
            return status;
        }
        let word = |word: &str| {
            [&self.code, &self.kind]
                .into_iter()
                .flatten()
                .any(|said| said == word)
        };
        if word("rate_limit_exceeded") || word("rate_limit_error") || word("insufficient_quota") {
            429
        } else if word("invalid_request_error")
            || word("context_length_exceeded")
            || word("content_policy_violation")
            || word("content_filter")
        {
            400
        } else if word("overloaded_error") {
            503
        } else {
            500
        }
    }

    fn speaks_of(&self, words: &str) -> bool {
        self.message
            .as_deref()
            .is_some_and(|message| message.to_ascii_lowercase().contains(words))
    }
}

/// The caller's own fault, handed on in the upstream's words.
fn callers(class: FailureClass, status: u16, said: Said) -> Failure {
    Failure::callers(
        class,
        ApiError {
            // Whatever the status was, the class says that the caller must change the request.
            status: if matches!(status, 400 | 413 | 422) {
                status
            } else {
                400
            },
            kind: said.kind.map_or(Cow::Borrowed(INVALID_REQUEST), Cow::Owned),
            code: said.code.map(Cow::Owned),
            param: said.param,
            message: said
                .message
                .unwrap_or_else(|| "The upstream refused the request without a reason.".to_owned()),
            retry_after: None,
            should_retry: None,
        },
    )
}

/// What servers made with FastAPI say: a sentence, or a list of them.
fn detail(body: &Value) -> Option<&str> {
    let detail = body.get("detail")?;
    detail
        .as_str()
        .or_else(|| detail.pointer("/0/msg")?.as_str())
}

/// Fit for logs and clients: without the key, without control characters, not long.
fn sanitized(text: &str, key: &str) -> String {
    let without_key = if !key.is_empty() && text.contains(key) {
        Cow::Owned(text.replace(key, "[key]"))
    } else {
        Cow::Borrowed(text)
    };
    let mut chars = without_key
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    let mut short: String = chars.by_ref().take(MAX_MESSAGE_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// `retry-after-ms`, else `retry-after` in seconds, whole or not. Dates are passed over: there is no clock here.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number =
        |name: &str| -> Option<f64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The pause of a sentence such as "Please try again in 1.5s", which is all the hint that some servers give.
fn asked_pause(failure: &Failure) -> Option<Duration> {
    if failure.class != FailureClass::RateLimited {
        return None;
    }
    let (_, asked) = failure.message.split_once("try again in ")?;
    let digits = asked.find(|char: char| !char.is_ascii_digit() && char != '.')?;
    let (number, unit) = asked.split_at(digits);
    let seconds_per_unit = if unit.starts_with("ms") {
        0.001
    } else if unit.trim_start().starts_with('s') {
        1.0
    } else {
        return None;
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds_per_unit).ok()
}
