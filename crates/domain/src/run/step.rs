//! Run steps: what a run did.

use serde::{Deserialize, Serialize};

use super::{RunError, ServedBy};
use crate::{
    chat::{ToolCall, Usage},
    id::{AssistantId, MessageId, RunId, StepId, ThreadId},
    time::Timestamp,
};

/// A step as it is stored: one message written, or the calls of one answer of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `step_…`
    pub id: StepId,
    /// The run that it is part of.
    pub run_id: RunId,
    /// That run's thread.
    pub thread_id: ThreadId,
    /// That run's assistant.
    pub assistant_id: AssistantId,
    /// When it began.
    pub created_at: Timestamp,
    /// How far it has come.
    pub status: StepStatus,
    /// What was done.
    pub details: StepDetails,
    /// Why it failed.
    pub last_error: Option<RunError>,
    /// When it expired.
    pub expired_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When it was complete.
    pub completed_at: Option<Timestamp>,
    /// The tokens of its model call, once that is over.
    pub usage: Option<Usage>,
    /// Who answered its model call.
    pub served: Option<ServedBy>,
}

/// How far a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It goes on, or waits for outputs.
    InProgress,
    /// Its run was cancelled.
    Cancelled,
    /// Its run failed.
    Failed,
    /// It is done.
    Completed,
    /// Its run took too long.
    Expired,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDetails {
    /// It wrote a message.
    Message(MessageId),
    /// It called functions, in this order.
    Calls(Vec<StepCall>),
}

/// A call and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepCall {
    /// The call, the provider's proof of its thinking included: that goes back to the provider, never to clients.
    pub call: ToolCall,
    /// What the client's program returned, once it has.
    pub output: Option<String>,
}
