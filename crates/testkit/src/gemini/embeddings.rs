//! `:embedContent` and `:batchEmbedContents`.

use http::StatusCode;
use serde_json::{Value, json};

use super::error;
use crate::{reply::Reply, vector};

/// The length of a vector where none is asked for.
const DIMENSIONS: u64 = 3072;

/// How many texts one request may have.
const BATCH_LIMIT: usize = 100;

/// A vector.
pub(super) fn one(body: &Value) -> Result<Reply, Reply> {
    let embedding = json!({"embedding": embedding(body)?});
    Ok(Reply::json(StatusCode::OK, &embedding))
}

/// Vectors, in the order of the requests.
pub(super) fn batch(model: &str, body: &Value) -> Result<Reply, Reply> {
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() || requests.len() > BATCH_LIMIT {
        return Err(error::invalid(&format!(
            "BatchEmbedContentsRequest.requests: at least one and at most {BATCH_LIMIT} requests can be in one batch"
        )));
    }
    let expected = format!("models/{model}");
    let mut embeddings = Vec::new();
    for request in requests {
        if request.get("model").and_then(Value::as_str) != Some(expected.as_str()) {
            return Err(error::invalid(
                "BatchEmbedContentsRequest.requests[0].model: the model in the request must match the model in the path",
            ));
        }
        embeddings.push(embedding(request)?);
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({"embeddings": embeddings}),
    ))
}

fn embedding(request: &Value) -> Result<Value, Reply> {
    let parts = request.pointer("/content/parts").and_then(Value::as_array);
    let texts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect();
    let text = texts.join(" ");
    if text.is_empty() {
        return Err(error::invalid("content is required"));
    }
    let dimensions = match request.get("outputDimensionality") {
        None => DIMENSIONS,
        Some(wanted) => wanted
            .as_u64()
            .filter(|wanted| (1..=DIMENSIONS).contains(wanted))
            .ok_or_else(|| error::invalid("outputDimensionality is out of range"))?,
    };
    let mut values = vector::of_text(&text, usize::try_from(dimensions).unwrap_or(0));
    if dimensions < DIMENSIONS {
        // Shortened vectors come as they are cut, not of length 1.
        values.iter_mut().for_each(|x| *x *= 0.5);
    }
    Ok(json!({"values": values}))
}
