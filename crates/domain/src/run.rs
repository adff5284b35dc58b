//! Runs: an assistant at work on a thread.
//!
//! Read in this order: this page (what is stored), [`step`] (what a run did), [`event`] (what a client sees of it),
//! [`machine`] (its life).

pub mod event;
pub mod machine;
pub mod step;

use serde::{Deserialize, Serialize};

use crate::{
    assistant::{AnswerFormat, Tool},
    chat::{ReasoningEffort, ToolCall, ToolChoice, Usage},
    id::{AssistantId, MessageId, RunId, StepId, ThreadId},
    message::NewMessage,
    metadata::Metadata,
    thread::NewThread,
    time::Timestamp,
};

pub use event::RunEvent;
pub use machine::{Effect, Input, Machine, Open, Output, Refused, ToolOutput, Write};
pub use step::{Step, StepCall, StepDetails, StepStatus};

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// `run_…`
    pub id: RunId,
    /// The thread that it works on.
    pub thread_id: ThreadId,
    /// The assistant that it is a run of. That may be gone: what matters of it is in `plan`.
    pub assistant_id: AssistantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it is in its life.
    pub status: RunStatus,
    /// What it is to do, fixed at its start.
    pub plan: Plan,
    /// The client's own pairs.
    pub metadata: Metadata,
    /// When it expires, unless it has ended before.
    pub expires_at: Timestamp,
    /// When it last began to work.
    pub started_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When it was complete, or ended incomplete.
    pub completed_at: Option<Timestamp>,
    /// The calls whose outputs it waits for; empty unless its status is [`RunStatus::RequiresAction`].
    pub required_calls: Vec<ToolCall>,
    /// Why it failed.
    pub last_error: Option<RunError>,
    /// Why it ended incomplete.
    pub incomplete: Option<RunIncomplete>,
    /// The tokens of all model calls up to now.
    pub usage: Usage,
    /// Who answered its last model call.
    pub served: Option<ServedBy>,
    /// Model calls that broke off or were lost with their process since the last one that succeeded.
    pub broken_tries: u32,
    /// The step and the message that the answer in progress wrote ahead of its calls: whole, but taken back with the
    /// rest of that answer, should it break off unseen.
    pub written_ahead: Option<(StepId, MessageId)>,
}

/// What a run is to do: the assistant as it was at the start, with the request's overrides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The model's name as the client gave it.
    pub model: String,
    /// The instructions, additional ones included.
    pub instructions: String,
    /// What the model may use.
    pub tools: Vec<Tool>,
    /// Which of them it may, must or must not use.
    pub tool_choice: ToolChoice,
    /// Whether one answer may hold several calls.
    pub parallel_tool_calls: bool,
    /// The form of the answer.
    pub response_format: AnswerFormat,
    /// How hard the model should think.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// The most prompt tokens of all model calls together; at least 256.
    pub max_prompt_tokens: Option<u32>,
    /// The most completion tokens of all model calls together; at least 256.
    pub max_completion_tokens: Option<u32>,
    /// How much of the thread the model is shown.
    pub truncation: Truncation,
}

/// How much of a thread the model is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// As much as fits the model's context, the newest first.
    #[default]
    Auto,
    /// This many of the newest messages; at least 1.
    LastMessages(u32),
}

/// A run to be made: the request's overrides, `None` where the assistant's own value counts.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// The assistant.
    pub assistant_id: AssistantId,
    /// See [`Plan::model`].
    pub model: Option<String>,
    /// Replaces the assistant's instructions.
    pub instructions: Option<String>,
    /// Is put behind the instructions.
    pub additional_instructions: Option<String>,
    /// Are added to the thread before the run begins.
    pub additional_messages: Vec<NewMessage>,
    /// Replaces the assistant's tools.
    pub tools: Option<Vec<Tool>>,
    /// See [`Plan::tool_choice`].
    pub tool_choice: ToolChoice,
    /// See [`Plan::parallel_tool_calls`].
    pub parallel_tool_calls: bool,
    /// Replaces the assistant's form.
    pub response_format: Option<AnswerFormat>,
    /// Replaces the assistant's effort.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Replaces the assistant's.
    pub temperature: Option<f64>,
    /// Replaces the assistant's.
    pub top_p: Option<f64>,
    /// See [`Plan::max_prompt_tokens`].
    pub max_prompt_tokens: Option<u32>,
    /// See [`Plan::max_completion_tokens`].
    pub max_completion_tokens: Option<u32>,
    /// See [`Plan::truncation`].
    pub truncation: Truncation,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// A thread to be made together with a run on it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewThreadAndRun {
    /// The thread.
    pub thread: NewThread,
    /// The run.
    pub run: NewRun,
}

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It waits to be begun.
    Queued,
    /// The model is at work.
    InProgress,
    /// The client's program must run functions.
    RequiresAction,
    /// It is being stopped.
    Cancelling,
    /// It was stopped.
    Cancelled,
    /// It failed.
    Failed,
    /// It is done.
    Completed,
    /// A limit ended it.
    Incomplete,
    /// It took too long.
    Expired,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::InProgress,
        Self::RequiresAction,
        Self::Cancelling,
        Self::Cancelled,
        Self::Failed,
        Self::Completed,
        Self::Incomplete,
        Self::Expired,
    ];

    /// Whether the run has ended for good.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::Failed | Self::Completed | Self::Incomplete | Self::Expired
        )
    }

    /// The word that programs know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::RequiresAction => "requires_action",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Expired => "expired",
        }
    }
}

/// Why a run or a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// What kind of failure it is.
    pub code: RunErrorCode,
    /// A sentence for whoever looks.
    pub message: String,
}

/// OpenAI's codes for why a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunErrorCode {
    /// Ours or the provider's fault.
    ServerError,
    /// The provider's limits, or the operator's quota there.
    RateLimitExceeded,
    /// The provider does not take what it was asked.
    InvalidPrompt,
}

impl RunErrorCode {
    /// The word that programs know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerError => "server_error",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::InvalidPrompt => "invalid_prompt",
        }
    }
}

/// Which limit ended a run. One that the provider's policy ended is incomplete for none of these: its message says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunIncomplete {
    /// Of its completion tokens, or of one answer of the model.
    MaxCompletionTokens,
    /// Of its prompt tokens.
    MaxPromptTokens,
}

/// Who answered a model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBy {
    /// The provider.
    pub provider: String,
    /// The model that really answered.
    pub model: String,
    /// Whether another one answered than was asked first.
    pub fallback: bool,
}
