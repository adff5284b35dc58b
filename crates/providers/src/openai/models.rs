//! The list of models in OpenAI's format.

use locum_domain::{
    failure::{Failure, FailureClass},
    model::{ModelInfo, ModelPage},
};
use serde_json::Value;

/// Reads the answer to `GET /models`: OpenAI's object, or the bare array that some servers send. There is only one page.
pub(super) fn decode(body: &[u8]) -> Result<ModelPage, Failure> {
    let listed: Option<Value> = serde_json::from_slice(body).ok();
    let entries = listed
        .as_ref()
        .map(|listed| listed.get("data").unwrap_or(listed))
        .and_then(Value::as_array)
        .ok_or_else(|| Failure::new(FailureClass::Garbage, "what came is no list of models"))?;
    Ok(ModelPage {
        models: entries.iter().filter_map(model).collect(),
        next: None,
    })
}

fn model(entry: &Value) -> Option<ModelInfo> {
    let id = entry.get("id")?.as_str().filter(|id| !id.is_empty())?;
    let created = entry.get("created").unwrap_or(&Value::Null);
    Some(ModelInfo {
        id: id.to_owned(),
        created: created
            .as_i64()
            .or_else(|| created.as_f64().map(|seconds| seconds as i64))
            .unwrap_or(0),
        owned_by: entry
            .get("owned_by")
            .and_then(Value::as_str)
            .unwrap_or("openai")
            .to_owned(),
    })
}

/// How many tokens of prompt and answer together OpenAI's own models take, by how their names begin; the first that fits
/// counts.
const WINDOWS: [(&str, u32); 17] = [
    ("gpt-5-chat", 128_000),
    ("gpt-5", 400_000),
    ("gpt-4.1", 1_047_576),
    ("gpt-4o", 128_000),
    ("gpt-4-turbo", 128_000),
    ("gpt-4-1106", 128_000),
    ("gpt-4-0125", 128_000),
    ("gpt-4-32k", 32_768),
    ("gpt-4", 8_192),
    ("gpt-3.5-turbo-instruct", 4_096),
    ("gpt-3.5-turbo", 16_385),
    ("chatgpt-", 128_000),
    ("o1-mini", 128_000),
    ("o1-preview", 128_000),
    ("o1", 200_000),
    ("o3", 200_000),
    ("o4", 200_000),
];

/// See [`Provider::context_window`](crate::Provider::context_window).
pub(super) fn context_window(model: &str) -> Option<u32> {
    let name = model.strip_prefix("ft:").unwrap_or(model);
    let window = WINDOWS.iter().find(|(start, _)| name.starts_with(start));
    window.map(|(_, tokens)| *tokens)
}
