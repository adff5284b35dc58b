//! A run as clients see it.

use locum_domain::{
    chat::{ToolCall, ToolChoice},
    run::{Run, RunIncomplete, RunStatus, Truncation},
};
use serde::{Serialize, Serializer};

use crate::wire::{
    answer_format::AnswerFormatObject,
    metadata::MetadataObject,
    step::{CallObject, ErrorObject, TokensObject},
    tool::ToolObject,
};

/// OpenAI's `thread.run`. All of its keys, always: programs read them without asking whether they are there.
#[derive(Serialize)]
pub(crate) struct RunObject<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    assistant_id: &'a str,
    thread_id: &'a str,
    status: &'static str,
    required_action: Option<ActionObject<'a>>,
    last_error: Option<ErrorObject<'a>>,
    expires_at: Option<u64>,
    started_at: Option<u64>,
    cancelled_at: Option<u64>,
    failed_at: Option<u64>,
    completed_at: Option<u64>,
    incomplete_details: Option<IncompleteObject>,
    model: &'a str,
    instructions: &'a str,
    tools: Vec<ToolObject<'a>>,
    metadata: MetadataObject<'a>,
    usage: Option<TokensObject>,
    temperature: f64,
    top_p: f64,
    max_prompt_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    truncation_strategy: TruncationObject,
    tool_choice: ToolChoiceObject<'a>,
    parallel_tool_calls: bool,
    response_format: AnswerFormatObject<'a>,
}

/// What OpenAI's document names as the value of both where the client left them to the model.
const DEFAULT_SAMPLING: f64 = 1.0;

impl<'a> From<&'a Run> for RunObject<'a> {
    fn from(run: &'a Run) -> Self {
        let plan = &run.plan;
        let ended = run.status.is_terminal();
        Self {
            id: run.id.as_str(),
            object: "thread.run",
            created_at: run.created_at.0,
            assistant_id: run.assistant_id.as_str(),
            thread_id: run.thread_id.as_str(),
            status: run.status.as_str(),
            required_action: (run.status == RunStatus::RequiresAction)
                .then(|| ActionObject::from(&*run.required_calls)),
            last_error: run.last_error.as_ref().map(ErrorObject::from),
            expires_at: (!ended).then_some(run.expires_at.0),
            started_at: run.started_at.map(|at| at.0),
            cancelled_at: run.cancelled_at.map(|at| at.0),
            failed_at: run.failed_at.map(|at| at.0),
            completed_at: run.completed_at.map(|at| at.0),
            incomplete_details: (run.status == RunStatus::Incomplete)
                .then(|| IncompleteObject::from(run.incomplete)),
            model: &plan.model,
            instructions: &plan.instructions,
            tools: plan.tools.iter().map(ToolObject::from).collect(),
            metadata: MetadataObject(&run.metadata),
            usage: ended.then(|| TokensObject::from(run.usage)),
            temperature: plan.temperature.unwrap_or(DEFAULT_SAMPLING),
            top_p: plan.top_p.unwrap_or(DEFAULT_SAMPLING),
            max_prompt_tokens: plan.max_prompt_tokens,
            max_completion_tokens: plan.max_completion_tokens,
            truncation_strategy: TruncationObject::from(plan.truncation),
            tool_choice: ToolChoiceObject(&plan.tool_choice),
            parallel_tool_calls: plan.parallel_tool_calls,
            response_format: AnswerFormatObject::from(&plan.response_format),
        }
    }
}

#[derive(Serialize)]
struct ActionObject<'a> {
    r#type: &'static str,
    submit_tool_outputs: CallsObject<'a>,
}

#[derive(Serialize)]
struct CallsObject<'a> {
    tool_calls: Vec<CallObject<'a>>,
}

impl<'a> From<&'a [ToolCall]> for ActionObject<'a> {
    fn from(calls: &'a [ToolCall]) -> Self {
        Self {
            r#type: "submit_tool_outputs",
            submit_tool_outputs: CallsObject {
                tool_calls: calls.iter().map(CallObject::required).collect(),
            },
        }
    }
}

/// Which limit ended a run. OpenAI has no word for a provider's policy: then there is an object without a reason.
#[derive(Serialize)]
struct IncompleteObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<Option<RunIncomplete>> for IncompleteObject {
    fn from(reason: Option<RunIncomplete>) -> Self {
        Self {
            reason: reason.map(|reason| match reason {
                RunIncomplete::MaxCompletionTokens => "max_completion_tokens",
                RunIncomplete::MaxPromptTokens => "max_prompt_tokens",
            }),
        }
    }
}

#[derive(Serialize)]
struct TruncationObject {
    r#type: &'static str,
    last_messages: Option<u32>,
}

impl From<Truncation> for TruncationObject {
    fn from(truncation: Truncation) -> Self {
        let (r#type, last_messages) = match truncation {
            Truncation::Auto => ("auto", None),
            Truncation::LastMessages(count) => ("last_messages", Some(count)),
        };
        Self {
            r#type,
            last_messages,
        }
    }
}

/// A word, or the one function that must be called.
struct ToolChoiceObject<'a>(&'a ToolChoice);

impl Serialize for ToolChoiceObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            r#type: &'static str,
            function: Function<'a>,
        }
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
        }
        match self.0 {
            ToolChoice::None => serializer.serialize_str("none"),
            // A choice among several tools is none that a run can have been given.
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            } => serializer.serialize_str("auto"),
            ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => {
                serializer.serialize_str("required")
            }
            ToolChoice::Function(name) => Named {
                r#type: "function",
                function: Function { name },
            }
            .serialize(serializer),
        }
    }
}
