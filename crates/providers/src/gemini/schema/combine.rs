//! Several schemas that hold at once (`allOf`, a reference with company) become one.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{MAX_DEPTH, Repair, SchemaError};

/// Longer lists of values are not compared with each other; the first one stays.
const MAX_COMPARED: usize = 200;

/// A schema whose only company for one reference is `allOf` around it, as older tools write it: without the `allOf`.
pub(super) fn lift_single(map: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let reference = match map
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([Value::Object(only)]) if only.len() == 1 && !map.contains_key("$ref") => {
            only.get("$ref")
        }
        _ => None,
    };
    let Some(reference) = reference else {
        return Cow::Borrowed(map);
    };
    let mut lifted: Map<String, Value> = map
        .iter()
        .filter(|(key, _)| *key != "allOf")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    lifted.insert("$ref".to_owned(), reference.clone());
    Cow::Owned(lifted)
}

/// Whether a keyword beside a reference makes a difference to what goes out.
pub(super) fn says_something(key: &str) -> bool {
    matches!(
        key,
        "type"
            | "format"
            | "title"
            | "description"
            | "nullable"
            | "const"
            | "enum"
            | "items"
            | "prefixItems"
            | "minItems"
            | "maxItems"
            | "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
            | "anyOf"
            | "oneOf"
            | "allOf"
            | "properties"
            | "additionalProperties"
            | "required"
    )
}

/// How much a value amounts to: its values, and a share for its texts.
pub(super) fn weight(value: &Value) -> usize {
    const BYTES: usize = 32;
    match value {
        Value::String(text) => 1 + text.len() / BYTES,
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => {
            1 + map
                .iter()
                .map(|(key, value)| key.len() / BYTES + weight(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}

impl Repair<'_> {
    /// Merges a schema, all that its reference leads to and all members of its `allOf` into `merged`. What came first
    /// wins where two cannot both be kept.
    pub(super) fn merge(
        &mut self,
        map: &Map<String, Value>,
        merged: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), SchemaError> {
        if depth > MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        for (key, value) in map {
            if says_something(key) && key != "allOf" {
                self.spend(weight(value))?;
                combine(merged, key, value);
            }
        }
        let reference = map.get("$ref").and_then(Value::as_str);
        if let Some(pointer) = reference.and_then(|reference| self.references.resolve(reference))
            && !self.path.contains(&pointer)
        {
            let target = self.references.target(&pointer);
            self.path.push(pointer);
            if let Value::Object(target) = target {
                self.spend(1)?;
                self.merge(target, merged, depth + 1)?;
            }
        }
        if let Some(Value::Array(members)) = map.get("allOf") {
            for member in members {
                self.spend(1)?;
                if let Value::Object(member) = member {
                    self.merge(member, merged, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}

/// Adds one keyword to what holds already.
fn combine(merged: &mut Map<String, Value>, key: &str, value: &Value) {
    let Some(held) = merged.get_mut(key) else {
        merged.insert(key.to_owned(), value.clone());
        return;
    };
    match (key, held, value) {
        ("properties", Value::Object(held), Value::Object(more)) => {
            for (name, schema) in more {
                both(held, name, schema);
            }
        }
        ("required", Value::Array(held), Value::Array(more)) => held.extend(more.iter().cloned()),
        ("enum", Value::Array(held), Value::Array(more))
            if held.len().max(more.len()) <= MAX_COMPARED
                && held.iter().any(|value| more.contains(value)) =>
        {
            held.retain(|value| more.contains(value));
        }
        ("type", held @ Value::String(_), more @ Value::String(_))
            if *held == "number" && *more == "integer" =>
        {
            *held = more.clone();
        }
        ("minimum" | "exclusiveMinimum" | "minItems", held, more)
            if more.as_f64() > held.as_f64() =>
        {
            *held = more.clone();
        }
        ("maximum" | "exclusiveMaximum" | "maxItems", held, more)
            if more.as_f64().is_some() && more.as_f64() < held.as_f64() =>
        {
            *held = more.clone();
        }
        _ => {}
    }
}

/// A property that two schemas describe must fit both.
fn both(properties: &mut Map<String, Value>, name: &str, schema: &Value) {
    let Some(held) = properties.get_mut(name) else {
        properties.insert(name.to_owned(), schema.clone());
        return;
    };
    if held == schema {
        return;
    }
    if let Value::Object(map) = held
        && map.len() == 1
        && let Some(Value::Array(members)) = map.get_mut("allOf")
    {
        members.push(schema.clone());
        return;
    }
    let members = vec![held.take(), schema.clone()];
    *held = Value::Object(Map::from_iter([(
        "allOf".to_owned(),
        Value::Array(members),
    )]));
}
