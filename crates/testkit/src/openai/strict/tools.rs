//! What OpenAI refuses of tools and of schemas.

use serde_json::{Map, Value};

use super::{check_fields, given};
use crate::{openai::error, reply::Reply};

const TOOLS_LIMIT: usize = 128;

pub(super) fn check(body: &Map<String, Value>) -> Result<(), Reply> {
    let tools = match given(body, "tools") {
        None => {
            return match ["tool_choice", "parallel_tool_calls"]
                .into_iter()
                .find(|name| given(body, name).is_some())
            {
                Some(name) => Err(error::at_plain(
                    name,
                    &format!(
                        "Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
                    ),
                )),
                None => Ok(()),
            };
        }
        Some(Value::Array(tools)) => tools,
        Some(other) => return Err(error::invalid_type("tools", "an array of objects", other)),
    };
    if tools.is_empty() || tools.len() > TOOLS_LIMIT {
        return Err(error::at(
            "tools",
            if tools.is_empty() {
                "empty_array"
            } else {
                "array_above_max_length"
            },
            &format!(
                "Invalid 'tools': expected an array of 1 to {TOOLS_LIMIT}, but got {} instead.",
                tools.len()
            ),
        ));
    }
    for (index, tool) in tools.iter().enumerate() {
        check_tool(tool, &format!("tools[{index}]"))?;
    }
    check_choice(given(body, "tool_choice"), tools)
}

fn check_tool(tool: &Value, path: &str) -> Result<(), Reply> {
    let Some(tool) = tool.as_object() else {
        return Err(error::invalid_type(path, "an object", tool));
    };
    let kind = match tool.get("type") {
        Some(Value::String(kind)) if kind == "function" || kind == "custom" => kind.as_str(),
        Some(Value::String(kind)) => {
            return Err(error::invalid_value(
                &format!("{path}.type"),
                kind,
                &["function", "custom"],
            ));
        }
        _ => return Err(error::missing(&format!("{path}.type"))),
    };
    check_fields(tool, path, &["type", kind])?;
    let path = format!("{path}.{kind}");
    let Some(function) = tool.get(kind).and_then(Value::as_object) else {
        return Err(error::missing(&path));
    };
    if kind == "custom" {
        check_fields(function, &path, &["name", "description", "format"])?;
        return check_function_name(function.get("name"), &format!("{path}.name"));
    }
    check_fields(
        function,
        &path,
        &["name", "description", "parameters", "strict"],
    )?;
    check_function_name(function.get("name"), &format!("{path}.name"))?;
    let name = function
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let context = format!("Invalid schema for function '{name}'");
    let is_strict = function.get("strict") == Some(&Value::Bool(true));
    match given(function, "parameters") {
        None => Ok(()),
        Some(schema) => check_schema(schema, is_strict, &context, &format!("{path}.parameters")),
    }
}

pub(super) fn check_function_name(name: Option<&Value>, path: &str) -> Result<(), Reply> {
    let name = match name {
        None => return Err(error::missing(path)),
        Some(Value::String(name)) => name,
        Some(other) => return Err(error::invalid_type(path, "a string", other)),
    };
    let is_sound = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(is_sound) {
        return Ok(());
    }
    Err(error::at(
        path,
        "invalid_value",
        &format!(
            "Invalid '{path}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        ),
    ))
}

fn check_choice(choice: Option<&Value>, tools: &[Value]) -> Result<(), Reply> {
    let exists = |name: &str| {
        tools.iter().any(|tool| {
            ["/function/name", "/custom/name"]
                .iter()
                .any(|pointer| tool.pointer(pointer).and_then(Value::as_str) == Some(name))
        })
    };
    let Some(given_choice) = choice else {
        return Ok(());
    };
    let choice = match given_choice {
        Value::String(word) if ["none", "auto", "required"].contains(&word.as_str()) => {
            return Ok(());
        }
        Value::String(word) => {
            return Err(error::invalid_value(
                "tool_choice",
                word,
                &["none", "auto", "required"],
            ));
        }
        Value::Object(choice) => choice,
        other => {
            return Err(error::invalid_type(
                "tool_choice",
                "a string or an object",
                other,
            ));
        }
    };
    let kind = choice
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    check_fields(choice, "tool_choice", &["type", kind])?;
    let named: Vec<&Value> = match kind {
        "allowed_tools" => choice
            .get(kind)
            .and_then(|allowed| allowed.get("tools")?.as_array())
            .into_iter()
            .flatten()
            .collect(),
        "function" | "custom" => vec![given_choice],
        other => {
            let kinds = ["function", "custom", "allowed_tools"];
            return Err(error::invalid_value("tool_choice.type", other, &kinds));
        }
    };
    for tool in named {
        let name = ["/function/name", "/custom/name"]
            .iter()
            .find_map(|pointer| tool.pointer(pointer)?.as_str());
        match name {
            None => return Err(error::missing("tool_choice.function.name")),
            Some(name) if exists(name) => {}
            Some(name) => {
                return Err(error::at_plain(
                    "tool_choice",
                    &format!("Tool choice '{name}' not found in 'tools' parameter."),
                ));
            }
        }
    }
    Ok(())
}

/// Checks `response_format.json_schema`.
pub(super) fn check_response_schema(format: Option<&Value>) -> Result<(), Reply> {
    let path = "response_format.json_schema";
    let Some(format) = format.and_then(Value::as_object) else {
        return Err(error::missing(path));
    };
    check_fields(format, path, &["name", "description", "schema", "strict"])?;
    check_function_name(format.get("name"), &format!("{path}.name"))?;
    let name = format
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(schema) = given(format, "schema") else {
        return Err(error::missing(&format!("{path}.schema")));
    };
    let is_strict = format.get("strict") == Some(&Value::Bool(true));
    let context = format!("Invalid schema for response_format '{name}'");
    check_schema(schema, is_strict, &context, "response_format")
}

fn check_schema(schema: &Value, is_strict: bool, context: &str, path: &str) -> Result<(), Reply> {
    let refuse = |what: &str| {
        Err(error::at(
            path,
            "invalid_function_parameters",
            &format!("{context}: {what}"),
        ))
    };
    let Some(object) = schema.as_object() else {
        return refuse("the schema is not an object.");
    };
    let kind = object.get("type").and_then(Value::as_str);
    let is_free = object.is_empty() && !is_strict;
    if kind != Some("object") && !is_free {
        return refuse(&format!(
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{}\"'.",
            kind.unwrap_or("None")
        ));
    }
    if is_strict {
        check_strict(schema).or_else(|what| refuse(&what))?;
    }
    Ok(())
}

/// In a strict schema every object lists all of its properties as required and takes no others.
fn check_strict(schema: &Value) -> Result<(), String> {
    let Some(object) = schema.as_object() else {
        return Ok(());
    };
    if let Some(properties) = object.get("properties").and_then(Value::as_object) {
        if object.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(
                "In context=(), 'additionalProperties' is required to be supplied and to be false."
                    .to_owned(),
            );
        }
        let required = object.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            required.is_some_and(|names| names.iter().any(|required| required == name))
        };
        if let Some(name) = properties.keys().find(|name| !is_required(name)) {
            return Err(format!(
                "In context=(), 'required' is required to be supplied and to be an array including every key in properties. \
                 Missing '{name}'."
            ));
        }
    }
    let children = ["properties", "$defs", "definitions"]
        .into_iter()
        .filter_map(|name| object.get(name)?.as_object())
        .flat_map(Map::values);
    let listed = ["anyOf", "allOf", "prefixItems"]
        .into_iter()
        .filter_map(|name| object.get(name)?.as_array())
        .flatten();
    children
        .chain(listed)
        .chain(object.get("items"))
        .try_for_each(check_strict)
}
