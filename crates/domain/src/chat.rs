//! A chat request and its answer, in no provider's words.
//!
//! An answer is a sequence of [`ChatEvent`]s; a whole answer is the fold of its events ([`ChatAnswer::from_events`]), so a
//! provider's decoder has one output for streamed and plain answers alike.

mod answer;
mod request;

pub use answer::{
    ChatAnswer, ChatChoice, ChatEvent, FinishReason, ToolCallDelta, Usage, UsageDetails,
};
pub use request::{
    ChatRequest, Detail, FunctionTool, Media, MediaSource, Message, Part, ReasoningEffort,
    ResponseFormat, ServiceTier, ToolCall, ToolChoice,
};
