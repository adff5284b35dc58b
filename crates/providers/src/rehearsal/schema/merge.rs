//! Two schemas as one that demands what both do.

use serde_json::{Map, Value};

/// `base` and `other` together; `None` where nothing can fit both.
pub(super) fn merged(mut base: Map<String, Value>, other: &Value) -> Option<Map<String, Value>> {
    let other = match other {
        Value::Object(other) => other,
        Value::Bool(false) => return None,
        _ => return Some(base),
    };
    // What cannot be said of one schema twice is put off.
    let mut put_off = Map::new();
    for (keyword, theirs) in other {
        let Some(ours) = base.get_mut(keyword) else {
            base.insert(keyword.clone(), theirs.clone());
            continue;
        };
        if ours == theirs {
            continue;
        }
        match keyword.as_str() {
            "anyOf" | "oneOf" | "$ref" => {
                put_off.insert(keyword.clone(), theirs.clone());
            }
            "properties" | "$defs" | "definitions" => merge_properties(ours, theirs),
            "required" | "allOf" => merge_lists(ours, theirs),
            "type" => *ours = common_types(ours, theirs)?,
            "enum" => *ours = common_values(ours, theirs)?,
            "const" => return None,
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
                if theirs.as_f64() > ours.as_f64() {
                    *ours = theirs.clone();
                }
            }
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
                if theirs.as_f64() < ours.as_f64() {
                    *ours = theirs.clone();
                }
            }
            "additionalProperties" if *ours == Value::Bool(false) => {}
            _ => *ours = theirs.clone(),
        }
    }
    if !put_off.is_empty() {
        let rest = base
            .entry("allOf")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(rest) = rest {
            rest.push(Value::Object(put_off));
        }
    }
    Some(base)
}

fn merge_properties(ours: &mut Value, theirs: &Value) {
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
        return;
    };
    for (name, property) in theirs {
        let together = match ours.get(name) {
            None => property.clone(),
            Some(Value::Object(known)) => {
                merged(known.clone(), property).map_or(Value::Bool(false), Value::Object)
            }
            Some(Value::Bool(false)) => Value::Bool(false),
            Some(_) => property.clone(),
        };
        ours.insert(name.clone(), together);
    }
}

fn merge_lists(ours: &mut Value, theirs: &Value) {
    if let (Value::Array(ours), Value::Array(theirs)) = (ours, theirs) {
        for value in theirs {
            if !ours.contains(value) {
                ours.push(value.clone());
            }
        }
    }
}

fn common_types(ours: &Value, theirs: &Value) -> Option<Value> {
    let list = |types: &Value| -> Vec<String> {
        match types {
            Value::Array(types) => types
                .iter()
                .filter_map(|kind| kind.as_str().map(str::to_owned))
                .collect(),
            Value::String(kind) => vec![kind.clone()],
            _ => Vec::new(),
        }
    };
    let (ours, theirs) = (list(ours), list(theirs));
    let has = |kinds: &[String], kind: &str| kinds.iter().any(|known| known == kind);
    let mut common: Vec<Value> = Vec::new();
    for kind in ["object", "array", "string", "boolean", "null"] {
        if has(&ours, kind) && has(&theirs, kind) {
            common.push(kind.into());
        }
    }
    let numeric = |kinds: &[String]| (has(kinds, "number"), has(kinds, "integer"));
    match (numeric(&ours), numeric(&theirs)) {
        ((true, _), (true, _)) => common.push("number".into()),
        ((true, _) | (_, true), (true, _) | (_, true)) => common.push("integer".into()),
        _ => {}
    }
    (!common.is_empty()).then_some(Value::Array(common))
}

fn common_values(ours: &Value, theirs: &Value) -> Option<Value> {
    let theirs = theirs.as_array()?;
    let common: Vec<Value> = ours
        .as_array()?
        .iter()
        .filter(|value| theirs.contains(value))
        .cloned()
        .collect();
    (!common.is_empty()).then_some(Value::Array(common))
}
