//! What makes a run.

use locum_domain::{
    assistant::Tool,
    chat::ToolChoice,
    error::ApiError,
    metadata::Metadata,
    run::{NewRun, NewThreadAndRun, Truncation},
    thread::NewThread,
};

use crate::wire::{
    answer_format::answer_format,
    at::At,
    chat::EFFORTS,
    fault,
    json::{self, Json},
    metadata,
    peek::check_model,
    thread::{new_messages, new_thread},
    tool::{check_function, tools},
    tool_resources,
};

/// The least that `max_prompt_tokens` and `max_completion_tokens` may be.
const MIN_TOKENS: i64 = 256;

/// A request that makes something, and whether what then happens to the run is wanted as a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunRequest<T> {
    /// What it makes.
    pub new: T,
    /// `stream`.
    pub stream: bool,
}

/// Reads a request for a run on a thread.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse(body: &[u8]) -> Result<RunRequest<NewRun>, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    let mut run = run(&body)?;
    run.additional_instructions = body.text("additional_instructions")?;
    run.additional_messages = match body.get("additional_messages") {
        None => Vec::new(),
        Some(messages) => new_messages(&messages)?,
    };
    Ok(RunRequest {
        new: run,
        stream: body.flag("stream")?,
    })
}

/// Reads a request for a thread and a run on it. What the request says of `tool_resources` itself goes before what it says
/// of the thread's.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_with_thread(body: &[u8]) -> Result<RunRequest<NewThreadAndRun>, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    let mut thread = match body.get("thread") {
        None => NewThread::default(),
        Some(thread) => new_thread(&thread)?,
    };
    if let Some(resources) = tool_resources::new(&body)? {
        thread.tool_resources = Some(resources);
    }
    let run = run(&body)?;
    Ok(RunRequest {
        new: NewThreadAndRun { thread, run },
        stream: body.flag("stream")?,
    })
}

/// Reads what is to be changed about a run, which can only be its metadata.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_change(body: &[u8]) -> Result<Option<Metadata>, ApiError> {
    let json = json::parse_optional(body)?;
    metadata::change(&At::root(&json))
}

/// What both requests have in common.
fn run(body: &At<'_, '_>) -> Result<NewRun, ApiError> {
    let model = body.text("model")?;
    if let Some(model) = &model {
        check_model(model)?;
    }
    let tools = body.get("tools").map(|at| tools(&at)).transpose()?;
    let decimal = |key, range| body.get(key).map(|at| at.decimal(range)).transpose();
    Ok(NewRun {
        assistant_id: body.require("assistant_id")?.id()?.into(),
        model,
        instructions: body.text("instructions")?,
        additional_instructions: None,
        additional_messages: Vec::new(),
        tool_choice: match body.get("tool_choice") {
            None => ToolChoice::Auto,
            Some(choice) => tool_choice(&choice, tools.as_deref())?,
        },
        tools,
        parallel_tool_calls: body
            .get("parallel_tool_calls")
            .map_or(Ok(true), |parallel| parallel.boolean())?,
        response_format: body
            .get("response_format")
            .map(|form| answer_format(&form))
            .transpose()?,
        reasoning_effort: body
            .get("reasoning_effort")
            .map(|effort| effort.word(EFFORTS))
            .transpose()?,
        temperature: decimal("temperature", 0.0..=2.0)?,
        top_p: decimal("top_p", 0.0..=1.0)?,
        max_prompt_tokens: tokens(body, "max_prompt_tokens")?,
        max_completion_tokens: tokens(body, "max_completion_tokens")?,
        truncation: match body.get("truncation_strategy") {
            None => Truncation::Auto,
            Some(strategy) => truncation(&strategy)?,
        },
        metadata: metadata::new(body)?,
    })
}

fn tokens(body: &At<'_, '_>, key: &str) -> Result<Option<u32>, ApiError> {
    let Some(at) = body.get(key) else {
        return Ok(None);
    };
    let tokens = at.integer(MIN_TOKENS..=i64::from(u32::MAX))?;
    Ok(u32::try_from(tokens).ok())
}

fn truncation(at: &At<'_, '_>) -> Result<Truncation, ApiError> {
    let at = at.object()?;
    let last = at
        .require("type")?
        .word(&[("auto", false), ("last_messages", true)])?;
    if !last {
        return Ok(Truncation::Auto);
    }
    let count = match at.get("last_messages") {
        None => return Err(fault::missing(at.path_of("last_messages"))),
        Some(count) => count.integer(1..=i64::from(u32::MAX))?,
    };
    Ok(u32::try_from(count).map_or(Truncation::Auto, Truncation::LastMessages))
}

/// `tools`: those that the request brings, where it brings any. Those of the assistant are not known here.
fn tool_choice(at: &At<'_, '_>, tools: Option<&[Tool]>) -> Result<ToolChoice, ApiError> {
    const WORDS: &[(&str, ToolChoice)] = &[
        ("none", ToolChoice::None),
        ("auto", ToolChoice::Auto),
        ("required", ToolChoice::Required),
    ];
    let choice = match at.value() {
        Json::String(_) => at.word(WORDS)?,
        Json::Object(_) => ToolChoice::Function(named(at, tools)?),
        _ => return Err(at.wrong_type("one of a string or an object")),
    };
    if choice == ToolChoice::Required && tools.is_some_and(<[Tool]>::is_empty) {
        return Err(fault::invalid(
            at.path(),
            "Invalid value for 'tool_choice': 'required' needs 'tools', of which there are none.",
        ));
    }
    Ok(choice)
}

/// The name of the function that must be called.
fn named(at: &At<'_, '_>, tools: Option<&[Tool]>) -> Result<String, ApiError> {
    check_function(&at.require("type")?)?;
    let function = at.require("function")?.object()?;
    let name = function.require("name")?;
    let wanted = name.name()?;
    let has_name = |tool: &Tool| {
        let Tool::Function(function) = tool;
        function.name == wanted
    };
    if tools.is_some_and(|tools| !tools.iter().any(has_name)) {
        return Err(fault::invalid(
            name.path(),
            "The function that is named here is none of the request's.",
        ));
    }
    Ok(wanted.to_owned())
}
