//! The operator's script: what to answer to which text.
//!
//! `docs/rehearsal.md` describes the file. It is read as a whole at start; an entry that is wrong is named.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use locum_domain::{
    chat::FinishReason,
    error::{ApiError, INVALID_REQUEST},
    failure::{Failure, FailureClass},
};
use serde::Deserialize;
use serde_json::Value;

use super::line::{Call, Line};

/// The entries, in the order in which they are looked at.
#[derive(Default)]
pub(super) struct Script {
    entries: Vec<Entry>,
}

struct Entry {
    expect: String,
    answer: Result<Line, Failure>,
    pace: Option<Duration>,
    /// How often it may still be played; `None`: always. The one thing that a request changes: a script that fails twice and then
    /// answers needs a memory.
    left: Option<AtomicU32>,
}

impl Script {
    /// # Errors
    /// What is wrong with the script, and in which entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries: Vec<Value> = serde_json::from_str(text)
            .map_err(|error| format!("the script is no JSON array of entries: {error}"))?;
        let entries = entries
            .into_iter()
            .enumerate()
            .map(|(index, entry)| {
                Entry::parse(entry)
                    .map_err(|error| format!("entry {} of the script: {error}", index + 1))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The first entry that fits what was heard and is not used up: its answer, and its pace.
    pub fn answer(&self, heard: &str) -> Option<(Result<Line, Failure>, Option<Duration>)> {
        let entry = self.entries.iter().find(|entry| entry.plays(heard))?;
        Some((entry.answer.clone(), entry.pace))
    }
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    #[serde(default)]
    expect: String,
    answer: Value,
    pace_ms: Option<u64>,
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAnswer {
    text: Option<String>,
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Vec<WrittenCall>,
    finish_reason: Option<String>,
    error: Option<WrittenError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenError {
    status: u16,
    message: String,
    r#type: Option<String>,
    code: Option<String>,
    param: Option<String>,
    retry_after_ms: Option<u64>,
}

impl Entry {
    fn parse(entry: Value) -> Result<Self, String> {
        if !entry.is_object() {
            return Err("it must be an object".to_owned());
        }
        let entry: WrittenEntry =
            serde_json::from_value(entry).map_err(|error| error.to_string())?;
        if entry.times == Some(0) {
            return Err("`times` must be at least 1".to_owned());
        }
        let answer = match entry.answer {
            Value::String(text) => Ok(Line {
                text,
                ..Line::default()
            }),
            Value::Object(_) => serde_json::from_value::<WrittenAnswer>(entry.answer)
                .map_err(|error| format!("`answer`: {error}"))?
                .read()
                .map_err(|error| format!("`answer`: {error}"))?,
            _ => return Err("`answer` must be a text or an object".to_owned()),
        };
        Ok(Self {
            expect: entry.expect,
            answer,
            pace: entry.pace_ms.map(Duration::from_millis),
            left: entry.times.map(AtomicU32::new),
        })
    }

    fn plays(&self, heard: &str) -> bool {
        heard.contains(&self.expect)
            && self.left.as_ref().is_none_or(|left| {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
            })
    }
}

impl WrittenAnswer {
    fn read(self) -> Result<Result<Line, Failure>, String> {
        let says_something =
            self.text.is_some() || self.refusal.is_some() || !self.tool_calls.is_empty();
        if let Some(error) = self.error {
            if says_something || self.finish_reason.is_some() {
                return Err("an `error` stands alone".to_owned());
            }
            return error.read().map(Err);
        }
        if !says_something {
            return Err("one of `text`, `refusal`, `tool_calls` and `error` is needed".to_owned());
        }
        let finish = match self.finish_reason.as_deref() {
            None => None,
            Some("stop") => Some(FinishReason::Stop),
            Some("length") => Some(FinishReason::Length),
            Some("tool_calls") => Some(FinishReason::ToolCalls),
            Some("content_filter") => Some(FinishReason::ContentFilter),
            Some(other) => {
                return Err(format!(
                    "`finish_reason` is `{other}`, not stop, length, tool_calls or content_filter"
                ));
            }
        };
        Ok(Ok(Line {
            text: self.text.unwrap_or_default(),
            refusal: self.refusal.unwrap_or_default(),
            calls: self
                .tool_calls
                .into_iter()
                .map(WrittenCall::read)
                .collect::<Result<_, _>>()?,
            finish,
        }))
    }
}

impl WrittenCall {
    fn read(self) -> Result<Call, String> {
        Ok(Call {
            arguments: match self.arguments {
                Value::Null => "{}".to_owned(),
                Value::String(text) => text,
                object @ Value::Object(_) => object.to_string(),
                _ => {
                    return Err(format!(
                        "the `arguments` of {} must be an object or a text",
                        self.name
                    ));
                }
            },
            name: self.name,
        })
    }
}

impl WrittenError {
    /// The failure that an upstream with this status would have been.
    fn read(self) -> Result<Failure, String> {
        let class = match (self.status, self.code.as_deref()) {
            (_, Some("context_length_exceeded")) => FailureClass::ContextLength,
            (_, Some("content_filter" | "content_policy_violation")) => FailureClass::ContentPolicy,
            (_, Some("insufficient_quota")) => FailureClass::QuotaExhausted,
            (400 | 413 | 422, _) => FailureClass::BadRequest,
            (401 | 403, _) => FailureClass::BadKey,
            (404, _) => FailureClass::ModelNotFound,
            (408, _) => FailureClass::Timeout,
            (429, _) => FailureClass::RateLimited,
            (503 | 529, _) => FailureClass::Overloaded,
            (500..600, _) => FailureClass::Server,
            (status, _) => {
                return Err(format!(
                    "`status` is {status}, not one of 400, 401, 403, 404, 408, 413, 422, 429 and 500 to 599"
                ));
            }
        };
        let retry_after = self.retry_after_ms.map(Duration::from_millis);
        if !class.is_callers_fault() {
            let mut failure = Failure::stated(class, self.status, self.message);
            failure.retry_after = retry_after;
            return Ok(failure);
        }
        Ok(Failure::callers(
            class,
            ApiError {
                status: self.status,
                kind: self
                    .r#type
                    .map_or(Cow::Borrowed(INVALID_REQUEST), Cow::Owned),
                code: self.code.map(Cow::Owned),
                param: self.param,
                message: self.message,
                retry_after,
                should_retry: None,
            },
        ))
    }
}
