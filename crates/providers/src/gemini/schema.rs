//! JSON Schemas, repaired to the vocabulary that Gemini takes (`parametersJsonSchema`, `responseJsonSchema`).
//!
//! A schema that is fine goes out as it came. From any other a new one is made that says as much of the same as the
//! vocabulary can: `const` becomes a one-value `enum`, `allOf` is merged, a list of types becomes `anyOf`, exclusive bounds
//! become inclusive ones, references of every form become references into `$defs`. What has no word is left out, which
//! makes the schema wider, never narrower. Schemas come from strangers: their depth and size are bounded, and no
//! arrangement of references makes the work larger than that.

mod bounds;
mod clean;
mod combine;
mod cycles;
mod keywords;
mod references;

use std::borrow::Cow;

use serde_json::{Map, Value};

use references::References;

/// Schemas within schemas, at most.
const MAX_DEPTH: usize = 64;
/// The most that a schema may amount to, see [`combine::weight`]; OpenAI's own limit is 5,000 properties.
const MAX_WEIGHT: usize = 40_000;
/// Definitions that are referred to, at most.
const MAX_DEFINITIONS: usize = 500;

/// Why a schema cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SchemaError {
    /// More than [`MAX_DEPTH`].
    #[error("the schema is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More than [`MAX_WEIGHT`] or [`MAX_DEFINITIONS`].
    #[error("the schema is too large")]
    TooLarge,
}

/// The schema of a function's arguments; `None` where there can be no arguments, which Gemini wants left out.
pub(super) fn parameters(schema: &Value) -> Result<Option<Cow<'_, Value>>, SchemaError> {
    let schema = response(schema)?;
    Ok((!takes_nothing(&schema)).then_some(schema))
}

/// The schema of an answer.
pub(super) fn response(schema: &Value) -> Result<Cow<'_, Value>, SchemaError> {
    if clean::is_clean(schema) {
        return Ok(Cow::Borrowed(schema));
    }
    Repair::new(schema).run().map(Cow::Owned)
}

/// Whether no object but the empty one is described, or nothing at all.
fn takes_nothing(schema: &Value) -> bool {
    let Value::Object(map) = schema else {
        return true;
    };
    map.iter().all(|(key, value)| match key.as_str() {
        "type" => value == "object",
        "additionalProperties" => *value == Value::Bool(false),
        "title" | "description" | "$defs" => true,
        _ => false,
    })
}

/// One repair under way.
struct Repair<'a> {
    references: References<'a>,
    /// Where the references lead that are being merged into what is repaired now: following one of them again would not end.
    path: Vec<String>,
    weight_left: usize,
}

impl<'a> Repair<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            references: References::new(root),
            path: vec![String::new()],
            weight_left: MAX_WEIGHT,
        }
    }

    fn run(mut self) -> Result<Value, SchemaError> {
        let root = self.references.root();
        let mut repaired = match root {
            Value::Object(map) => self.object(map, 0, true)?.unwrap_or_default(),
            _ => Map::new(),
        };
        let mut definitions = Map::new();
        while let Some((pointer, name, target)) = self.references.next_wanted() {
            self.path = vec![pointer];
            let definition = self.schema(target, 1)?.unwrap_or_default();
            definitions.insert(name, Value::Object(definition));
            if definitions.len() > MAX_DEFINITIONS {
                return Err(SchemaError::TooLarge);
            }
        }
        cycles::relax(&mut definitions);
        if !definitions.is_empty() {
            repaired.insert("$defs".to_owned(), Value::Object(definitions));
        }
        Ok(Value::Object(repaired))
    }

    /// A schema at any place; `None` for the one that nothing fits (`false`).
    fn schema(
        &mut self,
        schema: &Value,
        depth: usize,
    ) -> Result<Option<Map<String, Value>>, SchemaError> {
        if depth > MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        self.spend(1)?;
        match schema {
            Value::Object(map) => self.object(map, depth, false),
            Value::Bool(false) => Ok(None),
            _ => Ok(Some(Map::new())),
        }
    }

    /// A schema that is an object. At the root a reference is always followed: what stands there must be an object.
    fn object(
        &mut self,
        map: &Map<String, Value>,
        depth: usize,
        is_root: bool,
    ) -> Result<Option<Map<String, Value>>, SchemaError> {
        let map = combine::lift_single(map);
        let reference = map.get("$ref").and_then(Value::as_str);
        let pointer = reference.and_then(|reference| self.references.resolve(reference));
        if let Some(pointer) = &pointer {
            let is_bare = !map.keys().any(|key| combine::says_something(key));
            if (is_bare && !is_root) || self.path.contains(pointer) {
                let mut plain = Map::new();
                let target = self.references.want(pointer);
                plain.insert("$ref".to_owned(), Value::String(target));
                return Ok(Some(plain));
            }
        }
        if pointer.is_none() && !map.contains_key("allOf") {
            return self.keywords(&map, depth);
        }
        let followed = self.path.len();
        let mut merged = Map::new();
        self.merge(&map, &mut merged, depth)?;
        let repaired = self.keywords(&merged, depth);
        self.path.truncate(followed);
        repaired
    }

    fn spend(&mut self, weight: usize) -> Result<(), SchemaError> {
        self.weight_left = self
            .weight_left
            .checked_sub(weight)
            .ok_or(SchemaError::TooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
