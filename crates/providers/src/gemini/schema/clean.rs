//! The fast way for schemas that need no repair: looked through once, nothing copied.
//!
//! Says yes to the plain subset only. What it says yes to, a repair would give back unchanged; a property test holds it
//! to that.

use serde_json::{Map, Value};

use super::{MAX_DEPTH, MAX_WEIGHT};

/// Whether the schema can go out as it is.
pub(super) fn is_clean(schema: &Value) -> bool {
    let mut left = MAX_WEIGHT;
    is_clean_at(schema, 0, &mut left)
}

fn is_clean_at(schema: &Value, depth: usize, left: &mut usize) -> bool {
    let Value::Object(map) = schema else {
        return false;
    };
    if depth > MAX_DEPTH || *left == 0 {
        return false;
    }
    *left -= 1;
    let Some(Value::String(kind)) = map.get("type") else {
        return false;
    };
    let kind = kind.as_str();
    if !matches!(
        kind,
        "string" | "integer" | "number" | "boolean" | "array" | "object" | "null"
    ) {
        return false;
    }
    map.iter().all(|(key, value)| match (key.as_str(), kind) {
        ("type", _) => true,
        ("title" | "description", _) => value.is_string(),
        ("format", "string" | "integer" | "number") => value.is_string(),
        ("enum", "string") => all_of(value, Value::is_string),
        ("enum", "integer") => all_of(value, |value| value.is_i64() || value.is_u64()),
        ("enum", "number") => all_of(value, Value::is_number),
        ("minimum" | "maximum", "integer" | "number") => value.is_number(),
        ("minItems" | "maxItems", "array") => value.is_u64(),
        ("items", "array") => is_clean_at(value, depth + 1, left),
        ("properties", "object") => value.as_object().is_some_and(|properties| {
            !properties.is_empty()
                && properties
                    .values()
                    .all(|property| is_clean_at(property, depth + 1, left))
        }),
        ("required", "object") => all_named(value, map),
        ("additionalProperties", "object") => {
            value.is_boolean() || is_clean_at(value, depth + 1, left)
        }
        _ => false,
    })
}

fn all_of(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value
        .as_array()
        .is_some_and(|values| !values.is_empty() && values.iter().all(fits))
}

fn all_named(required: &Value, schema: &Map<String, Value>) -> bool {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return false;
    };
    let Some(names) = required.as_array() else {
        return false;
    };
    // Long lists take the slow way, where looking for doubles is cheap.
    !names.is_empty()
        && names.len() <= 64
        && names.iter().enumerate().all(|(at, name)| {
            !names[..at].contains(name)
                && name
                    .as_str()
                    .is_some_and(|name| properties.contains_key(name))
        })
}
