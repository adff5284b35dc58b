//! Run steps: the domain's into OpenAI's.

use locum_domain::{
    chat::{ToolCall, Usage},
    error::ApiError,
    run::{RunError, RunErrorCode, ServedBy, Step, StepCall, StepDetails, StepStatus},
};
use serde::Serialize;

use super::fault;

/// OpenAI's `thread.run.step`.
#[derive(Serialize)]
pub(crate) struct StepObject<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    run_id: &'a str,
    assistant_id: &'a str,
    thread_id: &'a str,
    r#type: &'static str,
    status: &'static str,
    cancelled_at: Option<u64>,
    completed_at: Option<u64>,
    expired_at: Option<u64>,
    failed_at: Option<u64>,
    last_error: Option<ErrorObject<'a>>,
    step_details: Details<'a>,
    usage: Option<TokensObject>,
    metadata: ServedObject<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Details<'a> {
    MessageCreation { message_creation: Created<'a> },
    ToolCalls { tool_calls: Vec<CallObject<'a>> },
}

#[derive(Serialize)]
struct Created<'a> {
    message_id: &'a str,
}

/// A call of a function, without the provider's proof of its thinking: that is not for clients.
#[derive(Serialize)]
pub(super) struct CallObject<'a> {
    id: &'a str,
    r#type: &'static str,
    function: FunctionObject<'a>,
}

#[derive(Serialize)]
struct FunctionObject<'a> {
    name: &'a str,
    arguments: &'a str,
    /// `Some(None)` is written as null.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Option<&'a str>>,
}

impl<'a> CallObject<'a> {
    /// A call that a run waits for.
    pub fn required(call: &'a ToolCall) -> Self {
        Self::new(call, None)
    }

    /// A call in a step, with its output where it has one.
    fn made(call: &'a StepCall) -> Self {
        Self::new(&call.call, Some(call.output.as_deref()))
    }

    fn new(call: &'a ToolCall, output: Option<Option<&'a str>>) -> Self {
        Self {
            id: &call.id,
            r#type: "function",
            function: FunctionObject {
                name: &call.name,
                arguments: &call.arguments,
                output,
            },
        }
    }
}

/// OpenAI's `last_error`.
#[derive(Serialize)]
pub(super) struct ErrorObject<'a> {
    code: &'static str,
    message: &'a str,
}

impl<'a> From<&'a RunError> for ErrorObject<'a> {
    fn from(error: &'a RunError) -> Self {
        Self {
            code: error.code.as_str(),
            message: &error.message,
        }
    }
}

/// OpenAI's `usage` of runs and steps.
#[derive(Serialize)]
pub(super) struct TokensObject {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<Usage> for TokensObject {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt,
            completion_tokens: usage.completion,
            total_tokens: usage.total(),
        }
    }
}

/// Who answered, in a place that clients keep; empty while nobody has.
#[derive(Default, Serialize)]
struct ServedObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    locum_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locum_model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locum_fallback: Option<&'static str>,
}

impl<'a> From<&'a ServedBy> for ServedObject<'a> {
    fn from(served: &'a ServedBy) -> Self {
        Self {
            locum_provider: Some(&served.provider),
            locum_model: Some(&served.model),
            locum_fallback: served.fallback.then_some("true"),
        }
    }
}

impl<'a> From<&'a Step> for StepObject<'a> {
    fn from(step: &'a Step) -> Self {
        let (r#type, step_details) = match &step.details {
            StepDetails::Message(id) => (
                "message_creation",
                Details::MessageCreation {
                    message_creation: Created {
                        message_id: id.as_str(),
                    },
                },
            ),
            StepDetails::Calls(calls) => (
                "tool_calls",
                Details::ToolCalls {
                    tool_calls: calls.iter().map(CallObject::made).collect(),
                },
            ),
        };
        let served = step.served.as_ref().map(ServedObject::from);
        // A step that waits for outputs knows what its model call has cost, but is not over.
        let usage = step
            .usage
            .filter(|_| step.status != StepStatus::InProgress)
            .map(TokensObject::from);
        Self {
            id: step.id.as_str(),
            object: "thread.run.step",
            created_at: step.created_at.0,
            run_id: step.run_id.as_str(),
            assistant_id: step.assistant_id.as_str(),
            thread_id: step.thread_id.as_str(),
            r#type,
            status: status_word(step.status),
            cancelled_at: step.cancelled_at.map(|at| at.0),
            completed_at: step.completed_at.map(|at| at.0),
            expired_at: step.expired_at.map(|at| at.0),
            failed_at: step.failed_at.map(|at| at.0),
            last_error: step.last_error.as_ref().map(step_error),
            step_details,
            usage,
            metadata: served.unwrap_or_default(),
        }
    }
}

/// Steps know fewer codes than runs.
fn step_error(error: &RunError) -> ErrorObject<'_> {
    let code = match error.code {
        RunErrorCode::InvalidPrompt | RunErrorCode::ServerError => RunErrorCode::ServerError,
        RunErrorCode::RateLimitExceeded => RunErrorCode::RateLimitExceeded,
    };
    ErrorObject {
        code: code.as_str(),
        message: &error.message,
    }
}

/// The word that programs know.
pub(crate) fn status_word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::InProgress => "in_progress",
        StepStatus::Cancelled => "cancelled",
        StepStatus::Failed => "failed",
        StepStatus::Completed => "completed",
        StepStatus::Expired => "expired",
    }
}

/// Checks the `include[]` of `query`, what follows the question mark: what can be asked for is known, though no step
/// has it yet.
///
/// # Errors
/// 400 for anything else.
pub(crate) fn check_include(query: Option<&str>) -> Result<(), ApiError> {
    const KNOWN: &[(&str, ())] = &[(
        "step_details.tool_calls[*].file_search.results[*].content",
        (),
    )];
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "include[]" {
            fault::word(&name, &value, KNOWN)?;
        }
    }
    Ok(())
}
