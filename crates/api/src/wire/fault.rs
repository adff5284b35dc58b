//! What is wrong with a field, in OpenAI's sentences and codes.
//!
//! Programs show these to people and match on them, so they are OpenAI's to the letter wherever OpenAI has one.

use std::fmt::Display;

use locum_domain::error::ApiError;

/// A field that must be there is not.
pub(super) fn missing(param: impl Display) -> ApiError {
    ApiError::invalid(format!("Missing required parameter: '{param}'."))
        .param(param.to_string())
        .code("missing_required_parameter")
}

/// The types of JSON, as OpenAI tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Integer,
    Decimal,
    String,
    Array,
    Object,
}

impl Type {
    /// As it is called in a sentence.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A field is of the wrong type. `expected` comes with its article.
pub(super) fn wrong_type(param: impl Display, expected: &str, got: Type) -> ApiError {
    ApiError::invalid(format!(
        "Invalid type for '{param}': expected {expected}, but got {} instead.",
        got.with_article()
    ))
    .param(param.to_string())
    .code("invalid_type")
}

/// A field holds a word that is none of those it may hold.
pub(super) fn unknown_word(param: impl Display, got: &str, words: &[&str]) -> ApiError {
    let supported = match words {
        [] => String::new(),
        [word] => format!("'{word}'"),
        [one, other] => format!("'{one}' and '{other}'"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|word| format!("'{word}'")).collect();
            format!("{}, and '{last}'", most.join(", "))
        }
    };
    ApiError::invalid(format!(
        "Invalid value: '{}'. Supported values are: {supported}.",
        shortened(got)
    ))
    .param(param.to_string())
    .code("invalid_value")
}

/// What `word`, one of `table`, stands for.
pub(super) fn word<T: Clone>(
    param: impl Display,
    word: &str,
    table: &[(&str, T)],
) -> Result<T, ApiError> {
    let meant = table.iter().find(|(known, _)| *known == word);
    meant.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
        let words: Vec<&str> = table.iter().map(|(known, _)| *known).collect();
        unknown_word(param, word, &words)
    })
}

/// Of what kind a number has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Integer,
    Decimal,
}

/// A number is too small.
pub(super) fn below(
    param: impl Display,
    kind: Number,
    min: impl Display,
    got: impl Display,
) -> ApiError {
    let (word, code) = match kind {
        Number::Integer => ("integer", "integer_below_min_value"),
        Number::Decimal => ("decimal", "decimal_below_min_value"),
    };
    ApiError::invalid(format!(
        "Invalid '{param}': {word} below minimum value. Expected a value >= {min}, but got {got} instead."
    ))
    .param(param.to_string())
    .code(code)
}

/// A number is too large.
pub(super) fn above(
    param: impl Display,
    kind: Number,
    max: impl Display,
    got: impl Display,
) -> ApiError {
    let (word, code) = match kind {
        Number::Integer => ("integer", "integer_above_max_value"),
        Number::Decimal => ("decimal", "decimal_above_max_value"),
    };
    ApiError::invalid(format!(
        "Invalid '{param}': {word} above maximum value. Expected a value <= {max}, but got {got} instead."
    ))
    .param(param.to_string())
    .code(code)
}

/// An array that must hold something is empty.
pub(super) fn empty_array(param: impl Display) -> ApiError {
    ApiError::invalid(format!(
        "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    ))
    .param(param.to_string())
    .code("empty_array")
}

/// An array is too long.
pub(super) fn long_array(param: impl Display, max: usize, got: usize) -> ApiError {
    ApiError::invalid(format!(
        "Invalid '{param}': array too long. Expected an array with maximum length {max}, but got an array with length {got} instead."
    ))
    .param(param.to_string())
    .code("array_above_max_length")
}

/// An object has too many members.
pub(super) fn large_object(param: impl Display, max: usize, got: usize) -> ApiError {
    ApiError::invalid(format!(
        "Invalid '{param}': too many properties. Expected an object with at most {max} properties, but got an object with {got} properties instead."
    ))
    .param(param.to_string())
    .code("object_above_max_properties")
}

/// A text that must hold something is empty.
pub(super) fn empty_string(param: impl Display) -> ApiError {
    ApiError::invalid(format!(
        "Invalid '{param}': empty string. Expected a string with minimum length 1, but got an empty string instead."
    ))
    .param(param.to_string())
    .code("empty_string")
}

/// A text is too long.
pub(super) fn long_string(param: impl Display, max: usize, got: usize) -> ApiError {
    ApiError::invalid(format!(
        "Invalid '{param}': string too long. Expected a string with maximum length {max}, but got a string with length {got} instead."
    ))
    .param(param.to_string())
    .code("string_above_max_length")
}

/// The name of an object's member is too long.
pub(super) fn long_name(param: impl Display, max: usize, got: usize) -> ApiError {
    ApiError::invalid(format!(
        "Invalid property name in '{param}': string too long. Expected a string with maximum length {max}, but got a string with length {got} instead."
    ))
    .param(param.to_string())
    .code("string_above_max_length")
}

/// A text is not of the form it must have.
pub(super) fn pattern(param: impl Display, pattern: &str) -> ApiError {
    ApiError::invalid(format!(
        "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '{pattern}'."
    ))
    .param(param.to_string())
    .code("invalid_value")
}

/// The field's value is wrong for a reason of its own, `sentence`.
pub(super) fn invalid(param: impl Display, sentence: impl Into<String>) -> ApiError {
    ApiError::invalid_param(param.to_string(), sentence).code("invalid_value")
}

/// Locum does not do what the field asks for.
pub(super) fn unsupported(param: impl Display, sentence: &str) -> ApiError {
    ApiError::invalid(format!("Unsupported parameter: '{param}'. {sentence}"))
        .param(param.to_string())
        .code("unsupported_parameter")
}

/// The text, or its beginning where it is too long to be repeated in a sentence.
fn shortened(text: &str) -> &str {
    const MAX: usize = 64;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
