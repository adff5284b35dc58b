//! What rows hold, and the stored form of objects.

use std::vec::IntoIter;

use locum_engine::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};

use crate::connection::{Row, Value};

/// The values of a row, one after the other.
pub(crate) struct Cells(IntoIter<Value>);

impl Cells {
    pub(crate) fn of(row: Row) -> Self {
        Self(row.into_iter())
    }

    /// A whole number that is not negative.
    pub(crate) fn whole(&mut self) -> Result<u64, StoreError> {
        match self.0.next() {
            Some(Value::Integer(whole)) if whole >= 0 => Ok(whole.unsigned_abs()),
            other => Err(unexpected("a whole number", other.as_ref())),
        }
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            other => Err(unexpected("a text", other.as_ref())),
        }
    }

    /// A text, or nothing.
    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected("a text or null", other.as_ref())),
        }
    }

    /// An object: two values, its id and its stored form.
    pub(crate) fn object<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let id = self.text()?;
        decode(&id, &self.text()?)
    }

    /// An object as [`Cells::object`], or nothing.
    pub(crate) fn optional_object<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        match (self.optional_text()?, self.optional_text()?) {
            (Some(id), Some(data)) => decode(&id, &data).map(Some),
            _ => Ok(None),
        }
    }
}

/// The stored form of an object.
pub(crate) fn encode<T: Serialize>(id: &str, object: &T) -> Result<Value, StoreError> {
    serde_json::to_string(object)
        .map(Value::Text)
        .map_err(|error| StoreError::Failed(format!("{id} has no stored form: {error}")))
}

/// The object of a stored form. What is wrong with one is told by its place: the parser's own words would quote it, and
/// what clients wrote is not for logs.
fn decode<T: DeserializeOwned>(id: &str, data: &str) -> Result<T, StoreError> {
    serde_json::from_str(data).map_err(|error| {
        StoreError::Failed(format!(
            "the stored form of {id} is not one that this version of Locum reads: {:?} error at byte {} of {}",
            error.classify(),
            error.column(),
            data.len(),
        ))
    })
}

fn unexpected(expected: &str, found: Option<&Value>) -> StoreError {
    let found = match found {
        None => "nothing more",
        Some(Value::Null) => "null",
        Some(Value::Integer(whole)) if *whole < 0 => "a negative number",
        Some(Value::Integer(_)) => "a whole number",
        Some(Value::Text(_)) => "a text",
    };
    StoreError::Failed(format!("a row holds {found} in the place of {expected}"))
}
