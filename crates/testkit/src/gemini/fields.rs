//! Refuses fields that Gemini's requests do not have, and values of the wrong type.
//!
//! Gemini also takes the names in snake_case; nobody here writes them so, and they are refused as slips.

mod table;

use serde_json::{Map, Value};

pub(super) use self::table::{BATCH_EMBED, COUNT_TOKENS, EMBED, GENERATE};

use self::Kind::{
    Any, Encoded, Int32, Int64, Named, Number, Object, Objects, Struct, Switch, Text, Texts, Word,
    Words,
};
use super::error;
use crate::reply::Reply;

/// The fields of an object.
pub(super) struct Shape(&'static [(&'static str, Kind)]);

/// What a field takes.
enum Kind {
    Text,
    /// Base64; whether it decodes is checked where it matters.
    Encoded,
    Number,
    Int32,
    /// A number, or a number in a string.
    Int64,
    Switch,
    /// Any JSON.
    Any,
    /// Any JSON object.
    Struct,
    /// One of these words.
    Word(&'static [&'static str]),
    Texts,
    /// These words, any number of them.
    Words(&'static [&'static str]),
    Object(&'static Shape),
    Objects(&'static Shape),
    /// Objects under names of the caller's choice.
    Named(&'static Shape),
}

/// Goes through `body`, which should be a `shape`.
pub(super) fn check(body: &Value, shape: &Shape) -> Result<(), Reply> {
    match body {
        Value::Object(object) => check_object(object, shape, ""),
        _ => Err(error::invalid(
            "Invalid JSON payload received. Expected an object.",
        )),
    }
}

fn check_object(object: &Map<String, Value>, shape: &Shape, path: &str) -> Result<(), Reply> {
    for (name, value) in object {
        let Some((_, kind)) = shape.0.iter().find(|(known, _)| known == name) else {
            return Err(unknown(name, path));
        };
        let path = if path.is_empty() {
            snake(name)
        } else {
            format!("{path}.{}", snake(name))
        };
        check_value(value, kind, &path)?;
    }
    Ok(())
}

fn check_value(value: &Value, kind: &Kind, path: &str) -> Result<(), Reply> {
    if value.is_null() {
        return Ok(());
    }
    let fits = match (kind, value) {
        (Any, _)
        | (Text | Encoded, Value::String(_))
        | (Switch, Value::Bool(_))
        | (Struct, Value::Object(_))
        | (Number, Value::Number(_)) => true,
        (Int32, Value::Number(number)) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        (Int64, Value::Number(number)) => number.is_i64() || number.is_u64(),
        (Int64, Value::String(text)) => text.parse::<i64>().is_ok(),
        (Word(words), Value::String(word)) => words.contains(&word.as_str()),
        (Texts, Value::Array(items)) => items.iter().all(Value::is_string),
        (Words(words), Value::Array(items)) => items
            .iter()
            .all(|item| item.as_str().is_some_and(|item| words.contains(&item))),
        (Object(shape), Value::Object(object)) => return check_object(object, shape, path),
        (Objects(shape), Value::Array(items)) => {
            return items.iter().enumerate().try_for_each(|(index, item)| {
                check_value(item, &Object(shape), &format!("{path}[{index}]"))
            });
        }
        (Named(shape), Value::Object(object)) => {
            return object
                .iter()
                .enumerate()
                .try_for_each(|(index, (_, item))| {
                    check_value(item, &Object(shape), &format!("{path}[{index}].value"))
                });
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let kind = match kind {
        Text | Texts => "TYPE_STRING",
        Encoded => "TYPE_BYTES",
        Number => "TYPE_FLOAT",
        Int32 => "TYPE_INT32",
        Int64 => "TYPE_INT64",
        Switch => "TYPE_BOOL",
        Struct => "type.googleapis.com/google.protobuf.Struct",
        Word(_) | Words(_) => "TYPE_ENUM",
        Any | Object(_) | Objects(_) | Named(_) => "TYPE_MESSAGE",
    };
    Err(error::invalid_field(
        &format!("Invalid value at '{path}' ({kind}), {value}"),
        path,
    ))
}

/// The refusal of a field that does not exist; `path` is the object's, empty for the whole request.
pub(super) fn unknown(name: &str, path: &str) -> Reply {
    let place = if path.is_empty() {
        String::new()
    } else {
        format!(" at '{path}'")
    };
    error::invalid_field(
        &format!(
            "Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."
        ),
        path,
    )
}

/// A field's name as it stands in errors.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
