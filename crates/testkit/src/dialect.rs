//! The protocols that a scripted upstream speaks.

use serde::Deserialize;

/// A provider's protocol. The path of a request tells which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `/v1/…`
    OpenAi,
    /// `/v1beta/…`
    Gemini,
}

impl Dialect {
    /// The protocol of `path`, if it is one's.
    pub fn of(path: &str) -> Option<Self> {
        if path.starts_with("/v1beta/") {
            Some(Self::Gemini)
        } else if path.starts_with("/v1/") {
            Some(Self::OpenAi)
        } else {
            None
        }
    }
}
