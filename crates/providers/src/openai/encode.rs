//! A chat request as OpenAI's JSON, straight to bytes.

use locum_domain::{
    chat::{ChatRequest, FunctionTool, ReasoningEffort, ResponseFormat, ServiceTier, ToolChoice},
    failure::{Failure, FailureClass},
};
use serde::Serialize;
use serde_json::Value;

use super::message::{Function, WireMessage};

/// The body that asks for `request`.
///
/// # Errors
/// [`FailureClass::Unsupported`] for media that OpenAI's format has no place for.
pub(super) fn chat(request: &ChatRequest) -> Result<Vec<u8>, Failure> {
    let messages = request
        .messages
        .iter()
        .map(WireMessage::new)
        .collect::<Result<_, _>>()?;
    let has_tools = !request.tools.is_empty();
    let newer_limit = wants_completion_limit(&request.model);
    let body = Body {
        model: &request.model,
        messages,
        tools: request.tools.iter().map(Tool::new).collect(),
        tool_choice: has_tools
            .then(|| Choice::new(&request.tool_choice))
            .flatten(),
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| has_tools),
        response_format: Format::new(&request.response_format),
        reasoning_effort: request.reasoning_effort.map(effort),
        temperature: request.temperature,
        top_p: request.top_p,
        presence_penalty: request.presence_penalty,
        frequency_penalty: request.frequency_penalty,
        max_tokens: request.max_tokens.filter(|_| !newer_limit),
        max_completion_tokens: request.max_tokens.filter(|_| newer_limit),
        stop: &request.stop,
        seed: request.seed,
        n: (request.n > 1).then_some(request.n),
        logprobs: request.top_logprobs.map(|_| true),
        top_logprobs: request
            .top_logprobs
            .filter(|&alternatives| alternatives > 0),
        service_tier: request.service_tier.map(tier),
        stream: request.stream.then_some(true),
        stream_options: request.stream.then_some(StreamOptions {
            include_usage: true,
        }),
    };
    serde_json::to_vec(&body).map_err(|error| {
        Failure::new(
            FailureClass::Unsupported,
            format!("the request has no form in JSON: {error}"),
        )
    })
}

/// Whether a model takes `max_completion_tokens` alone. Others get `max_tokens`, which servers that speak like OpenAI have known
/// for longer.
fn wants_completion_limit(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let generation = |prefix: &str| -> Option<u32> {
        let rest = name.strip_prefix(prefix)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse().ok()
    };
    generation("o").is_some() || generation("gpt-").is_some_and(|number| number >= 5)
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: Function,
    function: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> Tool<'a> {
    fn new(tool: &'a FunctionTool) -> Self {
        Self {
            r#type: Function::Function,
            function: ToolFunction {
                name: &tool.name,
                description: tool.description.as_deref(),
                parameters: tool.parameters.as_ref(),
                strict: tool.strict.then_some(true),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named(Named<'a>),
    Allowed {
        r#type: &'static str,
        allowed_tools: AllowedTools<'a>,
    },
}

#[derive(Serialize)]
struct Named<'a> {
    r#type: Function,
    function: Name<'a>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct AllowedTools<'a> {
    mode: &'static str,
    tools: Vec<Named<'a>>,
}

impl<'a> Choice<'a> {
    /// `None` where OpenAI's default says the same.
    fn new(choice: &'a ToolChoice) -> Option<Self> {
        let named = |name: &'a String| Named {
            r#type: Function::Function,
            function: Name { name },
        };
        Some(match choice {
            ToolChoice::Auto => return None,
            ToolChoice::None => Self::Word("none"),
            ToolChoice::Required => Self::Word("required"),
            ToolChoice::Function(name) => Self::Named(named(name)),
            ToolChoice::Allowed { names, required } => Self::Allowed {
                r#type: "allowed_tools",
                allowed_tools: AllowedTools {
                    mode: if *required { "required" } else { "auto" },
                    tools: names.iter().map(named).collect(),
                },
            },
        })
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> Format<'a> {
    fn new(format: &'a ResponseFormat) -> Option<Self> {
        match format {
            ResponseFormat::Text => None,
            ResponseFormat::JsonObject => Some(Self::JsonObject),
            ResponseFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => Some(Self::JsonSchema {
                json_schema: JsonSchema {
                    name,
                    description: description.as_deref(),
                    schema: schema.as_ref(),
                    strict: *strict,
                },
            }),
        }
    }
}

fn effort(effort: ReasoningEffort) -> &'static str {
    match effort {
        ReasoningEffort::None => "none",
        ReasoningEffort::Minimal => "minimal",
        ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
        ReasoningEffort::XHigh => "xhigh",
        ReasoningEffort::Max => "max",
    }
}

fn tier(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Auto => "auto",
        ServiceTier::Default => "default",
        ServiceTier::Flex => "flex",
        ServiceTier::Priority => "priority",
    }
}
