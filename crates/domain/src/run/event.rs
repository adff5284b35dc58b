//! What a client sees of a run while it streams, in the order of `assistants-streaming.md`: OpenAI's events, without
//! their spelling.

use super::{Run, Step};
use crate::{
    id::{MessageId, StepId},
    message::Message,
    thread::Thread,
};

/// One event of a run. An object in it is as it was at that moment.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// The thread was made together with the run.
    ThreadCreated(Box<Thread>),
    /// The run was made.
    RunCreated(Box<Run>),
    /// The run has another status, which names the event.
    RunChanged(Box<Run>),
    /// A step began: told as `created` and as `in_progress`.
    StepBegun(Box<Step>),
    /// A step has ended, as its status says.
    StepEnded(Box<Step>),
    /// A message was begun, without content: told as `created` and as `in_progress`.
    MessageBegun(Box<Message>),
    /// More text of a message.
    TextDelta {
        /// The message.
        message_id: MessageId,
        /// Which piece of its content; pieces begin at 0, without gaps.
        index: usize,
        /// Whether this is the first delta of that piece.
        first: bool,
        /// Never empty.
        text: String,
    },
    /// More of a message that says why the model will not answer.
    RefusalDelta {
        /// The message.
        message_id: MessageId,
        /// Which piece of its content.
        index: usize,
        /// Never empty.
        text: String,
    },
    /// A message has ended, as its status says, with all of its content.
    MessageEnded(Box<Message>),
    /// A step calls a function: the call's id and name, told once.
    CallBegun {
        /// The step.
        step_id: StepId,
        /// Which of its calls, from 0 without gaps.
        index: usize,
        /// The call's id.
        id: String,
        /// The function.
        name: String,
    },
    /// More of a call's arguments.
    CallDelta {
        /// The step.
        step_id: StepId,
        /// Which of its calls.
        index: usize,
        /// More of the JSON text.
        arguments: String,
    },
}

impl RunEvent {
    /// Whether it is told without having been stored: pieces of what will be stored whole.
    pub fn is_delta(&self) -> bool {
        matches!(
            self,
            Self::TextDelta { .. }
                | Self::RefusalDelta { .. }
                | Self::CallBegun { .. }
                | Self::CallDelta { .. }
        )
    }
}
