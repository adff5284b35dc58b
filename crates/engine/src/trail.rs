//! What is noted about one request on its way, for its log line and its metrics.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use locum_domain::{chat::Usage, failure::FailureClass};

/// The notes of one request. Whoever learns something writes it down; whoever ends the request reads it.
#[derive(Debug)]
pub struct Trail {
    /// The id that the client sees as `x-request-id` and every log line carries.
    pub request_id: String,
    /// When the request came, on the engine's clock.
    pub started: Duration,
    notes: Mutex<Notes>,
}

/// See [`Trail`].
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// What the request asked for: `chat`, `completion`, `embeddings`; `None` where no model is involved.
    pub operation: Option<&'static str>,
    /// The model that the client named.
    pub requested_model: Option<String>,
    /// The provider that answered, or failed last.
    pub provider: Option<&'static str>,
    /// The model that answered, or failed last.
    pub model: Option<String>,
    /// Whether another provider answered than the one asked first.
    pub fallback: bool,
    /// Upstream requests made.
    pub tries: u32,
    /// From the request's coming to the first content.
    pub first_token: Option<Duration>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// How the answer failed, if it did.
    pub failure: Option<FailureClass>,
    /// Whether the answer was streamed.
    pub streamed: bool,
}

impl Trail {
    /// An empty trail. `started`: now, on the engine's clock.
    pub fn new(request_id: String, started: Duration) -> Self {
        Self {
            request_id,
            started,
            notes: Mutex::default(),
        }
    }

    /// The notes, to write into or to read.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
