//! Function declarations, and how they may be called.

use serde_json::Value;

use super::{list, schema, text};
use crate::{
    gemini::{error, models::Model},
    reply::Reply,
};

const NAME_LENGTH: usize = 128;

pub(super) fn check(model: &Model, body: &Value) -> Result<(), Reply> {
    let tools = list(body, "tools");
    let declaring = tools
        .iter()
        .filter(|tool| tool.get("functionDeclarations").is_some())
        .count();
    if declaring > 1 {
        return Err(error::invalid(
            "Multiple tools are supported only when they are all search tools.",
        ));
    }
    if declaring == 1 && tools.len() > 1 && model.generation < (3, 0) {
        return Err(error::invalid(
            "Tool use with function calling is unsupported",
        ));
    }
    let mut names: Vec<&str> = Vec::new();
    for (number, tool) in tools.iter().enumerate() {
        if tool.as_object().is_some_and(serde_json::Map::is_empty) {
            return Err(error::invalid(&format!(
                "* GenerateContentRequest.tools[{number}].tool_type: required one_of 'tool_type' must have one initialized \
                 field\n"
            )));
        }
        for (index, function) in list(tool, "functionDeclarations").iter().enumerate() {
            let path = format!("tools[{number}].function_declarations[{index}]");
            let name = check_function(function, &path)?;
            if names.contains(&name) {
                return Err(error::invalid(&format!(
                    "Duplicate function declaration found: {name}"
                )));
            }
            names.push(name);
        }
    }
    check_calling(body, &names)
}

fn check_function<'a>(function: &'a Value, path: &str) -> Result<&'a str, Reply> {
    let name = text(function, "name").unwrap_or_default();
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "_:.-".contains(c);
    if !begins_well || !name.chars().all(is_sound) || name.len() > NAME_LENGTH {
        return Err(error::invalid(&format!(
            "* GenerateContentRequest.{path}.name: Invalid function name. Must start with a letter or an underscore. Must be \
             alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of \
             {NAME_LENGTH}.\n"
        )));
    }
    match (
        function.get("parameters"),
        function.get("parametersJsonSchema"),
    ) {
        (Some(_), Some(_)) => {
            return Err(error::invalid(&format!(
                "* GenerateContentRequest.{path}: only one of parameters and parameters_json_schema may be set\n"
            )));
        }
        (Some(parameters), None) => check_parameters(parameters, &format!("{path}.parameters"))?,
        (None, Some(parameters)) => {
            schema::check(parameters, &format!("{path}.parameters_json_schema"))?
        }
        (None, None) => {}
    }
    Ok(name)
}

/// An object of Gemini's own schema language has properties.
fn check_parameters(schema: &Value, path: &str) -> Result<(), Reply> {
    let properties = schema.get("properties").and_then(Value::as_object);
    if text(schema, "type") == Some("OBJECT") && properties.is_none_or(serde_json::Map::is_empty) {
        return Err(error::invalid(&format!(
            "* GenerateContentRequest.{path}.properties: should be non-empty for OBJECT type\n"
        )));
    }
    let nested = properties.into_iter().flat_map(serde_json::Map::values);
    nested
        .chain(schema.get("items"))
        .chain(list(schema, "anyOf"))
        .try_for_each(|schema| check_parameters(schema, path))
}

fn check_calling(body: &Value, names: &[&str]) -> Result<(), Reply> {
    let Some(config) = body.pointer("/toolConfig/functionCallingConfig") else {
        return Ok(());
    };
    if names.is_empty() {
        return Err(error::invalid(
            "Function calling config is set without function_declarations.",
        ));
    }
    let allowed = list(config, "allowedFunctionNames");
    let mode = text(config, "mode").unwrap_or("AUTO");
    if !allowed.is_empty() && mode != "ANY" && mode != "VALIDATED" {
        return Err(error::invalid(
            "Please set allowed_function_names only when function calling mode is ANY or VALIDATED.",
        ));
    }
    let is_declared = |name: &Value| name.as_str().is_some_and(|name| names.contains(&name));
    match allowed.iter().find(|name| !is_declared(name)) {
        None => Ok(()),
        Some(name) => Err(error::invalid(&format!(
            "* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: {name} is not declared\n"
        ))),
    }
}
