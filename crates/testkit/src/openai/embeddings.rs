//! `POST /v1/embeddings`.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    error,
    models::{self, Kind},
};
use crate::{echo, reply::Reply, vector};

/// Vectors for `body`'s inputs.
pub(super) fn answer(body: &Value) -> Result<Reply, Reply> {
    let model = models::named(body)?;
    let Kind::Embedding(default_dimensions) = model.kind else {
        return Err(error::refusal(
            StatusCode::FORBIDDEN,
            "You are not allowed to generate embeddings from this model",
            None,
            None,
        ));
    };
    for name in body.as_object().into_iter().flatten().map(|(name, _)| name) {
        if !["model", "input", "dimensions", "encoding_format", "user"].contains(&name.as_str()) {
            return Err(error::bad_request(&format!(
                "Unrecognized request argument supplied: {name}"
            )));
        }
    }
    let texts = inputs(body.get("input"))?;
    let dimensions = match body.get("dimensions") {
        None => default_dimensions,
        Some(_) if model.id == "text-embedding-ada-002" => {
            return Err(error::bad_request(
                "This model does not support specifying dimensions.",
            ));
        }
        Some(wanted) => wanted
            .as_u64()
            .and_then(|wanted| usize::try_from(wanted).ok())
            .filter(|wanted| (1..=default_dimensions).contains(wanted))
            .ok_or_else(|| {
                error::bad_request(&format!("Invalid value for 'dimensions' = {wanted}."))
            })?,
    };
    let base64 = match body.get("encoding_format").map(Value::as_str) {
        None | Some(Some("float")) => false,
        Some(Some("base64")) => true,
        Some(_) => {
            return Err(error::refusal(
                StatusCode::BAD_REQUEST,
                "Invalid value for 'encoding_format': expected 'float' or 'base64'.",
                Some("encoding_format"),
                Some("invalid_value"),
            ));
        }
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector::of_text(text, dimensions);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: u64 = texts.iter().map(|text| echo::tokens(text)).sum();
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "object": "list",
            "data": data,
            "model": model.snapshot,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }),
    ))
}

/// The texts; tokens count as the text of their numbers.
fn inputs(input: Option<&Value>) -> Result<Vec<String>, Reply> {
    let texts = match input {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        Some(tokens @ Value::Array(items)) if items.iter().all(Value::is_u64) => {
            vec![tokens.to_string()]
        }
        Some(Value::Array(items)) if items.iter().all(Value::is_array) => {
            items.iter().map(Value::to_string).collect()
        }
        _ => Vec::new(),
    };
    if texts.is_empty() || texts.len() > 2048 || texts.iter().any(String::is_empty) {
        return Err(error::refusal(
            StatusCode::BAD_REQUEST,
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
            None,
            None,
        ));
    }
    Ok(texts)
}
