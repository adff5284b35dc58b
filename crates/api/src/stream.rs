//! Events into server-sent events.
//!
//! A stream ends with `data: [DONE]` where every answer in it has said why it ended, and with an error event where not:
//! no answer passes for whole that is not. Everything that is ready at the same time becomes one piece of bytes.
//!
//! `chat`, `completion` and `run` hold the encoders, which are plain values: events in, bytes out. `kept_alive` fills the
//! pauses of streams that may be silent for long.

mod chat;
mod completion;
mod frame;
mod kept_alive;
mod run;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt, select_all};
use locum_domain::{
    error::ApiError,
    failure::{Failure, FailureClass},
    run::RunEvent,
};
use locum_engine::{
    gateway::{EventStream, RawStream},
    ports::Clock,
};

use crate::wire::{self, AnswerHead, completions::Completion};

use self::{
    chat::ChatEncoder, completion::CompletionEncoder, kept_alive::KeptAlive, run::RunEncoder,
};

/// How many bytes are put together before they are handed on, although more is ready.
const ENOUGH_BYTES: usize = 32 * 1024;

/// The chunks of a chat completion.
pub fn chat_stream(
    events: EventStream,
    head: AnswerHead,
    include_usage: bool,
) -> impl Stream<Item = Bytes> + Send + Unpin + 'static {
    Encoded::new(events, ChatEncoder::new(head, include_usage))
}

/// The chunks of a text completion. `answers` are the answers to the prompts, in their order.
pub fn completion_stream(
    answers: Vec<EventStream>,
    completion: &Completion,
    head: AnswerHead,
) -> impl Stream<Item = Bytes> + Send + Unpin + 'static {
    let numbered = answers.into_iter().enumerate();
    Encoded::new(
        select_all(numbered.map(|(prompt, events)| events.map(move |batch| Ok((prompt, batch?))))),
        CompletionEncoder::new(head, completion),
    )
}

/// An answer that is server-sent events already; its error becomes the last of them.
pub fn raw_stream(events: RawStream) -> impl Stream<Item = Bytes> + Send + Unpin + 'static {
    events.map(|bytes| bytes.unwrap_or_else(|error| error_event(&error)))
}

/// A run's events. The stream ends with `done` where the run has ended or waits for outputs, whatever `events` would still
/// bring; in pauses there are comments.
pub fn run_stream<S>(
    events: S,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = Bytes> + Send + Unpin + 'static
where
    S: Stream<Item = Result<Vec<RunEvent>, ApiError>> + Send + Unpin + 'static,
{
    KeptAlive::new(Encoded::new(events, RunEncoder::default()), clock)
}

/// The last event of a run's stream whose source is gone: for a host that passes on what another process tells.
pub fn run_broken_off() -> Bytes {
    run::broken_off_event()
}

/// The error as an event. Both of OpenAI's SDKs raise it.
pub fn error_event(error: &ApiError) -> Bytes {
    let mut event = BytesMut::new();
    write_error(&mut event, error);
    event.freeze()
}

fn write_error(out: &mut BytesMut, error: &ApiError) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&wire::error::body(error));
    out.extend_from_slice(b"\n\n");
}

/// The answer is none: `what` is wrong with it.
fn broken(what: &str) -> ApiError {
    let failure = Failure::new(FailureClass::Garbage, what.to_owned());
    ApiError {
        message: format!("The model's answer cannot be used: {what}."),
        ..ApiError::from_failure("", &failure)
    }
}

/// Turns events into the bytes of one stream.
trait Encoder {
    /// Events that came together.
    type Batch;

    /// Appends `batch`.
    ///
    /// # Errors
    /// The events are none that an answer can consist of.
    fn events(&mut self, batch: Self::Batch, out: &mut BytesMut) -> Result<(), ApiError>;

    /// Whether nothing can follow but the end.
    fn is_over(&self) -> bool {
        false
    }

    /// Appends what comes at the end.
    ///
    /// # Errors
    /// The answer is not complete.
    fn end(&mut self, out: &mut BytesMut) -> Result<(), ApiError>;

    /// Appends the error that takes the end's place.
    fn error(&mut self, error: &ApiError, out: &mut BytesMut) {
        write_error(out, error);
    }
}

/// See [`Encoder`].
struct Encoded<S, E> {
    /// `None` once the end has been written.
    events: Option<S>,
    encoder: E,
    out: BytesMut,
}

impl<S, E> Encoded<S, E> {
    fn new(events: S, encoder: E) -> Self {
        Self {
            events: Some(events),
            encoder,
            out: BytesMut::new(),
        }
    }
}

impl<S, E> Stream for Encoded<S, E>
where
    E: Encoder + Unpin,
    S: Stream<Item = Result<E::Batch, ApiError>> + Unpin,
{
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Self {
            events: source,
            encoder,
            out,
        } = self.get_mut();
        while let Some(events) = source {
            let (mut written, ended) = match events.poll_next_unpin(cx) {
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(batch))) => (encoder.events(batch, out), encoder.is_over()),
                Poll::Ready(Some(Err(error))) => (Err(error), true),
                Poll::Ready(None) => (Ok(()), true),
            };
            if ended && written.is_ok() {
                written = encoder.end(out);
            }
            if let Err(error) = &written {
                encoder.error(error, out);
            }
            if ended || written.is_err() {
                *source = None;
            }
            if out.len() >= ENOUGH_BYTES {
                break;
            }
        }
        // Nothing is left only when the end was handed on before.
        Poll::Ready((!out.is_empty()).then(|| out.split().freeze()))
    }
}

#[cfg(test)]
mod tests;
