//! Embeddings in OpenAI's format.

use base64::{Engine, prelude::BASE64_STANDARD};
use locum_domain::{
    embedding::{EmbeddingAnswer, EmbeddingInput, EmbeddingRequest},
    failure::{Failure, FailureClass},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{fault, usage::WireUsage};

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Vec<Input<'a>>,
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Text(&'a str),
    Tokens(&'a [u32]),
}

/// The body that asks for `request`. Vectors are asked for in base64, which is the smallest; servers that do not know it answer
/// in numbers.
pub(super) fn encode(request: &EmbeddingRequest) -> Result<Vec<u8>, Failure> {
    let body = Body {
        model: &request.model,
        input: request
            .inputs
            .iter()
            .map(|input| match input {
                EmbeddingInput::Text(text) => Input::Text(text),
                EmbeddingInput::Tokens(tokens) => Input::Tokens(tokens),
            })
            .collect(),
        encoding_format: "base64",
        dimensions: request.dimensions,
    };
    serde_json::to_vec(&body).map_err(|error| {
        Failure::new(
            FailureClass::Unsupported,
            format!("the request has no form in JSON: {error}"),
        )
    })
}

#[derive(Deserialize)]
struct Answer {
    model: Option<String>,
    data: Option<Vec<Element>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Element {
    index: Option<usize>,
    embedding: Vector,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

impl Vector {
    /// Finite numbers, at least one.
    fn numbers(self) -> Option<Vec<f32>> {
        let numbers = match self {
            Self::Numbers(numbers) => numbers,
            Self::Base64(text) => {
                let bytes = BASE64_STANDARD.decode(text).ok()?;
                let (fours, []) = bytes.as_chunks::<4>() else {
                    return None;
                };
                fours.iter().copied().map(f32::from_le_bytes).collect()
            }
        };
        (!numbers.is_empty() && numbers.iter().all(|number| number.is_finite())).then_some(numbers)
    }
}

/// Reads the answer to `request`. `key` is the operator's key, which must not be in what comes out.
pub(super) fn decode(
    request: &EmbeddingRequest,
    body: &[u8],
    key: &str,
) -> Result<EmbeddingAnswer, Failure> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| garbage("what came is no list of embeddings"))?;
    if let Some(error) = answer.error {
        return Err(fault::in_whole(error.to_string().as_bytes(), key));
    }
    let mut vectors = vec![Vec::new(); request.inputs.len()];
    for (place, element) in answer.data.unwrap_or_default().into_iter().enumerate() {
        let vector = vectors
            .get_mut(element.index.unwrap_or(place))
            .ok_or_else(|| garbage("the embeddings are more than the inputs"))?;
        *vector = element
            .embedding
            .numbers()
            .ok_or_else(|| garbage("an embedding is no vector"))?;
    }
    if vectors.iter().any(Vec::is_empty) {
        return Err(garbage("the embeddings are fewer than the inputs"));
    }
    Ok(EmbeddingAnswer {
        model: answer.model,
        vectors,
        prompt_tokens: match answer.usage {
            Some(WireUsage(Some(usage))) => usage.prompt,
            _ => estimated_tokens(request),
        },
    })
}

/// About four characters make a token.
fn estimated_tokens(request: &EmbeddingRequest) -> u64 {
    request
        .inputs
        .iter()
        .map(|input| match input {
            EmbeddingInput::Text(text) => text.chars().count().div_ceil(4) as u64,
            EmbeddingInput::Tokens(tokens) => tokens.len() as u64,
        })
        .sum()
}

fn garbage(message: &'static str) -> Failure {
    Failure::new(FailureClass::Garbage, message)
}
