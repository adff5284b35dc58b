//! How statements are written here.

use std::borrow::Cow;

use crate::connection::{Expect, Statement, Value};

/// The greatest whole number that every host keeps as it is.
pub(crate) const MAX_WHOLE: u64 = (1 << 53) - 1;

impl Statement {
    /// Reads how many rows the statement before it has changed, for connections to SQLite that are not told.
    pub fn changes_of_last() -> Self {
        Self::new("SELECT changes()")
    }

    /// A statement without parameters, of which anything may come.
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sql: sql.into(),
            params: Vec::new(),
            expect: Expect::Anything,
        }
    }

    /// With the next parameter.
    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.params.push(value.into());
        self
    }

    /// With the next parameters.
    #[must_use]
    pub(crate) fn bind_all(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        self.params.extend(values);
        self
    }

    /// It must change exactly one row.
    #[must_use]
    pub(crate) fn of_one_row(mut self) -> Self {
        self.expect = Expect::Changes(1);
        self
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Times, counts and versions; what no host could keep becomes the greatest number that all can.
impl From<u64> for Value {
    fn from(whole: u64) -> Self {
        Self::Integer(i64::try_from(whole.min(MAX_WHOLE)).unwrap_or(i64::MAX))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// As many parameters as a list in brackets takes, and how it is written. Lists come in a few sizes, so that their
/// statements' texts come again; what is missing to a size is filled up with the last value.
pub(crate) struct Brackets {
    /// `?3, ?4, …`
    pub(crate) places: String,
    /// The values in these places.
    pub(crate) values: Vec<Value>,
}

/// How many values one pair of brackets takes at most.
pub(crate) const MAX_IN_BRACKETS: usize = 64;

impl Brackets {
    /// Places for `values`, of which there are 1 to [`MAX_IN_BRACKETS`], the first of them being `?first`.
    pub(crate) fn new<'a>(first: usize, values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values: Vec<Value> = values.into_iter().map(Value::from).collect();
        let size = [1, 4, 16]
            .into_iter()
            .find(|&size| values.len() <= size)
            .unwrap_or(MAX_IN_BRACKETS);
        if let Some(last) = values.last().cloned() {
            values.resize(size.max(values.len()), last);
        }
        let places: Vec<String> = (first..)
            .take(values.len())
            .map(|place| format!("?{place}"))
            .collect();
        Self {
            places: places.join(", "),
            values,
        }
    }
}
