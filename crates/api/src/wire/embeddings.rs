//! `POST /v1/embeddings`.

use base64::{Engine, engine::general_purpose::STANDARD};
use locum_domain::{
    embedding::{EmbeddingAnswer, EmbeddingInput, EmbeddingRequest},
    error::ApiError,
};
use serde::Serialize;

use super::{
    at::At,
    encode as to_json, fault,
    json::{self, Json},
    peek::check_model,
};

/// How many inputs one request may hold.
const MAX_INPUTS: usize = 2048;

/// Reads a request.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub fn parse(body: &[u8]) -> Result<EmbeddingRequest, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    let model = body.require("model")?.string()?.to_owned();
    check_model(&model)?;
    let dimensions = match body.get("dimensions") {
        None => None,
        Some(dimensions) => {
            let dimensions = dimensions.integer(1..=i64::from(u32::MAX))?;
            u32::try_from(dimensions).ok()
        }
    };
    if let Some(format) = body.get("encoding_format") {
        format.word(&[("float", ()), ("base64", ())])?;
    }
    if let Some(user) = body.get("user") {
        user.string()?;
    }
    Ok(EmbeddingRequest {
        model,
        inputs: inputs(&body.require("input")?)?,
        dimensions,
    })
}

/// A text, several texts, the tokens of one text, or of several.
fn inputs(at: &At<'_, '_>) -> Result<Vec<EmbeddingInput>, ApiError> {
    let items = match at.value() {
        Json::String(_) => return Ok(vec![input(at)?]),
        Json::Array(items) => items,
        _ => return Err(at.wrong_type("one of a string or an array")),
    };
    match items.first() {
        None => Err(fault::empty_array(at.path())),
        Some(Json::Number(_)) => Ok(vec![input(at)?]),
        Some(_) if items.len() > MAX_INPUTS => {
            Err(fault::long_array(at.path(), MAX_INPUTS, items.len()))
        }
        Some(_) => at.items()?.map(|item| input(&item)).collect(),
    }
}

/// A text or its tokens.
fn input(at: &At<'_, '_>) -> Result<EmbeddingInput, ApiError> {
    match at.value() {
        Json::String(_) => Ok(EmbeddingInput::Text(at.filled_string()?.to_owned())),
        Json::Array(tokens) if tokens.is_empty() => Err(fault::empty_array(at.path())),
        Json::Array(_) => {
            let token = |item: At<'_, '_>| {
                let token = item.integer(0..=i64::from(u32::MAX))?;
                Ok(u32::try_from(token).unwrap_or_default())
            };
            let tokens: Result<_, ApiError> = at.items()?.map(token).collect();
            Ok(EmbeddingInput::Tokens(tokens?))
        }
        _ => Err(at.wrong_type("one of a string or an array of integers")),
    }
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Floats(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Writes an answer: vectors as numbers, or as base64 of little-endian 32-bit floats. `model` is named where the answer
/// does not say who gave it.
pub fn encode(answer: &EmbeddingAnswer, model: &str, base64: bool) -> Vec<u8> {
    let vector = |vector: &'_ [f32]| {
        let bytes: Vec<u8> = vector
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        Vector::Base64(STANDARD.encode(bytes))
    };
    let embedding = |(index, numbers)| Embedding {
        object: "embedding",
        index,
        embedding: if base64 {
            vector(numbers)
        } else {
            Vector::Floats(numbers)
        },
    };
    let vectors = answer.vectors.iter().map(Vec::as_slice);
    to_json(&List {
        object: "list",
        data: vectors.enumerate().map(embedding).collect(),
        model: answer.model.as_deref().unwrap_or(model),
        usage: Usage {
            prompt_tokens: answer.prompt_tokens,
            total_tokens: answer.prompt_tokens,
        },
    })
}

#[cfg(test)]
mod tests;
