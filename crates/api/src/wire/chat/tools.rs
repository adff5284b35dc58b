//! Tools, and which of them may be called: `tools` and `tool_choice`, or their predecessors `functions` and
//! `function_call`.

use locum_domain::{
    chat::{FunctionTool, ToolChoice},
    error::ApiError,
};

use crate::wire::{at::At, fault, json::Json};

/// How many tools one request may bring.
const MAX_TOOLS: usize = 128;
const NO_CUSTOM: &str = "Custom tools are not supported; use a function.";

/// What a request says about tools.
pub(super) struct Tools {
    pub tools: Vec<FunctionTool>,
    pub choice: ToolChoice,
    pub parallel: Option<bool>,
}

/// Reads what the body says about tools.
pub(super) fn tools(body: &At<'_, '_>) -> Result<Tools, ApiError> {
    let parallel = body
        .get("parallel_tool_calls")
        .map(|parallel| parallel.boolean())
        .transpose()?;
    if let Some(functions) = body.get("functions") {
        if body.get("tools").is_some() {
            return Err(fault::invalid(
                functions.path(),
                "'functions' and 'tools' cannot both be given; 'functions' is the older name of 'tools'.",
            ));
        }
        let tools = list(&functions, |item| function(&item.object()?))?;
        let choice = match body.get("function_call") {
            None => ToolChoice::Auto,
            Some(call) => function_call(&call, &tools)?,
        };
        return Ok(Tools {
            tools,
            choice,
            // An answer to `functions` has room for one call.
            parallel: Some(false),
        });
    }
    let tools = match body.get("tools") {
        None => Vec::new(),
        Some(tools) => list(&tools, tool)?,
    };
    let choice = match body.get("tool_choice") {
        None => ToolChoice::Auto,
        Some(choice) => tool_choice(&choice, &tools)?,
    };
    Ok(Tools {
        tools,
        choice,
        parallel,
    })
}

/// The tools at `at`, no name twice.
pub(in crate::wire) fn list(
    at: &At<'_, '_>,
    read: impl Fn(&At<'_, '_>) -> Result<FunctionTool, ApiError>,
) -> Result<Vec<FunctionTool>, ApiError> {
    let items = at.objects()?;
    if items.len() > MAX_TOOLS {
        return Err(fault::long_array(at.path(), MAX_TOOLS, items.len()));
    }
    let mut tools: Vec<FunctionTool> = Vec::with_capacity(items.len());
    for item in items {
        let tool = read(&item)?;
        if tools.iter().any(|earlier| earlier.name == tool.name) {
            return Err(fault::invalid(
                item.path(),
                format!(
                    "There is more than one function of the name '{}'.",
                    tool.name
                ),
            ));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn tool(at: &At<'_, '_>) -> Result<FunctionTool, ApiError> {
    let at = at.object()?;
    let kind = at.require("type")?;
    if kind.word(&[("function", false), ("custom", true)])? {
        return Err(fault::unsupported(kind.path(), NO_CUSTOM));
    }
    function(&at.require("function")?.object()?)
}

/// `{"name", "description", "parameters", "strict"}`.
pub(in crate::wire) fn function(at: &At<'_, '_>) -> Result<FunctionTool, ApiError> {
    let parameters = at.get("parameters").map(At::object).transpose()?;
    Ok(FunctionTool {
        name: at.require("name")?.name()?.to_owned(),
        description: at.text("description")?,
        parameters: parameters.map(|parameters| parameters.value().to_value()),
        strict: at.flag("strict")?,
    })
}

fn tool_choice(at: &At<'_, '_>, tools: &[FunctionTool]) -> Result<ToolChoice, ApiError> {
    const WORDS: &[(&str, ToolChoice)] = &[
        ("none", ToolChoice::None),
        ("auto", ToolChoice::Auto),
        ("required", ToolChoice::Required),
    ];
    #[derive(Clone, Copy)]
    enum Form {
        Function,
        Allowed,
        Custom,
    }
    const FORMS: &[(&str, Form)] = &[
        ("function", Form::Function),
        ("allowed_tools", Form::Allowed),
        ("custom", Form::Custom),
    ];
    let word = match at.value() {
        Json::String(_) => Some(at.word(WORDS)?),
        Json::Object(_) => None,
        _ => return Err(at.wrong_type("one of a string or an object")),
    };
    if tools.is_empty() && !matches!(word, Some(ToolChoice::None | ToolChoice::Auto)) {
        return Err(fault::invalid(
            at.path(),
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        ));
    }
    if let Some(word) = word {
        return Ok(word);
    }
    let kind = at.require("type")?;
    match kind.word(FORMS)? {
        Form::Function => {
            let function = at.require("function")?.object()?;
            Ok(ToolChoice::Function(named(
                &function.require("name")?,
                tools,
            )?))
        }
        Form::Allowed => allowed_tools(&at.require("allowed_tools")?, tools),
        Form::Custom => Err(fault::unsupported(kind.path(), NO_CUSTOM)),
    }
}

/// `{"mode", "tools"}`.
fn allowed_tools(at: &At<'_, '_>, tools: &[FunctionTool]) -> Result<ToolChoice, ApiError> {
    let at = at.object()?;
    let required = at
        .require("mode")?
        .word(&[("auto", false), ("required", true)])?;
    let list = at.require("tools")?;
    let mut names = Vec::new();
    for item in list.objects()? {
        let item = item.object()?;
        let kind = item.require("type")?;
        if kind.word(&[("function", false), ("custom", true)])? {
            return Err(fault::unsupported(kind.path(), NO_CUSTOM));
        }
        let function = item.require("function")?.object()?;
        names.push(named(&function.require("name")?, tools)?);
    }
    if names.is_empty() {
        return Err(fault::empty_array(list.path()));
    }
    Ok(ToolChoice::Allowed { names, required })
}

/// `none`, `auto` or `{"name"}`.
fn function_call(at: &At<'_, '_>, tools: &[FunctionTool]) -> Result<ToolChoice, ApiError> {
    match at.value() {
        Json::String(_) => at.word(&[("none", ToolChoice::None), ("auto", ToolChoice::Auto)]),
        Json::Object(_) => Ok(ToolChoice::Function(named(&at.require("name")?, tools)?)),
        _ => Err(at.wrong_type("one of a string or an object")),
    }
}

/// The name of one of `tools`.
fn named(at: &At<'_, '_>, tools: &[FunctionTool]) -> Result<String, ApiError> {
    let name = at.string()?;
    if !tools.iter().any(|tool| tool.name == name) {
        return Err(fault::invalid(
            at.path(),
            "The function that is named here is none of the request's.",
        ));
    }
    Ok(name.to_owned())
}
