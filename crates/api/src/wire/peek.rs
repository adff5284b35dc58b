//! What routing needs to know of a body, found without reading the rest.
//!
//! Most bodies go through to an upstream that speaks OpenAI's API, byte for byte; of those only the model's name, where
//! it stands, and how the answer is wanted are of interest. The body is looked over once for its limits and skimmed
//! once for its top-level members: nothing of it is copied but the model's name.
//!
//! A member that is read here must not come twice: an upstream might read the other one.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use locum_domain::error::ApiError;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    fault::{self, Type},
    guard,
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The model's name, never empty.
    pub model: String,
    /// Where in the body the JSON string of the model's name is, quotes included.
    pub model_span: Range<usize>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether a stream should end with its usage.
    pub include_usage: bool,
    /// Whether vectors are wanted as base64.
    pub base64: bool,
    /// Whether the client speaks of `functions` instead of `tools`.
    pub functions: bool,
}

/// Looks into a request for a chat.
///
/// # Errors
/// 400 where the body is no JSON object within the limits, or what is looked at is missing or of the wrong type.
pub fn peek_chat(body: &Bytes) -> Result<Peek, ApiError> {
    let skimmed: ChatMembers<'_> = skim(body)?;
    let model = skimmed.model.model()?;
    let messages = skimmed.messages.required("messages")?;
    if messages.r#type() != Type::Array {
        let expected = "an array of objects";
        return Err(fault::wrong_type("messages", expected, messages.r#type()));
    }
    if messages.is_empty_array() {
        return Err(fault::empty_array("messages"));
    }
    let include_usage = match skimmed.stream_options.given() {
        None => false,
        Some(options) => {
            options.expect("stream_options", Type::Object)?;
            let options: StreamOptions<'_> = read(options.json)?;
            options
                .include_usage
                .boolean("stream_options.include_usage")?
        }
    };
    Ok(Peek {
        model_span: span(body, skimmed.model),
        model,
        stream: skimmed.stream.boolean("stream")?,
        include_usage,
        base64: false,
        functions: skimmed.functions.given().is_some(),
    })
}

/// Looks into a request for embeddings.
///
/// # Errors
/// As for [`peek_chat`].
pub fn peek_embeddings(body: &Bytes) -> Result<Peek, ApiError> {
    let skimmed: EmbeddingsMembers<'_> = skim(body)?;
    let model = skimmed.model.model()?;
    let input = skimmed.input.required("input")?;
    if !matches!(input.r#type(), Type::String | Type::Array) {
        let expected = "one of a string or an array";
        return Err(fault::wrong_type("input", expected, input.r#type()));
    }
    let base64 = match skimmed.encoding_format.string("encoding_format")? {
        None => false,
        Some(format) => match &*format {
            "float" => false,
            "base64" => true,
            other => {
                let words = ["float", "base64"];
                return Err(fault::unknown_word("encoding_format", other, &words));
            }
        },
    };
    Ok(Peek {
        model_span: span(body, skimmed.model),
        model,
        stream: false,
        include_usage: false,
        base64,
        functions: false,
    })
}

#[derive(Deserialize)]
struct ChatMembers<'a> {
    #[serde(borrow, default)]
    model: Member<'a>,
    #[serde(borrow, default)]
    messages: Member<'a>,
    #[serde(borrow, default)]
    stream: Member<'a>,
    #[serde(borrow, default)]
    stream_options: Member<'a>,
    #[serde(borrow, default)]
    functions: Member<'a>,
}

#[derive(Deserialize)]
struct StreamOptions<'a> {
    #[serde(borrow, default)]
    include_usage: Member<'a>,
}

#[derive(Deserialize)]
struct EmbeddingsMembers<'a> {
    #[serde(borrow, default)]
    model: Member<'a>,
    #[serde(borrow, default)]
    input: Member<'a>,
    #[serde(borrow, default)]
    encoding_format: Member<'a>,
}

fn skim<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    read(guard::check(body)?)
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, ApiError> {
    serde_json::from_str(json).map_err(|error| ApiError::malformed_json(&error.to_string()))
}

/// Where `member` is in `body`, which it was read from.
fn span(body: &[u8], member: Member<'_>) -> Range<usize> {
    let Some(value) = member.0 else {
        return 0..0;
    };
    let start = value.json.as_ptr().addr() - body.as_ptr().addr();
    start..start + value.json.len()
}

/// A member of the body, `None` where it is absent.
#[derive(Clone, Copy, Default)]
struct Member<'a>(Option<Skimmed<'a>>);

/// A value that nobody has looked into.
#[derive(Clone, Copy)]
struct Skimmed<'a> {
    json: &'a str,
}

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &RawValue = Deserialize::deserialize(deserializer)?;
        Ok(Self(Some(Skimmed { json: raw.get() })))
    }
}

impl<'a> Member<'a> {
    /// The value, `None` where it is absent or null.
    fn given(self) -> Option<Skimmed<'a>> {
        self.0.filter(|value| value.r#type() != Type::Null)
    }

    fn required(self, param: &str) -> Result<Skimmed<'a>, ApiError> {
        self.0.ok_or_else(|| fault::missing(param))
    }

    fn model(self) -> Result<String, ApiError> {
        let model = self.required("model")?.string("model")?;
        check_model(&model)?;
        Ok(model.into_owned())
    }

    fn string(self, param: &str) -> Result<Option<Cow<'a, str>>, ApiError> {
        self.given().map(|value| value.string(param)).transpose()
    }

    /// False where it is absent or null.
    fn boolean(self, param: &str) -> Result<bool, ApiError> {
        match self.given() {
            None => Ok(false),
            Some(value) => {
                value.expect(param, Type::Boolean)?;
                Ok(value.json == "true")
            }
        }
    }
}

/// Refuses a model's name that is none. The limit keeps errors, logs and metrics short that repeat it.
pub(super) fn check_model(model: &str) -> Result<(), ApiError> {
    const MAX: usize = 256;
    if model.is_empty() {
        return Err(fault::empty_string("model"));
    }
    if model.len() > MAX {
        return Err(fault::long_string("model", MAX, model.chars().count()));
    }
    Ok(())
}

impl<'a> Skimmed<'a> {
    fn r#type(self) -> Type {
        match self.json.as_bytes() {
            [b'"', ..] => Type::String,
            [b'{', ..] => Type::Object,
            [b'[', ..] => Type::Array,
            [b't' | b'f', ..] => Type::Boolean,
            [b'n', ..] => Type::Null,
            digits
                if digits
                    .iter()
                    .any(|digit| matches!(digit, b'.' | b'e' | b'E')) =>
            {
                Type::Decimal
            }
            _ => Type::Integer,
        }
    }

    fn expect(self, param: &str, expected: Type) -> Result<(), ApiError> {
        let got = self.r#type();
        if got == expected {
            return Ok(());
        }
        Err(fault::wrong_type(param, expected.with_article(), got))
    }

    fn string(self, param: &str) -> Result<Cow<'a, str>, ApiError> {
        self.expect(param, Type::String)?;
        let inner = &self.json[1..self.json.len() - 1];
        if inner.contains('\\') {
            read(self.json).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(inner))
        }
    }

    fn is_empty_array(self) -> bool {
        self.json.starts_with('[') && self.json[1..].trim_start().starts_with(']')
    }
}

#[cfg(test)]
mod tests;
