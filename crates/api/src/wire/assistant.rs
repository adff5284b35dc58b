//! `/v1/assistants`.

use locum_domain::{
    assistant::{Assistant, AssistantChange, Profile},
    chat::ReasoningEffort,
    error::ApiError,
};
use serde::Serialize;

use super::{
    answer_format::{AnswerFormatObject, answer_format},
    at::At,
    chat::EFFORTS,
    json,
    metadata::{self, MetadataObject},
    peek::check_model,
    tool::{ToolObject, tools},
    tool_resources::{self, ToolResourcesObject, tool_resources},
};

const MAX_NAME: usize = 256;
const MAX_DESCRIPTION: usize = 512;
const MAX_INSTRUCTIONS: usize = 256_000;

/// Reads what makes an assistant.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_new(body: &[u8]) -> Result<Profile, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    Ok(Profile {
        model: model(&body.require("model")?)?,
        name: body.get("name").map(name).transpose()?,
        description: body.get("description").map(description).transpose()?,
        instructions: body.get("instructions").map(instructions).transpose()?,
        tools: body.get("tools").map_or(Ok(Vec::new()), |at| tools(&at))?,
        tool_resources: tool_resources::new(&body)?,
        metadata: metadata::new(&body)?,
        temperature: body.get("temperature").map(temperature).transpose()?,
        top_p: body.get("top_p").map(top_p).transpose()?,
        response_format: body
            .get("response_format")
            .map(|at| answer_format(&at))
            .transpose()?
            .unwrap_or_default(),
        reasoning_effort: body.get("reasoning_effort").map(effort).transpose()?,
    })
}

/// Reads what is to be changed about an assistant.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_change(body: &[u8]) -> Result<AssistantChange, ApiError> {
    let json = json::parse_optional(body)?;
    let body = At::root(&json);
    let response_format = body.change("response_format", |at| answer_format(&at))?;
    Ok(AssistantChange {
        model: body.required_change("model", |at| model(&at))?,
        name: body.change("name", name)?,
        description: body.change("description", description)?,
        instructions: body.change("instructions", instructions)?,
        tools: body.required_change("tools", |at| tools(&at))?,
        tool_resources: body.change("tool_resources", |at| tool_resources(&at))?,
        metadata: metadata::change(&body)?,
        temperature: body.change("temperature", temperature)?,
        top_p: body.change("top_p", top_p)?,
        response_format: response_format.map(Option::unwrap_or_default),
        reasoning_effort: body.change("reasoning_effort", effort)?,
    })
}

fn model(at: &At<'_, '_>) -> Result<String, ApiError> {
    let model = at.string()?;
    check_model(model)?;
    Ok(model.to_owned())
}

fn name(at: At<'_, '_>) -> Result<String, ApiError> {
    at.short_string(MAX_NAME).map(str::to_owned)
}

fn description(at: At<'_, '_>) -> Result<String, ApiError> {
    at.short_string(MAX_DESCRIPTION).map(str::to_owned)
}

fn instructions(at: At<'_, '_>) -> Result<String, ApiError> {
    at.short_string(MAX_INSTRUCTIONS).map(str::to_owned)
}

fn temperature(at: At<'_, '_>) -> Result<f64, ApiError> {
    at.decimal(0.0..=2.0)
}

fn top_p(at: At<'_, '_>) -> Result<f64, ApiError> {
    at.decimal(0.0..=1.0)
}

fn effort(at: At<'_, '_>) -> Result<ReasoningEffort, ApiError> {
    at.word(EFFORTS)
}

/// An assistant.
#[derive(Serialize)]
pub(crate) struct AssistantObject<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    name: Option<&'a str>,
    description: Option<&'a str>,
    model: &'a str,
    instructions: Option<&'a str>,
    tools: Vec<ToolObject<'a>>,
    tool_resources: Option<ToolResourcesObject<'a>>,
    metadata: MetadataObject<'a>,
    /// 1 where the model is left to its own.
    top_p: f64,
    /// 1 where the model is left to its own.
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    response_format: AnswerFormatObject<'a>,
}

impl<'a> From<&'a Assistant> for AssistantObject<'a> {
    fn from(assistant: &'a Assistant) -> Self {
        let profile = &assistant.profile;
        Self {
            id: assistant.id.as_str(),
            object: "assistant",
            created_at: assistant.created_at.0,
            name: profile.name.as_deref(),
            description: profile.description.as_deref(),
            model: &profile.model,
            instructions: profile.instructions.as_deref(),
            tools: profile.tools.iter().map(ToolObject::from).collect(),
            tool_resources: profile.tool_resources.as_ref().map(Into::into),
            metadata: MetadataObject(&profile.metadata),
            top_p: profile.top_p.unwrap_or(1.0),
            temperature: profile.temperature.unwrap_or(1.0),
            reasoning_effort: profile.reasoning_effort.and_then(effort_word),
            response_format: (&profile.response_format).into(),
        }
    }
}

/// The word for an effort. Every effort has one.
fn effort_word(effort: ReasoningEffort) -> Option<&'static str> {
    let known = EFFORTS.iter().find(|(_, known)| *known == effort);
    known.map(|(word, _)| *word)
}
