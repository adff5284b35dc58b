//! What OpenAI refuses of a chat request.

mod messages;
mod tools;

use serde_json::{Map, Value};

use super::{
    error,
    models::{Kind, Model},
};
use crate::reply::Reply;

const PARAMETERS: [&str; 37] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Numbers and their bounds; those with `true` are integers.
const NUMBERS: [(&str, f64, f64, bool); 9] = [
    ("temperature", 0.0, 2.0, false),
    ("top_p", 0.0, 1.0, false),
    ("presence_penalty", -2.0, 2.0, false),
    ("frequency_penalty", -2.0, 2.0, false),
    ("n", 1.0, 128.0, true),
    ("max_tokens", 1.0, f64::MAX, true),
    ("max_completion_tokens", 1.0, f64::MAX, true),
    ("top_logprobs", 0.0, 20.0, true),
    ("seed", i64::MIN as f64, i64::MAX as f64, true),
];

const WORDS: [(&str, &[&str]); 3] = [
    (
        "reasoning_effort",
        &["none", "minimal", "low", "medium", "high", "xhigh", "max"],
    ),
    (
        "service_tier",
        &["auto", "default", "flex", "scale", "priority", "fast"],
    ),
    ("verbosity", &["low", "medium", "high"]),
];

/// Goes through `body`, which is for `model`.
pub(super) fn check(body: &Value, model: &Model) -> Result<(), Reply> {
    let Some(body) = body.as_object() else {
        return Err(error::bad_request("The body must be an object."));
    };
    check_names(body)?;
    messages::check(body.get("messages"))?;
    for (name, least, most, is_integer) in NUMBERS {
        check_number(body, name, least, most, is_integer)?;
    }
    for (name, words) in WORDS {
        check_word(body, name, words)?;
    }
    for name in ["stream", "logprobs", "parallel_tool_calls", "store"] {
        check_switch(body, name)?;
    }
    check_stop(body)?;
    check_stream_options(body)?;
    check_limits(body)?;
    tools::check(body)?;
    check_format(body)?;
    match model.kind {
        Kind::Reasoning => check_reasoning(body),
        _ if given(body, "reasoning_effort").is_some() => Err(unrecognized(&["reasoning_effort"])),
        _ => Ok(()),
    }
}

/// The field, unless it is null.
fn given<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

fn unrecognized(names: &[&str]) -> Reply {
    let s = if names.len() == 1 { "" } else { "s" };
    error::bad_request(&format!(
        "Unrecognized request argument{s} supplied: {}",
        names.join(", ")
    ))
}

fn check_names(body: &Map<String, Value>) -> Result<(), Reply> {
    let unknown: Vec<&str> = body
        .keys()
        .map(String::as_str)
        .filter(|name| !PARAMETERS.contains(name))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(unrecognized(&unknown))
    }
}

/// Refuses fields of `object` that are not in `known`; `path` is where it stands.
fn check_fields(object: &Map<String, Value>, path: &str, known: &[&str]) -> Result<(), Reply> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(error::unknown_parameter(&format!("{path}.{unknown}"))),
        None => Ok(()),
    }
}

fn check_number(
    body: &Map<String, Value>,
    name: &str,
    least: f64,
    most: f64,
    is_integer: bool,
) -> Result<(), Reply> {
    let Some(value) = given(body, name) else {
        return Ok(());
    };
    let kind = if is_integer { "integer" } else { "decimal" };
    let number = value
        .as_f64()
        .filter(|_| !is_integer || value.is_i64() || value.is_u64())
        .ok_or_else(|| {
            let article = if is_integer { "an" } else { "a" };
            error::invalid_type(name, &format!("{article} {kind}"), value)
        })?;
    let (side, sign, bound) = if number < least {
        ("below_min", ">=", least)
    } else if number > most {
        ("above_max", "<=", most)
    } else {
        return Ok(());
    };
    let words = if side == "below_min" {
        "below minimum"
    } else {
        "above maximum"
    };
    Err(error::at(
        name,
        &format!("{kind}_{side}_value"),
        &format!(
            "Invalid '{name}': {kind} {words} value. Expected a value {sign} {bound}, but got {value} instead."
        ),
    ))
}

fn check_word(body: &Map<String, Value>, name: &str, words: &[&str]) -> Result<(), Reply> {
    match given(body, name) {
        None => Ok(()),
        Some(Value::String(word)) if words.contains(&word.as_str()) => Ok(()),
        Some(Value::String(word)) => Err(error::invalid_value(name, word, words)),
        Some(other) => Err(error::invalid_type(name, "a string", other)),
    }
}

fn check_switch(body: &Map<String, Value>, name: &str) -> Result<(), Reply> {
    match given(body, name) {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(other) => Err(error::invalid_type(name, "a boolean", other)),
    }
}

fn check_stop(body: &Map<String, Value>) -> Result<(), Reply> {
    match given(body, "stop") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(stops)) if stops.len() > 4 => Err(error::at(
            "stop",
            "array_above_max_length",
            &format!(
                "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length {} \
                 instead.",
                stops.len()
            ),
        )),
        Some(Value::Array(stops)) if stops.iter().all(Value::is_string) => Ok(()),
        Some(other) => Err(error::invalid_type(
            "stop",
            "a string or an array of strings",
            other,
        )),
    }
}

fn check_stream_options(body: &Map<String, Value>) -> Result<(), Reply> {
    let Some(options) = given(body, "stream_options") else {
        return Ok(());
    };
    if body.get("stream") != Some(&Value::Bool(true)) {
        return Err(error::at_plain(
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    match options {
        Value::Object(options) => {
            check_fields(
                options,
                "stream_options",
                &["include_usage", "include_obfuscation"],
            )?;
            check_switch(options, "include_usage")
        }
        other => Err(error::invalid_type("stream_options", "an object", other)),
    }
}

fn check_limits(body: &Map<String, Value>) -> Result<(), Reply> {
    if given(body, "max_tokens").is_some() && given(body, "max_completion_tokens").is_some() {
        return Err(error::at_plain(
            "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ));
    }
    if given(body, "top_logprobs").is_some() && body.get("logprobs") != Some(&Value::Bool(true)) {
        return Err(error::at_plain(
            "top_logprobs",
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        ));
    }
    Ok(())
}

fn check_format(body: &Map<String, Value>) -> Result<(), Reply> {
    let Some(format) = given(body, "response_format") else {
        return Ok(());
    };
    let Some(format) = format.as_object() else {
        return Err(error::invalid_type("response_format", "an object", format));
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => check_fields(format, "response_format", &["type"]),
        Some("json_object") => {
            check_fields(format, "response_format", &["type"])?;
            let messages = body
                .get("messages")
                .map(Value::to_string)
                .unwrap_or_default();
            if messages.to_ascii_lowercase().contains("json") {
                return Ok(());
            }
            Err(error::at_plain(
                "messages",
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            ))
        }
        Some("json_schema") => {
            check_fields(format, "response_format", &["type", "json_schema"])?;
            tools::check_response_schema(format.get("json_schema"))
        }
        Some(other) => Err(error::invalid_value(
            "response_format.type",
            other,
            &["json_object", "json_schema", "text"],
        )),
        None => Err(error::missing("response_format.type")),
    }
}

/// What models that think first do not take.
fn check_reasoning(body: &Map<String, Value>) -> Result<(), Reply> {
    if given(body, "max_tokens").is_some() {
        return Err(error::at(
            "max_tokens",
            "unsupported_parameter",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ));
    }
    for (name, default) in [
        ("temperature", 1.0),
        ("top_p", 1.0),
        ("presence_penalty", 0.0),
        ("frequency_penalty", 0.0),
    ] {
        if let Some(value) = given(body, name)
            && value.as_f64() != Some(default)
        {
            return Err(error::at(
                name,
                "unsupported_value",
                &format!(
                    "Unsupported value: '{name}' does not support {value} with this model. Only the default ({default}) \
                     value is supported."
                ),
            ));
        }
    }
    Ok(())
}
