//! Log lines, the same on every host: what is let through, and how a line is made of it.
//!
//! Every line that belongs to a request carries its id. Dependencies speak only when something is wrong. Nothing here
//! redacts: who writes a line answers for it that it holds no prompt and no secret. Nothing here writes either, or knows the
//! time: a host gives an [`Output`] and a clock. Read in this order: [`levels`] (what is let through), [`lines`] and [`form`]
//! (how a line is made), [`time`].

mod escape;
pub mod form;
pub mod levels;
pub mod lines;
pub mod time;

use std::time::Duration;

use tracing::Metadata;

/// Takes lines.
pub trait Output: Send + Sync + 'static {
    /// Takes a line, which ends with a newline; an `urgent` one should not wait for others.
    fn push(&self, line: &[u8], urgent: bool);
}

/// A host's clock: the time since 1970.
pub type Now = fn() -> Duration;

/// Whether this is the span around a request.
pub fn is_request(metadata: &Metadata<'_>) -> bool {
    metadata.name() == "request" && metadata.target().starts_with("locum")
}

/// Whether this is a span that traces show.
pub fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && (metadata.target() == "locum::genai" || is_request(metadata))
}
