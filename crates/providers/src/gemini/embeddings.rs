//! Embeddings: one text asks `embedContent`, several ask `batchEmbedContents`.
//!
//! Refuses tokens, because they are of another tokenizer, and more texts than one batch takes.

use locum_domain::{
    embedding::{EmbeddingAnswer, EmbeddingInput, EmbeddingRequest},
    error::ApiError,
    failure::{Failure, FailureClass},
};
use serde::{Deserialize, Serialize};

use super::{generation, reply::Count};

/// What `batchEmbedContents` takes.
pub(super) const MAX_BATCH: usize = 100;
/// The length of a whole vector. Google normalizes only those.
const WHOLE_DIMENSIONS: usize = 3072;
/// How many characters of text make a token, roughly.
const CHARS_PER_TOKEN: u64 = 4;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Embed<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<Embed<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    embedding: Option<Vector>,
    embeddings: Option<Vec<Vector>>,
    usage_metadata: Option<Usage>,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: Option<Count>,
}

/// The method and the body.
///
/// # Errors
/// Tokens, or too many texts.
pub(super) fn body(request: &EmbeddingRequest) -> Result<(&'static str, Vec<u8>), Failure> {
    if request.inputs.len() > MAX_BATCH {
        return Err(callers(format!(
            "Gemini embeds at most {MAX_BATCH} inputs in one request; there are {}.",
            request.inputs.len()
        )));
    }
    let model = format!("models/{}", generation::bare(&request.model));
    let mut requests = request
        .inputs
        .iter()
        .map(|input| match input {
            EmbeddingInput::Text(text) => Ok(Embed {
                model: &model,
                content: Content {
                    parts: [Part { text }],
                },
                output_dimensionality: request.dimensions,
            }),
            EmbeddingInput::Tokens(_) => Err(callers(
                "Gemini embeds texts; it cannot read the tokens of another tokenizer.",
            )),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (method, body) = if requests.len() == 1 {
        let only = requests.pop();
        ("embedContent", serde_json::to_vec(&only))
    } else {
        (
            "batchEmbedContents",
            serde_json::to_vec(&Batch { requests }),
        )
    };
    let body = body.map_err(|error| callers(error.to_string()))?;
    Ok((method, body))
}

/// The vectors in the order of the inputs.
///
/// # Errors
/// Garbage: no JSON, a wrong number of vectors, vectors of unequal length or without direction.
pub(super) fn decode(request: &EmbeddingRequest, body: &[u8]) -> Result<EmbeddingAnswer, Failure> {
    let reply: Reply = serde_json::from_slice(body)
        .map_err(|error| garbage(format!("the embeddings cannot be read: {error}")))?;
    let mut vectors: Vec<Vec<f32>> = reply
        .embedding
        .into_iter()
        .chain(reply.embeddings.into_iter().flatten())
        .map(|vector| vector.values)
        .collect();
    if vectors.len() != request.inputs.len() {
        return Err(garbage(format!(
            "{} vectors for {} inputs",
            vectors.len(),
            request.inputs.len()
        )));
    }
    let length = vectors.first().map_or(0, Vec::len);
    for vector in &mut vectors {
        let is_sound = !vector.is_empty()
            && vector.len() == length
            && vector.iter().all(|value| value.is_finite());
        if !is_sound {
            return Err(garbage(
                "a vector that is empty, of another length or not finite".to_owned(),
            ));
        }
        if vector.len() < WHOLE_DIMENSIONS {
            normalize(vector);
        }
    }
    let stated = reply
        .usage_metadata
        .and_then(|usage| usage.prompt_token_count)
        .map(|count| count.0)
        .filter(|&count| count > 0);
    Ok(EmbeddingAnswer {
        model: None,
        vectors,
        prompt_tokens: stated.unwrap_or_else(|| estimate(&request.inputs)),
    })
}

/// Makes the vector's length 1, as OpenAI's are. A vector of zeros stays.
fn normalize(vector: &mut [f32]) {
    let square: f64 = vector.iter().map(|&value| f64::from(value).powi(2)).sum();
    if square > 0.0 {
        let length = square.sqrt();
        for value in vector {
            *value = (f64::from(*value) / length) as f32;
        }
    }
}

fn estimate(inputs: &[EmbeddingInput]) -> u64 {
    inputs
        .iter()
        .map(|input| match input {
            EmbeddingInput::Text(text) => (text.chars().count() as u64)
                .div_ceil(CHARS_PER_TOKEN)
                .max(1),
            EmbeddingInput::Tokens(tokens) => tokens.len() as u64,
        })
        .sum()
}

fn callers(message: impl Into<String>) -> Failure {
    Failure::callers(
        FailureClass::BadRequest,
        ApiError::invalid_param("input", message),
    )
}

fn garbage(message: String) -> Failure {
    Failure::new(FailureClass::Garbage, message)
}
