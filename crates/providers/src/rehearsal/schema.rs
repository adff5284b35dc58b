//! JSON that fits a JSON Schema.
//!
//! Made of what the schema says alone, and of values that the user's text gives for a property's name. Takes the keywords
//! that OpenAI's structured outputs take and their neighbours: types, `enum`, `const`, `default`, bounds, `pattern`, `format`,
//! `required`, arrays, `$ref` (recursive ones too), `anyOf`, `oneOf`, `allOf`. What is only optional is left out unless the text gives it.

mod merge;
mod pattern;
mod scalar;

use serde_json::{Map, Value, json};

use self::merge::merged;
use super::words;

/// How many parts an example may have: schemas may branch beyond all bounds.
const MAX_STEPS: u32 = 20_000;
/// How deep an example may nest.
const MAX_DEPTH: u32 = 96;

/// A value that fits `schema`; `None` where there is none, or none was found. `said` is what the user wrote.
pub(super) fn example(schema: &Value, said: &str) -> Option<Value> {
    let mut maker = Maker {
        root: schema,
        said,
        open: vec!["#".to_owned()],
        steps: MAX_STEPS,
        depth: 0,
        variant: 0,
    };
    maker.make(schema, "")
}

struct Maker<'a> {
    root: &'a Value,
    said: &'a str,
    /// The references whose targets are being made. The smallest example never needs one of them inside itself, so none is
    /// entered twice; that is what ends recursion.
    open: Vec<String>,
    steps: u32,
    depth: u32,
    /// Which of several possible values is taken, for arrays whose elements must differ.
    variant: usize,
}

impl Maker<'_> {
    /// `name` is the property's name, for values out of the text.
    fn make(&mut self, schema: &Value, name: &str) -> Option<Value> {
        self.steps = self.steps.checked_sub(1)?;
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let made = match schema {
            Value::Bool(false) => None,
            Value::Object(schema) => self.make_of(schema, name),
            _ => self.make_of(&Map::new(), name),
        };
        self.depth -= 1;
        made
    }

    fn make_of(&mut self, schema: &Map<String, Value>, name: &str) -> Option<Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.make_reference(schema, reference, name);
        }
        if let Some(constant) = schema.get("const") {
            return Some(constant.clone());
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = schema.get(keyword) {
                return self.make_branch(schema, keyword, branches, name);
            }
        }
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            let mut whole = without(schema, "allOf");
            for part in parts {
                whole = merged(whole, part)?;
            }
            return self.make(&Value::Object(whole), name);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return self.make_enum(schema, values, name);
        }
        if let Some(value) = scalar::said(schema, self.said, name) {
            return Some(value);
        }
        if let Some(default) = schema.get("default")
            && self.variant == 0
            && !default.is_null()
            && scalar::fits(schema, default)
        {
            return Some(default.clone());
        }
        types(schema)
            .into_iter()
            .find_map(|kind| self.make_type(schema, kind, name))
    }

    fn make_type(&mut self, schema: &Map<String, Value>, kind: &str, name: &str) -> Option<Value> {
        match kind {
            "object" => self.make_object(schema),
            "array" => self.make_array(schema, name),
            "boolean" => Some(Value::Bool(self.variant.is_multiple_of(2))),
            "integer" => scalar::number(schema, true, self.variant),
            "number" => scalar::number(schema, false, self.variant),
            "null" => Some(Value::Null),
            "string" => scalar::string(schema, name, self.variant),
            _ => None,
        }
    }

    fn make_reference(
        &mut self,
        schema: &Map<String, Value>,
        reference: &str,
        name: &str,
    ) -> Option<Value> {
        if self.open.iter().any(|open| open == reference) {
            return None;
        }
        let target = resolve(self.root, reference)?;
        let whole = merged(without(schema, "$ref"), target)?;
        self.open.push(reference.to_owned());
        let made = self.make(&Value::Object(whole), name);
        self.open.pop();
        made
    }

    /// The first branch that can be made, null last.
    fn make_branch(
        &mut self,
        schema: &Map<String, Value>,
        keyword: &str,
        branches: &[Value],
        name: &str,
    ) -> Option<Value> {
        let base = without(schema, keyword);
        let is_null = |branch: &&Value| branch.get("type").is_some_and(|kind| kind == "null");
        let (nulls, others): (Vec<&Value>, Vec<&Value>) = branches.iter().partition(is_null);
        others.into_iter().chain(nulls).find_map(|branch| {
            let whole = merged(base.clone(), branch)?;
            self.make(&Value::Object(whole), name)
        })
    }

    /// The value that the text gives or names, else the first that fits.
    fn make_enum(
        &mut self,
        schema: &Map<String, Value>,
        values: &[Value],
        name: &str,
    ) -> Option<Value> {
        let fitting: Vec<&Value> = values
            .iter()
            .filter(|value| scalar::fits(schema, value))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        if self.variant > 0 {
            return fitting.get(self.variant).map(|&value| value.clone());
        }
        let given = words::value_after(self.said, name);
        let is_given = |value: &&&Value| {
            value
                .as_str()
                .is_some_and(|text| given.is_some_and(|given| given.eq_ignore_ascii_case(text)))
        };
        let is_named = |value: &&&Value| {
            let text = value.as_str();
            text.is_some_and(|text| words::find_name(self.said, text).is_some())
        };
        let chosen = fitting
            .iter()
            .find(is_given)
            .or_else(|| fitting.iter().find(is_named))
            .or_else(|| fitting.iter().find(|value| !value.is_null()))
            .or_else(|| fitting.first())?;
        Some((*chosen).clone())
    }

    fn make_object(&mut self, schema: &Map<String, Value>) -> Option<Value> {
        let no_properties = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&no_properties);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let variant = std::mem::take(&mut self.variant);
        let mut object = Map::new();
        for (name, property) in properties {
            if required.contains(&name.as_str()) {
                // Elements of an array that must differ differ in their first property.
                self.variant = if object.is_empty() { variant } else { 0 };
                let value = self.make(property, name);
                self.variant = 0;
                object.insert(name.clone(), value?);
            } else if required.is_empty() || words::value_after(self.said, name).is_some() {
                // What is not needed is left out where it cannot be made.
                if let Some(value) = self.make(property, name) {
                    object.insert(name.clone(), value);
                }
            }
        }
        let additional = schema.get("additionalProperties").unwrap_or(&Value::Null);
        for name in required {
            if !object.contains_key(name) {
                let value = self.make(additional, name)?;
                object.insert(name.to_owned(), value);
            }
        }
        self.fill_object(&mut object, properties, schema)?;
        Some(Value::Object(object))
    }

    /// Adds properties until `minProperties` is reached.
    fn fill_object(
        &mut self,
        object: &mut Map<String, Value>,
        properties: &Map<String, Value>,
        schema: &Map<String, Value>,
    ) -> Option<()> {
        let wanted = count(schema, "minProperties").unwrap_or(0);
        for (name, property) in properties {
            if object.len() < wanted
                && !object.contains_key(name)
                && let Some(value) = self.make(property, name)
            {
                object.insert(name.clone(), value);
            }
        }
        let additional = schema.get("additionalProperties").unwrap_or(&Value::Null);
        let mut number = 0;
        while object.len() < wanted {
            number += 1;
            object.insert(format!("key{number}"), self.make(additional, "")?);
        }
        Some(())
    }

    fn make_array(&mut self, schema: &Map<String, Value>, name: &str) -> Option<Value> {
        let no_items = Vec::new();
        let prefix = schema
            .get("prefixItems")
            .or_else(|| schema.get("items").filter(|items| items.is_array()))
            .and_then(Value::as_array)
            .unwrap_or(&no_items);
        let items = schema
            .get("items")
            .filter(|items| !items.is_array())
            .unwrap_or(&Value::Null);
        let least = count(schema, "minItems").unwrap_or(0);
        let most = count(schema, "maxItems").unwrap_or(usize::MAX);
        let wanted = prefix.len().max(1).max(least).min(most);
        let differ = schema.get("uniqueItems") == Some(&json!(true));
        let outer = self.variant;
        let mut array = Vec::new();
        while array.len() < wanted {
            if differ {
                self.variant = array.len();
            }
            let made = self.make(prefix.get(array.len()).unwrap_or(items), name);
            self.variant = outer;
            match made.filter(|value| !differ || !array.contains(value)) {
                Some(value) => array.push(value),
                None if array.len() >= least => break,
                None => return None,
            }
        }
        Some(Value::Array(array))
    }
}

/// The types that a value may have, the likeliest first; guessed from other keywords where the schema does not say.
fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => {
            let mut kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.sort_by_key(|kind| *kind == "null");
            kinds
        }
        _ => {
            const HINTS: [(&str, &[&str]); 3] = [
                (
                    "object",
                    &[
                        "properties",
                        "required",
                        "additionalProperties",
                        "minProperties",
                    ],
                ),
                ("array", &["items", "prefixItems", "minItems", "maxItems"]),
                (
                    "number",
                    &[
                        "minimum",
                        "maximum",
                        "exclusiveMinimum",
                        "exclusiveMaximum",
                        "multipleOf",
                    ],
                ),
            ];
            let hinted = HINTS
                .iter()
                .find(|(_, keywords)| keywords.iter().any(|keyword| schema.contains_key(*keyword)));
            vec![hinted.map_or("string", |(kind, _)| kind)]
        }
    }
}

/// The target of a reference inside the document.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let pointer = percent_encoding::percent_decode_str(pointer)
        .decode_utf8()
        .ok()?;
    root.pointer(&pointer)
}

fn count(schema: &Map<String, Value>, keyword: &str) -> Option<usize> {
    let count = schema.get(keyword)?;
    let count = count
        .as_u64()
        .or_else(|| count.as_f64().map(|count| count as u64))?;
    usize::try_from(count).ok()
}

fn without(schema: &Map<String, Value>, keyword: &str) -> Map<String, Value> {
    let mut rest = schema.clone();
    rest.shift_remove(keyword);
    rest
}

#[cfg(test)]
mod tests;
