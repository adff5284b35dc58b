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
