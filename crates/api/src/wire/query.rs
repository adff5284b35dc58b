//! What stands behind the question mark of a request's URL.
//!
//! Of a parameter that comes more than once the last one counts, as it does for the members of a body. Parameters that
//! nobody asks for are ignored.

use std::borrow::Cow;

use locum_domain::error::ApiError;

use super::{fault, id};

/// A request's parameters, decoded.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// The parameters of `query`, what follows the question mark.
    pub(crate) fn of(query: Option<&'a str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect())
    }

    /// The parameter `name`; `None` where it is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().rev().find(|(known, _)| known == name);
        given.map(|(_, value)| &**value)
    }

    /// The id `name`; `None` where it is absent or empty.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        let given = self.get(name).filter(|given| !given.is_empty());
        given.map(|given| id::harmless(given).into_owned())
    }

    /// What the parameter `name`, a word of `table`, stands for; `None` where it is absent.
    ///
    /// # Errors
    /// 400 for any other word.
    pub(crate) fn word<T: Clone>(
        &self,
        name: &str,
        table: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        let given = self.get(name).map(|word| fault::word(name, word, table));
        given.transpose()
    }
}
