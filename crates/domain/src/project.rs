//! Whose an object is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The project that owns an object. Every stored row carries one, and the client's key decides which; objects of other
/// projects do not exist for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Project(String);

impl Project {
    /// The project of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The project of the operator's own key.
impl Default for Project {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
