//! What OpenAI refuses of a conversation.

use serde_json::{Map, Value};

use super::{check_fields, tools::check_function_name};
use crate::{openai::error, reply::Reply};

const ROLES: [&str; 6] = [
    "system",
    "assistant",
    "user",
    "function",
    "tool",
    "developer",
];

const CALL_ID_LENGTH: usize = 40;

pub(super) fn check(messages: Option<&Value>) -> Result<(), Reply> {
    let messages = match messages {
        None => return Err(error::missing("messages")),
        Some(Value::Array(messages)) => messages,
        Some(other) => {
            return Err(error::invalid_type(
                "messages",
                "an array of objects",
                other,
            ));
        }
    };
    if messages.is_empty() {
        return Err(empty_array("messages"));
    }
    // The calls that wait for their results.
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let path = format!("messages[{index}]");
        let Some(message) = message.as_object() else {
            return Err(error::invalid_type(&path, "an object", message));
        };
        let role = check_role(message, &path)?;
        check_message(message, role, &path)?;
        if role == "tool" {
            answer_call(message, &mut open, index)?;
            continue;
        }
        check_answered(&open)?;
        open = calls(message)
            .iter()
            .filter_map(|call| call.get("id")?.as_str())
            .collect();
    }
    check_answered(&open)
}

fn check_role<'a>(message: &'a Map<String, Value>, path: &str) -> Result<&'a str, Reply> {
    let path = format!("{path}.role");
    match message.get("role") {
        None => Err(error::missing(&path)),
        Some(Value::String(role)) if ROLES.contains(&role.as_str()) => Ok(role),
        Some(Value::String(role)) => Err(error::invalid_value(&path, role, &ROLES)),
        Some(other) => Err(error::invalid_type(&path, "a string", other)),
    }
}

fn calls(message: &Map<String, Value>) -> &[Value] {
    let calls = message.get("tool_calls").and_then(Value::as_array);
    calls.map(Vec::as_slice).unwrap_or_default()
}

/// Takes the call that `message` answers off the list of the `open` ones.
fn answer_call(
    message: &Map<String, Value>,
    open: &mut Vec<&str>,
    index: usize,
) -> Result<(), Reply> {
    let id = message.get("tool_call_id").and_then(Value::as_str);
    match open.iter().position(|call| Some(*call) == id) {
        Some(position) => {
            open.remove(position);
            Ok(())
        }
        None => Err(error::at_plain(
            &format!("messages.[{index}].role"),
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        )),
    }
}

fn check_answered(open: &[&str]) -> Result<(), Reply> {
    if open.is_empty() {
        return Ok(());
    }
    Err(error::at_plain(
        "messages",
        &format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The \
             following tool_call_ids did not have response messages: {}",
            open.join(", ")
        ),
    ))
}

fn check_message(message: &Map<String, Value>, role: &str, path: &str) -> Result<(), Reply> {
    let fields: &[&str] = match role {
        "assistant" => &[
            "role",
            "content",
            "name",
            "refusal",
            "audio",
            "annotations",
            "tool_calls",
            "function_call",
        ],
        "tool" => &["role", "content", "name", "tool_call_id"],
        _ => &["role", "content", "name"],
    };
    check_fields(message, path, fields)?;
    if role == "tool" {
        match message.get("tool_call_id") {
            None => return Err(error::missing(&format!("{path}.tool_call_id"))),
            Some(id) => check_call_id(id, &format!("{path}.tool_call_id"))?,
        }
    }
    if role == "assistant" {
        check_calls(message, path)?;
    }
    check_content(message, role, path)
}

fn check_call_id(id: &Value, path: &str) -> Result<(), Reply> {
    let Some(id) = id.as_str() else {
        return Err(error::invalid_type(path, "a string", id));
    };
    if id.len() <= CALL_ID_LENGTH {
        return Ok(());
    }
    Err(error::at(
        path,
        "string_above_max_length",
        &format!(
            "Invalid '{path}': string too long. Expected a string with maximum length {CALL_ID_LENGTH}, but got a string \
             with length {} instead.",
            id.len()
        ),
    ))
}

fn check_calls(message: &Map<String, Value>, path: &str) -> Result<(), Reply> {
    match message.get("tool_calls") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(calls)) if calls.is_empty() => {
            return Err(empty_array(&format!("{path}.tool_calls")));
        }
        Some(Value::Array(_)) => {}
        Some(other) => {
            return Err(error::invalid_type(
                &format!("{path}.tool_calls"),
                "an array of objects",
                other,
            ));
        }
    }
    for (index, call) in calls(message).iter().enumerate() {
        let path = format!("{path}.tool_calls[{index}]");
        let Some(call) = call.as_object() else {
            return Err(error::invalid_type(&path, "an object", call));
        };
        let kind = call.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind != "function" && kind != "custom" {
            return Err(error::invalid_value(
                &format!("{path}.type"),
                kind,
                &["function", "custom"],
            ));
        }
        check_fields(call, &path, &["id", "type", kind])?;
        match call.get("id") {
            None => return Err(error::missing(&format!("{path}.id"))),
            Some(id) => check_call_id(id, &format!("{path}.id"))?,
        }
        let (path, argument) = (
            format!("{path}.{kind}"),
            if kind == "custom" {
                "input"
            } else {
                "arguments"
            },
        );
        let Some(function) = call.get(kind).and_then(Value::as_object) else {
            return Err(error::missing(&path));
        };
        check_fields(function, &path, &["name", argument])?;
        check_function_name(function.get("name"), &format!("{path}.name"))?;
        match function.get(argument) {
            Some(Value::String(_)) => {}
            None => return Err(error::missing(&format!("{path}.{argument}"))),
            Some(other) => {
                return Err(error::invalid_type(
                    &format!("{path}.{argument}"),
                    "a string",
                    other,
                ));
            }
        }
    }
    Ok(())
}

fn check_content(message: &Map<String, Value>, role: &str, path: &str) -> Result<(), Reply> {
    let path = format!("{path}.content");
    match message.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) if parts.is_empty() => Err(empty_array(&path)),
        Some(Value::Array(parts)) => parts
            .iter()
            .enumerate()
            .try_for_each(|(index, part)| check_part(part, role, &format!("{path}[{index}]"))),
        None | Some(Value::Null) => {
            let is_said_otherwise = ["tool_calls", "function_call", "refusal", "audio"]
                .iter()
                .any(|name| message.get(*name).is_some_and(|value| !value.is_null()));
            if role == "assistant" && is_said_otherwise {
                return Ok(());
            }
            Err(error::at_plain(
                &path.replace("messages[", "messages.["),
                "Invalid value for 'content': expected a string, got null.",
            ))
        }
        Some(other) => Err(error::invalid_type(
            &path,
            "one of a string or array of objects",
            other,
        )),
    }
}

fn check_part(part: &Value, role: &str, path: &str) -> Result<(), Reply> {
    let Some(part) = part.as_object() else {
        return Err(error::invalid_type(path, "an object", part));
    };
    let kinds: &[&str] = match role {
        "user" => &["text", "image_url", "input_audio", "file"],
        "assistant" => &["text", "refusal"],
        _ => &["text"],
    };
    let kind = match part.get("type") {
        Some(Value::String(kind)) if kinds.contains(&kind.as_str()) => kind.as_str(),
        Some(Value::String(kind)) => {
            return Err(error::invalid_value(&format!("{path}.type"), kind, kinds));
        }
        _ => return Err(error::missing(&format!("{path}.type"))),
    };
    check_fields(part, path, &["type", kind, "prompt_cache_breakpoint"])?;
    let path = format!("{path}.{kind}");
    let value = part.get(kind).ok_or_else(|| error::missing(&path))?;
    let fields: &[&str] = match kind {
        "image_url" => &["url", "detail"],
        "input_audio" => &["data", "format"],
        "file" => &["file_data", "file_id", "filename"],
        _ if value.is_string() => return Ok(()),
        _ => return Err(error::invalid_type(&path, "a string", value)),
    };
    let Some(object) = value.as_object() else {
        return Err(error::invalid_type(&path, "an object", value));
    };
    check_fields(object, &path, fields)?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "image_url" => {
            let detail = text("detail");
            if !["", "low", "high", "auto", "original"].contains(&detail) {
                return Err(error::invalid_value(
                    &format!("{path}.detail"),
                    detail,
                    &["low", "high", "auto"],
                ));
            }
            let url = text("url");
            if ["data:", "http://", "https://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
            {
                return Ok(());
            }
            Err(error::at(
                &format!("{path}.url"),
                "invalid_value",
                "Invalid image_url: expected a URL or a base64-encoded image.",
            ))
        }
        "input_audio" if !["wav", "mp3"].contains(&text("format")) => Err(error::invalid_value(
            &format!("{path}.format"),
            text("format"),
            &["wav", "mp3"],
        )),
        _ => Ok(()),
    }
}

fn empty_array(path: &str) -> Reply {
    error::at(
        path,
        "empty_array",
        &format!(
            "Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        ),
    )
}
