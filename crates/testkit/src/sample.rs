//! Values made out of a JSON schema.

use serde_json::{Map, Value, json};

/// At how many levels a schema that refers to itself is left alone.
const DEPTH_LIMIT: usize = 16;

/// A value that `schema` allows. Understands JSON Schema and Gemini's own schema language.
pub(crate) fn value(schema: &Value) -> Value {
    value_within(schema, schema, DEPTH_LIMIT)
}

fn value_within(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return match root.pointer(target.trim_start_matches('#')) {
            Some(schema) => value_within(schema, root, depth - 1),
            None => Value::Null,
        };
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = schema.pointer("/enum/0") {
        return value.clone();
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(variant) = schema.get(union).and_then(|variants| variants.get(0)) {
            return value_within(variant, root, depth - 1);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        kind => kind.and_then(Value::as_str),
    };
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("string") => json!("text"),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or(json!(1.5)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => {
            let item = schema
                .get("items")
                .map(|items| value_within(items, root, depth - 1));
            Value::Array(item.into_iter().collect())
        }
        _ => object_within(schema, root, depth),
    }
}

/// All properties while there is depth, and only the required ones where a schema refers to itself.
fn object_within(schema: &Value, root: &Value, depth: usize) -> Value {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let object: Map<String, Value> = properties
        .into_iter()
        .flatten()
        .filter(|(name, _)| depth == DEPTH_LIMIT || required.contains(&name.as_str()))
        .map(|(name, schema)| (name.clone(), value_within(schema, root, depth - 1)))
        .collect();
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_follows_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": ["null", "integer"], "minimum": 3},
                "unit": {"enum": ["C", "F"]},
                "near": {"type": "ARRAY", "items": {"$ref": "#/$defs/place"}},
            },
            "$defs": {"place": {
                "type": "object",
                "properties": {"x": {"type": "number"}, "next": {"$ref": "#/$defs/place"}},
                "required": ["x"],
            }},
        });
        assert_eq!(
            value(&schema),
            json!({"city": "text", "days": 3, "unit": "C", "near": [{"x": 1.5}]})
        );
    }
}
