//! The part of JSON Schema that Gemini documents as supported.

use serde_json::{Map, Value};

use crate::{gemini::error, reply::Reply};

const KEYWORDS: [&str; 21] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

const TYPES: [&str; 7] = [
    "string", "number", "integer", "boolean", "array", "object", "null",
];

/// Goes through a schema that stands at `path`.
pub(super) fn check(schema: &Value, path: &str) -> Result<(), Reply> {
    check_within(schema, schema, path).map_err(|what| {
        error::invalid_field(&format!("Invalid JSON schema at '{path}': {what}"), path)
    })
}

fn check_within(schema: &Value, root: &Value, place: &str) -> Result<(), String> {
    let Some(object) = schema.as_object() else {
        return Err(format!("{place} is not an object"));
    };
    if let Some(keyword) = object
        .keys()
        .find(|keyword| !KEYWORDS.contains(&keyword.as_str()))
    {
        return Err(format!("keyword {keyword:?} in {place} is not supported"));
    }
    if let Some(target) = object.get("$ref") {
        return check_reference(object, target, root, place);
    }
    check_type(object.get("type"), place)?;
    check_enum(object.get("enum"), place)?;
    check_required(object, place)?;
    for name in ["properties", "$defs"] {
        match object.get(name) {
            None => {}
            Some(Value::Object(schemas)) => schemas.iter().try_for_each(|(key, schema)| {
                check_within(schema, root, &format!("{place}.{name}.{key}"))
            })?,
            Some(_) => return Err(format!("{name} in {place} is not an object")),
        }
    }
    for name in ["anyOf", "oneOf", "prefixItems"] {
        match object.get(name) {
            None => {}
            Some(Value::Array(schemas)) if !schemas.is_empty() => schemas
                .iter()
                .try_for_each(|schema| check_within(schema, root, &format!("{place}.{name}")))?,
            Some(_) => return Err(format!("{name} in {place} is not a list of schemas")),
        }
    }
    if let Some(items) = object.get("items") {
        check_within(items, root, &format!("{place}.items"))?;
    }
    match object.get("additionalProperties") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(schema) => check_within(schema, root, &format!("{place}.additionalProperties")),
    }
}

/// A reference stands alone, but for other keywords that begin with `$`.
fn check_reference(
    object: &Map<String, Value>,
    target: &Value,
    root: &Value,
    place: &str,
) -> Result<(), String> {
    if let Some(sibling) = object.keys().find(|keyword| !keyword.starts_with('$')) {
        return Err(format!("{sibling:?} stands beside $ref in {place}"));
    }
    let resolved = target
        .as_str()
        .and_then(|target| target.strip_prefix('#'))
        .and_then(|pointer| root.pointer(pointer));
    match resolved {
        Some(_) => Ok(()),
        None => Err(format!("{target} in {place} leads nowhere")),
    }
}

/// One type, and `null` beside it where it may be absent.
fn check_type(kind: Option<&Value>, place: &str) -> Result<(), String> {
    let kinds = match kind {
        None => return Ok(()),
        Some(Value::Array(kinds)) => kinds.as_slice(),
        Some(kind) => std::slice::from_ref(kind),
    };
    let is_known = |kind: &Value| kind.as_str().is_some_and(|kind| TYPES.contains(&kind));
    let others = kinds.iter().filter(|kind| *kind != "null").count();
    if kinds.is_empty() || others > 1 || !kinds.iter().all(is_known) {
        return Err(format!(
            "type {} in {place} is not supported",
            Value::from(kinds.to_vec())
        ));
    }
    Ok(())
}

fn check_enum(values: Option<&Value>, place: &str) -> Result<(), String> {
    match values {
        None => Ok(()),
        Some(Value::Array(values))
            if !values.is_empty()
                && values
                    .iter()
                    .all(|value| value.is_string() || value.is_number()) =>
        {
            Ok(())
        }
        Some(_) => Err(format!("enum in {place} takes strings and numbers alone")),
    }
}

fn check_required(object: &Map<String, Value>, place: &str) -> Result<(), String> {
    let Some(required) = object.get("required") else {
        return Ok(());
    };
    let properties = object.get("properties").and_then(Value::as_object);
    let exists = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        properties.is_some_and(|properties| properties.contains_key(name))
    };
    match required.as_array() {
        Some(names) if names.iter().all(exists) => Ok(()),
        Some(_) => Err(format!(
            "required in {place} names a property that is not defined"
        )),
        None => Err(format!("required in {place} is not a list")),
    }
}
