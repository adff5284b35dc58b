//! A fault with its circumstances, and how both are written in JSON.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use crate::{dialect::Dialect, fault::Fault};

/// What the script holds for coming requests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Behaviour {
    /// What happens.
    pub fault: Fault,
    /// Whose requests it happens to; `None`: whichever comes.
    pub dialect: Option<Dialect>,
    /// To how many requests, one after the other.
    pub times: u32,
    /// How long the upstream takes before.
    pub delay: Duration,
    /// How long it takes before each chunk of a stream, where that is longer than for all streams.
    pub pace: Duration,
}

impl From<Fault> for Behaviour {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            dialect: None,
            times: 1,
            delay: Duration::ZERO,
            pace: Duration::ZERO,
        }
    }
}

impl Fault {
    /// It happens to this many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Behaviour {
        Behaviour {
            times,
            ..self.into()
        }
    }

    /// It happens after `delay`.
    #[must_use]
    pub fn after(self, delay: Duration) -> Behaviour {
        Behaviour {
            delay,
            ..self.into()
        }
    }
}

impl Behaviour {
    /// It happens to requests in `dialect`.
    #[must_use]
    pub fn of(self, dialect: Dialect) -> Self {
        Self {
            dialect: Some(dialect),
            ..self
        }
    }

    /// It happens after `delay`.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// It happens this slowly.
    #[must_use]
    pub fn at_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }
}

/// A behaviour as `POST /__script` takes it: one of `fault`, `status`, `body` and `chunks`, or none of them for a good
/// answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fault: Option<Named>,
    after: Option<usize>,
    status: Option<u16>,
    retry_after: Option<u64>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<Value>,
    chunks: Option<Vec<Value>>,
    dialect: Option<Dialect>,
    times: Option<u32>,
    delay_ms: Option<u64>,
    pace_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Good,
    RefuseReset,
    Silent,
    Html,
    BrokenJson,
    Cut,
    Stall,
    Truncate,
    MalformedChunk,
    ErrorChunk,
    NoDone,
    Endless,
    Dribble,
    OutOfQuota,
    BadKey,
}

impl TryFrom<Written> for Behaviour {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let after = written.after.unwrap_or(1);
        let named = written.fault.map(|named| match named {
            Named::Good => Fault::Good,
            Named::RefuseReset => Fault::Reset,
            Named::Silent => Fault::Silent,
            Named::Html => Fault::Html,
            Named::BrokenJson => Fault::BrokenJson,
            Named::Cut => Fault::Cut(after),
            Named::Stall => Fault::Stall(after),
            Named::Truncate => Fault::Truncate(after),
            Named::MalformedChunk => Fault::MalformedChunk(after),
            Named::ErrorChunk => Fault::ErrorChunk(after),
            Named::NoDone => Fault::NoDone,
            Named::Endless => Fault::Endless,
            Named::Dribble => Fault::Dribble(after),
            Named::OutOfQuota => Fault::OutOfQuota,
            Named::BadKey => Fault::BadKey,
        });
        let headers: Vec<_> = written.headers.into_iter().flatten().collect();
        let fault = match (named, written.chunks, written.body) {
            (Some(fault), None, None) => fault,
            (None, Some(chunks), None) => Fault::Chunks(chunks),
            (None, None, Some(body)) => Fault::Exactly {
                status: written.status.unwrap_or(200),
                headers,
                body,
            },
            (None, None, None) => match (written.status, written.retry_after) {
                (None, None) => Fault::Good,
                (None | Some(429), Some(seconds)) => Fault::RetryAfter(seconds),
                (Some(_), Some(_)) => return Err("`retry_after` goes with 429 alone".to_owned()),
                (Some(status), None) if headers.is_empty() => Fault::Status(status),
                (Some(status), None) => Fault::StatusWith { status, headers },
            },
            _ => return Err("give one of `fault`, `chunks` and `body`".to_owned()),
        };
        Ok(Self {
            fault,
            dialect: written.dialect,
            times: written.times.unwrap_or(1),
            delay: Duration::from_millis(written.delay_ms.unwrap_or(0)),
            pace: Duration::from_millis(written.pace_ms.unwrap_or(0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(written: Value, expected: impl Into<Behaviour>) {
        let behaviour: Behaviour = serde_json::from_value(written).unwrap();
        assert_eq!(behaviour, expected.into());
    }

    #[test]
    fn behaviours_are_read_as_they_are_written() {
        check(json!({"fault": "refuse_reset"}), Fault::Reset);
        check(json!({"fault": "cut", "after": 3}), Fault::Cut(3));
        check(
            json!({"status": 503, "times": 2}),
            Fault::Status(503).times(2),
        );
        check(
            json!({"status": 429, "retry_after": 1}),
            Fault::RetryAfter(1),
        );
        check(json!({"body": {"a": 1}}), Fault::body(json!({"a": 1})));
        check(
            json!({"status": 429, "headers": {"x-a": "b"}, "body": {}}),
            Fault::Exactly {
                status: 429,
                headers: vec![("x-a".into(), "b".into())],
                body: json!({}),
            },
        );
        check(json!({"chunks": ["x"]}), Fault::Chunks(vec![json!("x")]));
        check(
            json!({"dialect": "gemini", "delay_ms": 20}),
            Fault::Good
                .after(Duration::from_millis(20))
                .of(Dialect::Gemini),
        );
        check(
            json!({"chunks": ["x"], "pace_ms": 20}),
            Fault::Chunks(vec![json!("x")])
                .times(1)
                .at_pace(Duration::from_millis(20)),
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for written in [
            json!({"fault": "cut", "body": {}}),
            json!({"status": 500, "retry_after": 1}),
            json!({"fault": "unheard"}),
            json!({"faults": "cut"}),
        ] {
            assert!(
                serde_json::from_value::<Behaviour>(written.clone()).is_err(),
                "{written}"
            );
        }
    }
}
