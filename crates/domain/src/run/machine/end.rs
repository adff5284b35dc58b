//! Every way in which a run ends, and what becomes of what it has open.

use super::{Answer, Machine, Open, Turn};
use crate::{
    message::{Content, Message, MessageIncomplete, MessageStatus},
    run::{RunError, RunIncomplete, RunStatus, Step, StepDetails, StepStatus},
};

/// How a run ends; a step that ends while its run goes on is [`Ending::Completed`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// It is done.
    Completed,
    /// A limit of tokens.
    Limit(RunIncomplete),
    /// The provider's policy.
    Filtered,
    /// It failed.
    Failed(RunError),
    /// It was stopped.
    Cancelled,
    /// It took too long.
    Expired,
}

impl Ending {
    fn run_status(&self) -> RunStatus {
        match self {
            Self::Completed => RunStatus::Completed,
            Self::Limit(_) | Self::Filtered => RunStatus::Incomplete,
            Self::Failed(_) => RunStatus::Failed,
            Self::Cancelled => RunStatus::Cancelled,
            Self::Expired => RunStatus::Expired,
        }
    }

    /// A step has no word for incomplete. One that wrote a message has done that; calls that were cut off are nothing
    /// that anybody could run.
    fn step_status(&self, details: &StepDetails) -> StepStatus {
        match (self, details) {
            (Self::Completed, _) | (Self::Limit(_) | Self::Filtered, StepDetails::Message(_)) => {
                StepStatus::Completed
            }
            (Self::Limit(_) | Self::Filtered, StepDetails::Calls(_)) | (Self::Cancelled, _) => {
                StepStatus::Cancelled
            }
            (Self::Failed(_), _) => StepStatus::Failed,
            (Self::Expired, _) => StepStatus::Expired,
        }
    }

    fn message_incomplete(&self) -> Option<MessageIncomplete> {
        match self {
            Self::Completed => None,
            Self::Limit(_) => Some(MessageIncomplete::MaxTokens),
            Self::Filtered => Some(MessageIncomplete::ContentFilter),
            Self::Failed(_) => Some(MessageIncomplete::RunFailed),
            Self::Cancelled => Some(MessageIncomplete::RunCancelled),
            Self::Expired => Some(MessageIncomplete::RunExpired),
        }
    }

    fn error(&self) -> Option<&RunError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl Machine {
    /// Ends the run, from the inside out: message, step, run.
    pub(super) fn end(&mut self, turn: &mut Turn<'_>, ending: Ending) {
        self.count_answer();
        self.close(turn, &ending);
        self.write_late(turn, &ending);
        self.answer = Answer::default();

        let run = &mut self.run;
        run.status = ending.run_status();
        run.required_calls.clear();
        run.written_ahead = None;
        let now = Some(turn.now);
        match ending {
            Ending::Completed | Ending::Filtered => run.completed_at = now,
            Ending::Limit(limit) => {
                run.completed_at = now;
                run.incomplete = Some(limit);
            }
            Ending::Failed(error) => {
                run.failed_at = now;
                run.last_error = Some(error);
            }
            Ending::Cancelled => run.cancelled_at = now,
            Ending::Expired => {}
        }
        turn.run_changed(run);
    }

    /// Ends what is open, message before step.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>, ending: &Ending) {
        if let Some(Open { step, message }) = self.open.take() {
            if let Some(message) = message {
                turn.message_ended(ended_message(message, turn, ending));
            }
            turn.step_ended(ended_step(step, turn, ending));
        }
    }
}

fn ended_message(mut message: Message, turn: &Turn<'_>, ending: &Ending) -> Message {
    message.incomplete = ending.message_incomplete();
    if message.incomplete.is_some() {
        message.status = MessageStatus::Incomplete;
        message.incomplete_at = Some(turn.now);
    } else {
        message.status = MessageStatus::Completed;
        message.completed_at = Some(turn.now);
        if message.content.is_empty() {
            message.content.push(Content::Text(String::new()));
        }
    }
    message
}

fn ended_step(mut step: Step, turn: &Turn<'_>, ending: &Ending) -> Step {
    step.status = ending.step_status(&step.details);
    step.last_error = ending.error().cloned();
    step.usage.get_or_insert_default();
    let ended_at = match step.status {
        StepStatus::InProgress => return step,
        StepStatus::Cancelled => &mut step.cancelled_at,
        StepStatus::Failed => &mut step.failed_at,
        StepStatus::Completed => &mut step.completed_at,
        StepStatus::Expired => &mut step.expired_at,
    };
    *ended_at = Some(turn.now);
    step
}
