//! A chat request becomes the body of `generateContent`.
//!
//! Refuses what the model's generation cannot do and another provider might; leaves out what Gemini has no word for and
//! whose absence changes nothing that was promised (see the table in `docs/gemini-translation.md`).

use std::borrow::Cow;

use locum_domain::{
    chat::{ChatRequest, FunctionTool, ResponseFormat, ServiceTier, ToolChoice},
    error::ApiError,
    failure::{Failure, FailureClass},
};
use serde_json::Value;

use super::{
    contents,
    generation::Generation,
    names, schema,
    wire::{
        FunctionCalling, FunctionDeclaration, GenerateContent, GenerationConfig, Tool, ToolConfig,
    },
};

/// What a body takes beside its texts, roughly.
const FRAME_BYTES: usize = 1024;

/// The body of the request, and of the same request again where an answer goes on with `continuation`.
///
/// # Errors
/// What Gemini cannot be asked.
pub(super) fn body(
    request: &ChatRequest,
    generation: Generation,
    continuation: Option<&str>,
) -> Result<Vec<u8>, Failure> {
    let (system_instruction, contents) = contents::conversation(request, generation)?;
    let wants_json = request.response_format != ResponseFormat::Text;
    let mut tools = declarations(request, generation)?;
    if wants_json && tools.is_some() && !generation.takes_json_with_tools() {
        if request.tool_choice != ToolChoice::None {
            return Err(Failure::new(
                FailureClass::Unsupported,
                "this model of Gemini cannot be held to JSON while it is offered functions",
            ));
        }
        tools = None;
    }
    let body = GenerateContent {
        tool_config: tools.as_ref().map(|_| tool_config(request, generation)),
        tools: tools.map(|function_declarations| {
            [Tool {
                function_declarations,
            }]
        }),
        generation_config: generation_config(request, generation)?,
        service_tier: request.service_tier.and_then(service_tier),
        system_instruction,
        contents,
        continuation_token: continuation,
    };
    let mut bytes = Vec::with_capacity(FRAME_BYTES + text_bytes(request));
    serde_json::to_writer(&mut bytes, &body).map_err(|error| {
        Failure::new(
            FailureClass::Unsupported,
            format!("the request cannot be written as JSON: {error}"),
        )
    })?;
    Ok(bytes)
}

/// How much text the messages hold, so that the body is allocated once.
fn text_bytes(request: &ChatRequest) -> usize {
    use locum_domain::chat::{MediaSource, Message, Part};
    let part_bytes = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::Media(media) => match &media.source {
            MediaSource::Inline(data) => data.len(),
            MediaSource::Url(url) => url.len(),
            MediaSource::File(_) => 0,
        },
    };
    request
        .messages
        .iter()
        .map(|message| match message {
            Message::System { text } => text.len() + 64,
            Message::User { parts, .. } | Message::Tool { parts, .. } => {
                parts.iter().map(|part| part_bytes(part) + 64).sum()
            }
            Message::Assistant { text, .. } => text.len() + 256,
        })
        .sum()
}

/// The functions; `None` where there are none.
fn declarations<'a>(
    request: &'a ChatRequest,
    generation: Generation,
) -> Result<Option<Vec<FunctionDeclaration<'a>>>, Failure> {
    // Where a choice among some is no mode of the model, it is shown only those.
    let shown: Option<&[String]> = match &request.tool_choice {
        ToolChoice::Allowed {
            names,
            required: false,
        } if !generation.has_validated_calls() => Some(names),
        _ => None,
    };
    let declarations = request
        .tools
        .iter()
        .filter(|tool| shown.is_none_or(|names| names.contains(&tool.name)))
        .map(declaration)
        .collect::<Result<Vec<_>, _>>()?;
    Ok((!declarations.is_empty()).then_some(declarations))
}

fn declaration(tool: &FunctionTool) -> Result<FunctionDeclaration<'_>, Failure> {
    let parameters_json_schema = match &tool.parameters {
        Some(schema) => schema::parameters(schema).map_err(|error| {
            refused(format!(
                "The parameters of the function '{}' cannot be used: {error}.",
                tool.name
            ))
        })?,
        None => None,
    };
    Ok(FunctionDeclaration {
        name: names::outbound(&tool.name),
        description: tool.description.as_deref().unwrap_or_default(),
        parameters_json_schema,
    })
}

fn tool_config(request: &ChatRequest, generation: Generation) -> ToolConfig<'_> {
    let is_strict = request.tools.iter().any(|tool| tool.strict);
    let (mode, allowed_function_names) = match &request.tool_choice {
        ToolChoice::Auto if is_strict && generation.has_validated_calls() => ("VALIDATED", None),
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Function(name) => ("ANY", Some(vec![names::outbound(name)])),
        ToolChoice::Allowed {
            names,
            required: true,
        } => ("ANY", Some(outbound_all(names))),
        ToolChoice::Allowed { names, .. } if generation.has_validated_calls() => {
            ("VALIDATED", Some(outbound_all(names)))
        }
        ToolChoice::Allowed { .. } => ("AUTO", None),
    };
    ToolConfig {
        function_calling_config: FunctionCalling {
            mode,
            allowed_function_names,
        },
    }
}

fn outbound_all(names: &[String]) -> Vec<Cow<'_, str>> {
    names.iter().map(|name| names::outbound(name)).collect()
}

fn generation_config(
    request: &ChatRequest,
    generation: Generation,
) -> Result<Option<GenerationConfig<'_>>, Failure> {
    let sampling = generation.takes_sampling();
    let penalties = generation.takes_penalties();
    let stop: Vec<&str> = request
        .stop
        .iter()
        .map(String::as_str)
        .filter(|stop| !stop.is_empty())
        .collect();
    let (response_mime_type, response_json_schema) = response_format(&request.response_format)?;
    let config = GenerationConfig {
        candidate_count: (request.n > 1 && request.n <= generation.most_candidates())
            .then_some(request.n),
        stop_sequences: (!stop.is_empty()).then_some(stop),
        max_output_tokens: request.max_tokens.map(|wanted| {
            generation
                .most_output_tokens()
                .unwrap_or(wanted)
                .min(wanted)
        }),
        temperature: request.temperature.filter(|_| sampling),
        top_p: request.top_p.filter(|_| sampling),
        presence_penalty: request.presence_penalty.filter(|_| penalties),
        frequency_penalty: request.frequency_penalty.filter(|_| penalties),
        seed: request.seed.map(seed),
        response_mime_type,
        response_json_schema,
        response_logprobs: request.top_logprobs.map(|_| true),
        logprobs: request.top_logprobs.filter(|&top| top > 0),
        thinking_config: request
            .reasoning_effort
            .and_then(|effort| generation.thinking(effort)),
        media_resolution: if generation.has_resolution_per_part() {
            None
        } else {
            contents::common_resolution(&request.messages)
        },
    };
    Ok((config != GenerationConfig::default()).then_some(config))
}

fn response_format(
    format: &ResponseFormat,
) -> Result<(Option<&'static str>, Option<Cow<'_, Value>>), Failure> {
    const JSON: Option<&str> = Some("application/json");
    match format {
        ResponseFormat::Text => Ok((None, None)),
        ResponseFormat::JsonObject | ResponseFormat::JsonSchema { schema: None, .. } => {
            Ok((JSON, None))
        }
        ResponseFormat::JsonSchema {
            schema: Some(schema),
            name,
            description,
            ..
        } => {
            let mut schema = schema::response(schema).map_err(|error| {
                refused(format!(
                    "The response format '{name}' cannot be used: {error}."
                ))
            })?;
            if let (Some(description), Value::Object(map)) = (description, &*schema)
                && !map.contains_key("description")
                && let Value::Object(map) = schema.to_mut()
            {
                map.insert("description".to_owned(), description.as_str().into());
            }
            Ok((JSON, Some(schema)))
        }
    }
}

/// OpenAI's seed has 64 bits, Gemini's 31.
fn seed(seed: i64) -> i32 {
    i32::try_from(seed.rem_euclid(1 << 31)).unwrap_or_default()
}

/// In lower case, as Google's own SDK sends it; its contract also lists `SERVICE_TIER_FLEX` and the like.
fn service_tier(tier: ServiceTier) -> Option<&'static str> {
    match tier {
        ServiceTier::Auto => None,
        ServiceTier::Default => Some("standard"),
        ServiceTier::Flex => Some("flex"),
        ServiceTier::Priority => Some("priority"),
    }
}

fn refused(message: String) -> Failure {
    Failure::callers(FailureClass::BadRequest, ApiError::invalid(message))
}
