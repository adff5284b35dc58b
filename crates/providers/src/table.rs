//! The providers that there are. Nothing else in Locum names one.

use crate::{
    gemini, openai,
    provider::{Provider, ProviderConfig},
    rehearsal,
};

/// One provider: how it is set and how it is made.
pub struct Row {
    /// In lower case; the settings' names are made of it: `PROVIDER_GEMINI_ENABLED`, `GEMINI_API_KEY`, ….
    pub name: &'static str,
    /// What it is, for the settings' documentation.
    pub title: &'static str,
    /// `<NAME>_API_KEY`: whether there is such a setting, and whether it must be set.
    pub key: Key,
    /// Default of `<NAME>_BASE_URL`; `None` where there is no upstream.
    pub base_url: Option<&'static str>,
    /// Default of `<NAME>_DEFAULT_MODEL`.
    pub default_model: &'static str,
    /// Whether `<NAME>_SCRIPT` names a file for it.
    pub script: bool,
    /// Makes it.
    ///
    /// # Errors
    /// What is wrong with the configuration, in a sentence.
    pub build: fn(ProviderConfig) -> Result<Box<dyn Provider>, String>,
}

/// Whether a provider has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It must be set while the provider is enabled.
    Required,
    /// There is none.
    None,
}

/// All providers, in the order in which a fallback tries them.
pub const TABLE: &[Row] = &[
    Row {
        name: "gemini",
        title: "Gemini",
        key: Key::Required,
        base_url: Some("https://generativelanguage.googleapis.com"),
        default_model: "gemini-flash-latest",
        script: false,
        build: gemini::build,
    },
    Row {
        name: "openai",
        title: "OpenAI, or any server that speaks its API",
        key: Key::Required,
        base_url: Some("https://api.openai.com/v1"),
        default_model: "gpt-4.1-mini",
        script: false,
        build: openai::build,
    },
    Row {
        name: "rehearsal",
        title: "the rehearsal, an offline stand-in for a model",
        key: Key::None,
        base_url: None,
        default_model: "rehearsal-1",
        script: true,
        build: rehearsal::build,
    },
];
