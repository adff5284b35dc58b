//! The life of a run as a machine without I/O: one input in, everything that follows from it out.
//!
//! The machine holds a run, the step that is open, and the message that this step writes. Whoever drives it stores
//! [`Output::writes`] together with the run *before* it tells anybody of [`Output::events`] or does what
//! [`Output::effects`] ask for. An output that changes nothing stored (`!Output::changed`) holds only deltas.
//!
//! [`Machine::handle`] is the whole life on one screen; its transitions are in `work` (beginning, going on, stopping),
//! `answer` (what the model says) and `end` (every way in which a run ends).

mod answer;
mod end;
mod turn;
mod work;

use std::fmt;

use self::{answer::Answer, end::Ending, turn::Turn};
use super::{Run, RunError, RunEvent, RunIncomplete, RunStatus, ServedBy, Step};
use crate::{
    chat::ChatEvent,
    id::{Ids, MessageId, StepId},
    message::Message,
    time::Timestamp,
};

/// A run, what it has open, and what may happen to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    run: Run,
    open: Option<Open>,
    answer: Answer,
}

/// What a run is in the middle of.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// The step, which is in progress.
    pub step: Step,
    /// The message that it writes; `None` where it calls functions.
    pub message: Option<Message>,
}

/// Something that happens to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// It begins: the first input of a new run, which is queued.
    Start,
    /// Whoever drove it is gone, and it goes on from what was stored. What was begun is taken back; what was being
    /// cancelled is cancelled.
    TakenOver,
    /// Somebody answers the model call that was asked for.
    Served(ServedBy),
    /// More of the model's answer. Of several choices only the first counts.
    Answer(Vec<ChatEvent>),
    /// The model's answer is whole.
    AnswerEnded,
    /// The model call failed, before its answer or in the middle of it.
    ModelFailed {
        /// What a client is told.
        error: RunError,
        /// Whether another call may fare better.
        again: bool,
        /// Whether somebody has been told a part of the answer, so that it cannot be taken back.
        shown: bool,
    },
    /// Not even the newest of the thread fits what is left of `max_prompt_tokens`.
    PromptFull,
    /// The client's program ran the functions.
    ToolOutputs(Vec<ToolOutput>),
    /// Somebody wants it stopped.
    Cancel,
    /// The model call was hung up, as [`Effect::Abort`] asked.
    Aborted,
    /// Time has passed.
    Tick,
}

/// What a function returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// The call that this answers.
    pub call_id: String,
    /// The result.
    pub output: String,
}

/// Everything that follows from an input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Whether the run or anything of it has to be stored now.
    pub changed: bool,
    /// What has to be stored together with the run, in order.
    pub writes: Vec<Write>,
    /// What clients are told, in order.
    pub events: Vec<RunEvent>,
    /// What has to be done, in order.
    pub effects: Vec<Effect>,
}

/// Something to be stored together with a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A step, new or changed.
    Step(Box<Step>),
    /// A message of the run, new or changed.
    Message(Box<Message>),
    /// A step that was begun is taken back.
    DropStep(StepId),
    /// A message that was begun is taken back.
    DropMessage(MessageId),
}

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask the model for its next answer.
    CallModel {
        /// What is left of `max_completion_tokens`.
        max_tokens: Option<u32>,
        /// What is left of `max_prompt_tokens`.
        max_prompt_tokens: Option<u32>,
    },
    /// Hang up the model call, if there is one, and say [`Input::Aborted`].
    Abort,
}

/// Why something cannot be done with a run now. The sentences are OpenAI's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It does not wait for outputs.
    NoOutputsWanted(RunStatus),
    /// These are not the outputs that it waits for.
    WrongOutputs {
        /// The calls that need one.
        expected: Vec<String>,
        /// The calls that got one.
        got: Vec<String>,
    },
    /// It has ended, or is about to.
    NotCancellable(RunStatus),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn quoted(ids: &[String]) -> String {
            let ids: Vec<_> = ids.iter().map(|id| format!("'{id}'")).collect();
            format!("[{}]", ids.join(", "))
        }
        match self {
            Self::NoOutputsWanted(status) => write!(
                f,
                "Runs in status \"{}\" do not accept tool outputs.",
                status.as_str()
            ),
            Self::WrongOutputs { expected, got } => write!(
                f,
                "Expected tool outputs for call_ids {}, got {}",
                quoted(expected),
                quoted(got)
            ),
            Self::NotCancellable(status) => {
                write!(f, "Cannot cancel run with status '{}'.", status.as_str())
            }
        }
    }
}

impl std::error::Error for Refused {}

impl Machine {
    /// A run as it was made or loaded, with the step and the message that it has open.
    pub fn new(run: Run, open: Option<Open>) -> Self {
        Self {
            run,
            open,
            answer: Answer::default(),
        }
    }

    /// The run as it is now.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The same, for what clients may change beside its life: its metadata.
    pub fn run_mut(&mut self) -> &mut Run {
        &mut self.run
    }

    /// What it is in the middle of.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// When it needs an [`Input::Tick`] at the latest; `None` once it has ended.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        (!self.run.status.is_terminal()).then_some(self.run.expires_at)
    }

    /// Takes one input. What comes too late to matter changes nothing.
    ///
    /// # Errors
    /// A client asks for what the run cannot do now; nothing has changed then.
    pub fn handle(
        &mut self,
        now: Timestamp,
        ids: &mut Ids,
        input: Input,
    ) -> Result<Output, Refused> {
        use RunStatus::{Cancelling, InProgress, Queued, RequiresAction};

        let overdue = now >= self.run.expires_at;
        let mut turn = Turn::new(now, ids);
        match (input, self.run.status) {
            (Input::Start, Queued) => self.start(&mut turn),

            (Input::Served(by), InProgress) => self.served(by),
            (Input::Answer(events), InProgress) => self.hear(&mut turn, events),
            (Input::AnswerEnded, InProgress) => self.answered(&mut turn),
            (Input::PromptFull, InProgress) => {
                self.end(&mut turn, Ending::Limit(RunIncomplete::MaxPromptTokens));
            }
            (
                Input::ModelFailed {
                    error,
                    again,
                    shown,
                },
                InProgress,
            ) => self.model_failed(&mut turn, error, again && !shown),

            // It has expired, though nobody may have noticed yet.
            (Input::ToolOutputs(_), RequiresAction) if overdue => {
                return Err(Refused::NoOutputsWanted(RunStatus::Expired));
            }
            (Input::ToolOutputs(outputs), RequiresAction) => {
                self.take_outputs(&mut turn, outputs)?;
            }
            (Input::ToolOutputs(_), status) => return Err(Refused::NoOutputsWanted(status)),

            (Input::Cancel, Queued | InProgress | RequiresAction) => self.cancel(&mut turn),
            (Input::Cancel, status) => return Err(Refused::NotCancellable(status)),
            (Input::Aborted | Input::TakenOver, Cancelling) => {
                self.end(&mut turn, Ending::Cancelled);
            }

            (Input::Tick, Cancelling) if overdue => self.end(&mut turn, Ending::Cancelled),
            (Input::Tick | Input::TakenOver, Queued | InProgress | RequiresAction) if overdue => {
                self.end(&mut turn, Ending::Expired);
                turn.effect(Effect::Abort);
            }
            (Input::TakenOver, Queued) => self.go_on(&mut turn),
            (Input::TakenOver, InProgress) => self.taken_over(&mut turn),

            // Too late, or nothing to do yet.
            _ => {}
        }
        Ok(turn.into_output())
    }
}
