//! The keywords of one schema, without references and `allOf`, in the words of Gemini's vocabulary.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::{Repair, SchemaError, bounds};

/// A JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

impl Kind {
    const ALL: [(Kind, &'static str); 7] = [
        (Kind::String, "string"),
        (Kind::Integer, "integer"),
        (Kind::Number, "number"),
        (Kind::Boolean, "boolean"),
        (Kind::Array, "array"),
        (Kind::Object, "object"),
        (Kind::Null, "null"),
    ];

    /// In any case: OpenAPI and Gemini's older field write types in upper case.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map(|(kind, _)| *kind)
    }

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("string", |(_, name)| name)
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if is_whole(number) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    fn takes(self, value: &Value) -> bool {
        let kind = Self::of_value(value);
        kind == self || (self == Self::Number && kind == Self::Integer)
    }
}

fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

impl Repair<'_> {
    /// A schema without references and `allOf`; `None` for one that nothing fits.
    pub(super) fn keywords(
        &mut self,
        map: &Map<String, Value>,
        depth: usize,
    ) -> Result<Option<Map<String, Value>>, SchemaError> {
        let mut out = Map::new();
        let any_of = self.alternatives(map, "anyOf", depth)?;
        let one_of = self.alternatives(map, "oneOf", depth)?;
        let has_alternatives = any_of.is_some() || one_of.is_some();
        let nullable = map.get("nullable") == Some(&Value::Bool(true));
        let values = values(map, nullable);
        let mut kinds = kinds(map);
        if kinds.is_empty() && !has_alternatives {
            kinds = inferred(map, values.as_deref());
        }
        if nullable && !kinds.is_empty() && !kinds.contains(&Kind::Null) {
            kinds.push(Kind::Null);
        }

        if let [kind] = kinds[..] {
            out = self.of_kind(Some(kind), map, values.as_deref(), depth)?;
        } else if kinds.is_empty() {
            out = self.of_kind(None, map, values.as_deref(), depth)?;
        }
        for key in ["title", "description"] {
            if let Some(text @ Value::String(_)) = map.get(key) {
                out.insert(key.to_owned(), text.clone());
            }
        }
        if has_alternatives {
            let mut lists = [any_of, one_of].into_iter().flatten();
            let mut first = lists.next().unwrap_or_default();
            let may_be_null = nullable || (kinds.len() > 1 && kinds.contains(&Kind::Null));
            if may_be_null && !first.iter().any(is_null) {
                first.push(null());
            }
            out.insert("anyOf".to_owned(), Value::Array(first));
            if let Some(second) = lists.next() {
                out.insert("oneOf".to_owned(), Value::Array(second));
            }
        } else if kinds.len() > 1 {
            self.branches(&kinds, map, values.as_deref(), depth, &mut out)?;
        }
        Ok(Some(out))
    }

    /// A list of types: one alternative for each, with the keywords that speak about it.
    fn branches(
        &mut self,
        kinds: &[Kind],
        map: &Map<String, Value>,
        values: Option<&[Value]>,
        depth: usize,
        out: &mut Map<String, Value>,
    ) -> Result<(), SchemaError> {
        let mut branches = Vec::with_capacity(kinds.len());
        for &kind in kinds {
            let is_possible =
                values.is_none_or(|values| values.iter().any(|value| kind.takes(value)));
            if is_possible {
                let branch = self.of_kind(Some(kind), map, values, depth + 1)?;
                branches.push(Value::Object(branch));
            }
        }
        match branches.len() {
            0 => {}
            1 => {
                if let Some(Value::Object(only)) = branches.pop() {
                    out.extend(only);
                }
            }
            _ => drop(out.insert("anyOf".to_owned(), Value::Array(branches))),
        }
        Ok(())
    }

    /// What is said about values of one type; without a type, about values of any.
    fn of_kind(
        &mut self,
        kind: Option<Kind>,
        map: &Map<String, Value>,
        values: Option<&[Value]>,
        depth: usize,
    ) -> Result<Map<String, Value>, SchemaError> {
        let mut out = Map::new();
        if let Some(kind) = kind {
            out.insert("type".to_owned(), Value::String(kind.name().to_owned()));
        }
        let speaks_of = |kinds: &[Kind]| kind.is_none_or(|kind| kinds.contains(&kind));
        let numeric = speaks_of(&[Kind::Integer, Kind::Number]);
        if (numeric || speaks_of(&[Kind::String]))
            && let Some(format @ Value::String(_)) = map.get("format")
        {
            out.insert("format".to_owned(), format.clone());
        }
        if let Some(values) = values
            && let Some(listed) = listed(kind, values)
        {
            out.insert("enum".to_owned(), Value::Array(listed));
        }
        if numeric {
            bounds::copy(kind == Some(Kind::Integer), map, &mut out);
        }
        if speaks_of(&[Kind::Array]) {
            self.array(map, depth, &mut out)?;
        }
        if speaks_of(&[Kind::Object]) {
            self.properties(map, depth, &mut out)?;
        }
        Ok(out)
    }

    fn array(
        &mut self,
        map: &Map<String, Value>,
        depth: usize,
        out: &mut Map<String, Value>,
    ) -> Result<(), SchemaError> {
        // Before draft 2020-12, a list under `items` was what `prefixItems` is now.
        let (prefix, rest) = match map.get("items") {
            Some(Value::Array(prefix)) => (Some(prefix), map.get("additionalItems")),
            rest => (map.get("prefixItems").and_then(Value::as_array), rest),
        };
        if let Some(prefix) = prefix {
            let mut schemas = Vec::with_capacity(prefix.len());
            for item in prefix {
                let item = self.schema(item, depth + 1)?.unwrap_or_default();
                schemas.push(Value::Object(item));
            }
            if !schemas.is_empty() {
                out.insert("prefixItems".to_owned(), Value::Array(schemas));
            }
        }
        if let Some(rest @ Value::Object(_)) = rest
            && let Some(items) = self.schema(rest, depth + 1)?
        {
            out.insert("items".to_owned(), Value::Object(items));
        }
        for key in ["minItems", "maxItems"] {
            if let Some(count) = map.get(key).and_then(Value::as_u64) {
                out.insert(key.to_owned(), Value::from(count));
            }
        }
        Ok(())
    }

    fn properties(
        &mut self,
        map: &Map<String, Value>,
        depth: usize,
        out: &mut Map<String, Value>,
    ) -> Result<(), SchemaError> {
        let mut properties = Map::new();
        if let Some(Value::Object(described)) = map.get("properties") {
            for (name, property) in described {
                if let Some(property) = self.schema(property, depth + 1)? {
                    properties.insert(name.clone(), Value::Object(property));
                }
            }
        }
        if let Some(Value::Array(required)) = map.get("required") {
            let mut seen = HashSet::new();
            let required: Vec<Value> = required
                .iter()
                .filter_map(Value::as_str)
                .filter(|&name| properties.contains_key(name) && seen.insert(name))
                .map(Value::from)
                .collect();
            if !required.is_empty() {
                out.insert("required".to_owned(), Value::Array(required));
            }
        }
        if !properties.is_empty() {
            out.insert("properties".to_owned(), Value::Object(properties));
        }
        match map.get("additionalProperties") {
            // With patterns gone, "no others" would forbid what they allowed.
            Some(Value::Bool(false)) if map.contains_key("patternProperties") => {}
            Some(others @ Value::Bool(_)) => {
                out.insert("additionalProperties".to_owned(), others.clone());
            }
            Some(others @ Value::Object(_)) => {
                let others = self
                    .schema(others, depth + 1)?
                    .map_or(Value::Bool(false), Value::Object);
                out.insert("additionalProperties".to_owned(), others);
            }
            _ => {}
        }
        Ok(())
    }

    /// The alternatives under `key`; `None` where there are none, or one of them is everything.
    fn alternatives(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        depth: usize,
    ) -> Result<Option<Vec<Value>>, SchemaError> {
        let Some(Value::Array(members)) = map.get(key) else {
            return Ok(None);
        };
        let mut alternatives = Vec::with_capacity(members.len());
        for member in members {
            if let Some(member) = self.schema(member, depth + 1)? {
                alternatives.push(Value::Object(member));
            }
        }
        let says_something = !alternatives.is_empty()
            && !alternatives
                .iter()
                .any(|member| member.as_object().is_some_and(Map::is_empty));
        Ok(says_something.then_some(alternatives))
    }
}

/// The types that are named.
fn kinds(map: &Map<String, Value>) -> Vec<Kind> {
    let named: &[Value] = match map.get("type") {
        Some(Value::Array(names)) => names,
        Some(name) => std::slice::from_ref(name),
        None => &[],
    };
    distinct(
        named
            .iter()
            .filter_map(Value::as_str)
            .filter_map(Kind::of_name),
    )
}

/// The types that a schema without `type` must mean.
fn inferred(map: &Map<String, Value>, values: Option<&[Value]>) -> Vec<Kind> {
    if let Some(values) = values {
        return distinct(values.iter().map(Kind::of_value));
    }
    let has = |keys: &[&str]| keys.iter().any(|key| map.contains_key(*key));
    if has(&["properties", "additionalProperties"]) {
        vec![Kind::Object]
    } else if has(&["items", "prefixItems"]) {
        vec![Kind::Array]
    } else {
        Vec::new()
    }
}

fn distinct(kinds: impl Iterator<Item = Kind>) -> Vec<Kind> {
    let mut seen = Vec::new();
    for kind in kinds {
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    seen
}

/// The values that `enum` or `const` allow.
fn values(map: &Map<String, Value>, nullable: bool) -> Option<Vec<Value>> {
    let mut values = match (map.get("const"), map.get("enum")) {
        (Some(only), _) => vec![only.clone()],
        (None, Some(Value::Array(values))) if !values.is_empty() => values.clone(),
        _ => return None,
    };
    if nullable && !values.contains(&Value::Null) {
        values.push(Value::Null);
    }
    Some(values)
}

/// The values of one type that may stand in an `enum`: texts and numbers. `None` where others are allowed as well, so that
/// a list would be narrower than what was said.
fn listed(kind: Option<Kind>, values: &[Value]) -> Option<Vec<Value>> {
    let listed: Vec<Value> = match kind {
        Some(kind @ (Kind::String | Kind::Integer | Kind::Number)) => values
            .iter()
            .filter(|value| kind.takes(value))
            .cloned()
            .collect(),
        Some(_) => return None,
        None => values
            .iter()
            .map(|value| (value.is_string() || value.is_number()).then(|| value.clone()))
            .collect::<Option<_>>()?,
    };
    (!listed.is_empty()).then_some(listed)
}

fn null() -> Value {
    Value::Object(Map::from_iter([(
        "type".to_owned(),
        Value::String("null".to_owned()),
    )]))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}
