//! `tools` of assistants and runs.

use locum_domain::{assistant::Tool, chat::FunctionTool, error::ApiError};
use serde::Serialize;
use serde_json::Value;

use super::{at::At, chat, fault};

#[derive(Clone, Copy)]
enum Kind {
    Function,
    BuiltIn(&'static str),
}

const KINDS: &[(&str, Kind)] = &[
    ("code_interpreter", Kind::BuiltIn("code_interpreter")),
    ("file_search", Kind::BuiltIn("file_search")),
    ("function", Kind::Function),
];

/// Reads tools, no name of a function twice.
pub(super) fn tools(at: &At<'_, '_>) -> Result<Vec<Tool>, ApiError> {
    let functions = chat::functions(at, |item| {
        let item = item.object()?;
        check_function(&item.require("type")?)?;
        chat::function(&item.require("function")?.object()?)
    })?;
    Ok(functions.into_iter().map(Tool::Function).collect())
}

/// Refuses any `type` of a tool but `function`.
pub(super) fn check_function(kind: &At<'_, '_>) -> Result<(), ApiError> {
    match kind.word(KINDS)? {
        Kind::Function => Ok(()),
        Kind::BuiltIn(name) => Err(fault::unsupported(
            kind.path(),
            &format!(
                "This server does not have the built-in tool '{name}' yet; only function tools work."
            ),
        )),
    }
}

/// A tool.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToolObject<'a> {
    /// A function.
    Function {
        /// What it is.
        function: FunctionObject<'a>,
    },
}

/// A function that the model may call.
#[derive(Serialize)]
pub(crate) struct FunctionObject<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Value>,
    strict: bool,
}

impl<'a> From<&'a Tool> for ToolObject<'a> {
    fn from(tool: &'a Tool) -> Self {
        match tool {
            Tool::Function(FunctionTool {
                name,
                description,
                parameters,
                strict,
            }) => Self::Function {
                function: FunctionObject {
                    name,
                    description: description.as_deref(),
                    parameters: parameters.as_ref(),
                    strict: *strict,
                },
            },
        }
    }
}
