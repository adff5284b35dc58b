//! A value and its place in the body, so that whatever is wrong with it is said with `param`.

use std::{fmt, ops::RangeInclusive};

use locum_domain::error::ApiError;

use super::{
    fault::{self, Number},
    id,
    json::Json,
};

/// A place in a body, as a chain up to its root. Written as `messages[2].content[0].image_url.url`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, key) => f.write_str(key),
            Self::Member(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'d, 'p> {
    value: &'d Json<'d>,
    path: Path<'p>,
}

impl<'d, 'p> At<'d, 'p> {
    /// The body itself.
    pub fn root(value: &'d Json<'d>) -> Self {
        Self {
            value,
            path: Path::Root,
        }
    }

    /// The value.
    pub fn value(&self) -> &'d Json<'d> {
        self.value
    }

    /// The place.
    pub fn path(&self) -> &Path<'p> {
        &self.path
    }

    /// The place of a member, whether or not it is there.
    pub fn path_of<'s>(&'s self, key: &'s str) -> Path<'s> {
        Path::Member(&self.path, key)
    }

    /// The member `key`; `None` where it is absent or null.
    pub fn get<'s>(&'s self, key: &'s str) -> Option<At<'d, 's>> {
        match self.value.member(key) {
            None | Some(Json::Null) => None,
            Some(value) => Some(At {
                value,
                path: self.path_of(key),
            }),
        }
    }

    /// The member `key`, which must be there.
    pub fn require<'s>(&'s self, key: &'s str) -> Result<At<'d, 's>, ApiError> {
        match self.value.member(key) {
            None => Err(fault::missing(self.path_of(key))),
            Some(value) => Ok(At {
                value,
                path: self.path_of(key),
            }),
        }
    }

    /// What is to become of the member `key`: `None` where it is absent and so stays as it is, `Some(None)` where it is
    /// null and so is taken away.
    pub fn change<T>(
        &self,
        key: &str,
        read: impl FnOnce(At<'d, '_>) -> Result<T, ApiError>,
    ) -> Result<Option<Option<T>>, ApiError> {
        match self.value.member(key) {
            None => Ok(None),
            Some(_) => self.get(key).map(read).transpose().map(Some),
        }
    }

    /// What the member `key` is to become: `None` where it is absent and so stays as it is. It cannot be taken away.
    pub fn required_change<T>(
        &self,
        key: &str,
        read: impl FnOnce(At<'d, '_>) -> Result<T, ApiError>,
    ) -> Result<Option<T>, ApiError> {
        match self.value.member(key) {
            None => Ok(None),
            Some(_) => self.require(key).and_then(read).map(Some),
        }
    }

    /// The text `key`; `None` where it is absent or null.
    pub fn text(&self, key: &str) -> Result<Option<String>, ApiError> {
        let text = self.get(key).map(|at| at.string().map(str::to_owned));
        text.transpose()
    }

    /// The yes or no `key`; no where it is absent or null.
    pub fn flag(&self, key: &str) -> Result<bool, ApiError> {
        self.get(key).map_or(Ok(false), |at| at.boolean())
    }

    /// The same, once it is known to be an object.
    pub fn object(self) -> Result<Self, ApiError> {
        match self.value {
            Json::Object(_) => Ok(self),
            _ => Err(self.wrong_type("an object")),
        }
    }

    /// The members of an object, each with its name.
    pub fn members(&self) -> Result<impl Iterator<Item = (&'d str, At<'d, '_>)>, ApiError> {
        let Json::Object(members) = self.value else {
            return Err(self.wrong_type("an object"));
        };
        Ok(members.iter().map(|(key, value)| {
            let path = self.path_of(key);
            (&**key, At { value, path })
        }))
    }

    /// The items of an array.
    pub fn items(&self) -> Result<Items<'d, '_>, ApiError> {
        self.items_of("an array")
    }

    /// The items of an array that has to hold objects.
    pub fn objects(&self) -> Result<Items<'d, '_>, ApiError> {
        self.items_of("an array of objects")
    }

    fn items_of(&self, expected: &str) -> Result<Items<'d, '_>, ApiError> {
        match self.value {
            Json::Array(items) => Ok(Items {
                items,
                parent: &self.path,
                next: 0,
            }),
            _ => Err(self.wrong_type(expected)),
        }
    }

    /// A text.
    pub fn string(&self) -> Result<&'d str, ApiError> {
        match self.value {
            Json::String(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A text that is not empty.
    pub fn filled_string(&self) -> Result<&'d str, ApiError> {
        match self.string()? {
            "" => Err(fault::empty_string(self.path)),
            text => Ok(text),
        }
    }

    /// A text of at most `max` characters.
    pub fn short_string(&self, max: usize) -> Result<&'d str, ApiError> {
        let text = self.string()?;
        // As many bytes as characters at least: most texts need no counting.
        if text.len() > max {
            let length = text.chars().count();
            if length > max {
                return Err(fault::long_string(self.path, max, length));
            }
        }
        Ok(text)
    }

    /// An id of some object, made harmless.
    pub fn id(&self) -> Result<String, ApiError> {
        Ok(id::harmless(self.filled_string()?).into_owned())
    }

    /// A name as functions and schemas have: `[A-Za-z0-9_-]{1,64}`.
    pub fn name(&self) -> Result<&'d str, ApiError> {
        const MAX: usize = 64;
        let name = self.filled_string()?;
        if name.len() > MAX {
            return Err(fault::long_string(self.path, MAX, name.chars().count()));
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !name.bytes().all(is_allowed) {
            return Err(fault::pattern(self.path, "^[a-zA-Z0-9_-]+$"));
        }
        Ok(name)
    }

    /// A yes or no.
    pub fn boolean(&self) -> Result<bool, ApiError> {
        match self.value {
            Json::Boolean(flag) => Ok(*flag),
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// A whole number of `range`.
    pub fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, ApiError> {
        let Json::Number(number) = self.value else {
            return Err(self.wrong_type("an integer"));
        };
        match number.as_i64() {
            Some(integer) if integer < *range.start() => Err(fault::below(
                self.path,
                Number::Integer,
                range.start(),
                integer,
            )),
            Some(integer) if integer > *range.end() => Err(fault::above(
                self.path,
                Number::Integer,
                range.end(),
                integer,
            )),
            Some(integer) => Ok(integer),
            None if number.is_u64() => Err(fault::above(
                self.path,
                Number::Integer,
                range.end(),
                number,
            )),
            None => Err(self.wrong_type("an integer")),
        }
    }

    /// A number of `range`.
    pub fn decimal(&self, range: RangeInclusive<f64>) -> Result<f64, ApiError> {
        let Json::Number(number) = self.value else {
            return Err(self.wrong_type("a decimal"));
        };
        let decimal = number.as_f64().unwrap_or_default();
        if decimal < *range.start() {
            Err(fault::below(
                self.path,
                Number::Decimal,
                range.start(),
                number,
            ))
        } else if decimal > *range.end() {
            Err(fault::above(
                self.path,
                Number::Decimal,
                range.end(),
                number,
            ))
        } else {
            Ok(decimal)
        }
    }

    /// What a word of `table` stands for.
    pub fn word<T: Clone>(&self, table: &[(&str, T)]) -> Result<T, ApiError> {
        fault::word(self.path, self.string()?, table)
    }

    /// The error that says that something else, with its article, was expected here.
    pub fn wrong_type(&self, expected: &str) -> ApiError {
        fault::wrong_type(self.path, expected, self.value.r#type())
    }
}

/// The items of an array, each at its place.
pub(super) struct Items<'d, 'p> {
    items: &'d [Json<'d>],
    parent: &'p Path<'p>,
    next: usize,
}

impl<'d, 'p> Iterator for Items<'d, 'p> {
    type Item = At<'d, 'p>;

    fn next(&mut self) -> Option<At<'d, 'p>> {
        let value = self.items.get(self.next)?;
        let path = Path::Item(self.parent, self.next);
        self.next += 1;
        Some(At { value, path })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.items.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Items<'_, '_> {}
