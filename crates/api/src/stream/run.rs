//! The events of a run.
//!
//! Objects are spelled by [`wire`](crate::wire). Deltas, of which there are many, are written straight into the bytes; of
//! each piece they tell what does not change but once, because programs join the texts of all of them.

use bytes::{Bytes, BytesMut};
use locum_domain::{
    error::ApiError,
    id::{MessageId, StepId},
    message::MessageStatus,
    run::{Run, RunEvent, RunStatus, step::StepStatus},
};
use serde::Serialize;

use super::{Encoder, frame::write};
use crate::wire::{
    encode, message::MessageObject, run::RunObject, step::StepObject, thread::ThreadObject,
};

/// Writes a run's events.
#[derive(Default)]
pub(super) struct RunEncoder {
    /// What was told of the run last.
    status: Option<RunStatus>,
}

impl Encoder for RunEncoder {
    type Batch = Vec<RunEvent>;

    fn events(&mut self, batch: Vec<RunEvent>, out: &mut BytesMut) -> Result<(), ApiError> {
        for event in &batch {
            self.event(event, out);
            if self.is_over() {
                break;
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.status
            .is_some_and(|status| status.is_terminal() || status == RunStatus::RequiresAction)
    }

    fn end(&mut self, out: &mut BytesMut) -> Result<(), ApiError> {
        if !self.is_over() {
            return Err(broken_off());
        }
        out.extend_from_slice(b"event: done\ndata: [DONE]\n\n");
        Ok(())
    }

    fn error(&mut self, error: &ApiError, out: &mut BytesMut) {
        frame(out, "error", &ErrorObject::from(error));
    }
}

/// Whoever told the events is gone, and the run is not.
fn broken_off() -> ApiError {
    ApiError {
        message: "The run goes on, but its events broke off. Retrieve the run to see how it ends."
            .to_owned(),
        ..ApiError::internal()
    }
}

/// The event that ends a stream whose source is gone. Both of OpenAI's SDKs raise it.
pub(super) fn broken_off_event() -> Bytes {
    let mut event = BytesMut::new();
    frame(&mut event, "error", &ErrorObject::from(&broken_off()));
    event.freeze()
}

impl RunEncoder {
    fn event(&mut self, event: &RunEvent, out: &mut BytesMut) {
        match event {
            RunEvent::ThreadCreated(thread) => {
                frame(out, "thread.created", &ThreadObject::from(&**thread));
            }
            RunEvent::RunCreated(run) => frame(out, "thread.run.created", &RunObject::from(&**run)),
            RunEvent::RunChanged(run) => self.run_changed(run, out),
            RunEvent::StepBegun(step) => {
                let object = encode(&StepObject::from(&**step));
                encoded_frame(out, "thread.run.step.created", &object);
                encoded_frame(out, "thread.run.step.in_progress", &object);
            }
            RunEvent::StepEnded(step) => {
                frame(out, step_event(step.status), &StepObject::from(&**step));
            }
            RunEvent::MessageBegun(message) => {
                let object = encode(&MessageObject::from(&**message));
                encoded_frame(out, "thread.message.created", &object);
                encoded_frame(out, "thread.message.in_progress", &object);
            }
            RunEvent::MessageEnded(message) => {
                let object = MessageObject::from(&**message);
                frame(out, message_event(message.status), &object);
            }
            RunEvent::TextDelta {
                message_id,
                index,
                first,
                text,
            } => text_delta(out, message_id, *index, *first, text),
            RunEvent::RefusalDelta {
                message_id,
                index,
                text,
            } => refusal_delta(out, message_id, *index, text),
            RunEvent::CallBegun {
                step_id,
                index,
                id,
                name,
            } => call_begun(out, step_id, *index, id, name),
            RunEvent::CallDelta {
                step_id,
                index,
                arguments,
            } => call_delta(out, step_id, *index, arguments),
        }
    }

    fn run_changed(&mut self, run: &Run, out: &mut BytesMut) {
        self.status = Some(run.status);
        frame(out, run_event(run.status), &RunObject::from(run));
    }
}

fn run_event(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Queued => "thread.run.queued",
        RunStatus::InProgress => "thread.run.in_progress",
        RunStatus::RequiresAction => "thread.run.requires_action",
        RunStatus::Cancelling => "thread.run.cancelling",
        RunStatus::Cancelled => "thread.run.cancelled",
        RunStatus::Failed => "thread.run.failed",
        RunStatus::Completed => "thread.run.completed",
        RunStatus::Incomplete => "thread.run.incomplete",
        RunStatus::Expired => "thread.run.expired",
    }
}

fn step_event(status: StepStatus) -> &'static str {
    match status {
        StepStatus::InProgress => "thread.run.step.in_progress",
        StepStatus::Cancelled => "thread.run.step.cancelled",
        StepStatus::Failed => "thread.run.step.failed",
        StepStatus::Completed => "thread.run.step.completed",
        StepStatus::Expired => "thread.run.step.expired",
    }
}

fn message_event(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::InProgress => "thread.message.in_progress",
        MessageStatus::Incomplete => "thread.message.incomplete",
        MessageStatus::Completed => "thread.message.completed",
    }
}

fn frame(out: &mut BytesMut, event: &str, object: &impl Serialize) {
    head(out, event);
    write(out, object);
    out.extend_from_slice(b"\n\n");
}

fn encoded_frame(out: &mut BytesMut, event: &str, object: &[u8]) {
    head(out, event);
    out.extend_from_slice(object);
    out.extend_from_slice(b"\n\n");
}

fn head(out: &mut BytesMut, event: &str) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\ndata: ");
}

fn text_delta(out: &mut BytesMut, id: &MessageId, index: usize, first: bool, text: &str) {
    message_delta(out, id, index);
    out.extend_from_slice(br#","type":"text","text":{"value":"#);
    write(out, text);
    if first {
        out.extend_from_slice(br#","annotations":[]"#);
    }
    out.extend_from_slice(b"}}]}}\n\n");
}

fn refusal_delta(out: &mut BytesMut, id: &MessageId, index: usize, text: &str) {
    message_delta(out, id, index);
    out.extend_from_slice(br#","type":"refusal","refusal":"#);
    write(out, text);
    out.extend_from_slice(b"}]}}\n\n");
}

/// A delta up to the index of the piece of content that it is about, whose object stays open.
fn message_delta(out: &mut BytesMut, id: &MessageId, index: usize) {
    head(out, "thread.message.delta");
    out.extend_from_slice(br#"{"id":"#);
    write(out, id.as_str());
    out.extend_from_slice(br#","object":"thread.message.delta","delta":{"content":[{"index":"#);
    write(out, &index);
}

fn call_begun(out: &mut BytesMut, step: &StepId, index: usize, id: &str, name: &str) {
    step_delta(out, step, index);
    out.extend_from_slice(br#","id":"#);
    write(out, id);
    out.extend_from_slice(br#","type":"function","function":{"name":"#);
    write(out, name);
    out.extend_from_slice(br#","arguments":"","output":null"#);
    out.extend_from_slice(b"}}]}}}\n\n");
}

fn call_delta(out: &mut BytesMut, step: &StepId, index: usize, arguments: &str) {
    step_delta(out, step, index);
    out.extend_from_slice(br#","type":"function","function":{"arguments":"#);
    write(out, arguments);
    out.extend_from_slice(b"}}]}}}\n\n");
}

/// A delta up to the index of the call that it is about, whose object stays open.
fn step_delta(out: &mut BytesMut, id: &StepId, index: usize) {
    head(out, "thread.run.step.delta");
    out.extend_from_slice(br#"{"id":"#);
    write(out, id.as_str());
    out.extend_from_slice(
        br#","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":"#,
    );
    write(out, &index);
}

/// An error in both forms: OpenAI's document has the members at the top, and its Python SDK looks for them under `error`.
#[derive(Serialize)]
struct ErrorObject<'a> {
    error: ErrorFields<'a>,
    #[serde(flatten)]
    same: ErrorFields<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct ErrorFields<'a> {
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    r#type: &'a str,
}

impl<'a> From<&'a ApiError> for ErrorObject<'a> {
    fn from(error: &'a ApiError) -> Self {
        let fields = ErrorFields {
            code: error.code.as_deref(),
            message: &error.message,
            param: error.param.as_deref(),
            r#type: &error.kind,
        };
        Self {
            error: fields,
            same: fields,
        }
    }
}
