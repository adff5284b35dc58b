//! What an upstream remembers of a request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::dialect::Dialect;

/// A request that came, and how it ended.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Whose protocol it spoke.
    pub dialect: Dialect,
    /// When it came, on the clock of whoever serves.
    pub at: Duration,
    /// The method.
    pub method: Method,
    /// The path, with the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What the upstream finds wrong with the request, also where something else was scripted for it.
    pub complaint: Option<String>,
    /// How it ended.
    pub ending: Ending,
}

/// How far the answer to a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Not to its end.
    Open,
    /// It was given whole.
    Complete,
    /// The upstream broke it off.
    Broken,
    /// The asker hung up before the end.
    HungUp,
}

impl Seen {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether the asker hung up before the end.
    pub fn is_cancelled(&self) -> bool {
        self.ending == Ending::HungUp
    }

    /// As `GET /__requests` tells it.
    pub fn to_json(&self) -> Value {
        let headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), Value::String(text))
            })
            .collect();
        let body = match serde_json::from_slice(&self.body) {
            Ok(json) => json,
            Err(_) if self.body.is_empty() => Value::Null,
            Err(_) => Value::String(String::from_utf8_lossy(&self.body).into_owned()),
        };
        json!({
            "method": self.method.as_str(),
            "path": self.path,
            "headers": headers,
            "body": body,
            "complaint": self.complaint,
            "cancelled": self.is_cancelled(),
        })
    }
}
