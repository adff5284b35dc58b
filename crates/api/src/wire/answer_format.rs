//! `response_format` of assistants and runs: as for a chat, or `auto`.

use locum_domain::{assistant::AnswerFormat, chat::ResponseFormat, error::ApiError};
use serde::Serialize;
use serde_json::Value;

use super::{at::At, chat, json::Json};

/// Reads a form.
pub(super) fn answer_format(at: &At<'_, '_>) -> Result<AnswerFormat, ApiError> {
    match at.value() {
        Json::String(_) => at.word(&[("auto", AnswerFormat::Auto)]),
        Json::Object(_) => chat::response_format(at).map(AnswerFormat::Exactly),
        _ => Err(at.wrong_type("one of a string or an object")),
    }
}

/// A form.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum AnswerFormatObject<'a> {
    /// `auto`
    Word(&'static str),
    /// Any other.
    Form(Form<'a>),
}

/// A form that is said exactly.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Form<'a> {
    /// Whatever the model likes.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema.
        json_schema: SchemaObject<'a>,
    },
}

/// A schema with its name.
#[derive(Serialize)]
pub(crate) struct SchemaObject<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> From<&'a AnswerFormat> for AnswerFormatObject<'a> {
    fn from(format: &'a AnswerFormat) -> Self {
        match format {
            AnswerFormat::Auto => Self::Word("auto"),
            AnswerFormat::Exactly(format) => Self::Form(format.into()),
        }
    }
}

impl<'a> From<&'a ResponseFormat> for Form<'a> {
    fn from(format: &'a ResponseFormat) -> Self {
        match format {
            ResponseFormat::Text => Self::Text,
            ResponseFormat::JsonObject => Self::JsonObject,
            ResponseFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => Self::JsonSchema {
                json_schema: SchemaObject {
                    name,
                    description: description.as_deref(),
                    schema: schema.as_ref(),
                    strict: *strict,
                },
            },
        }
    }
}
