//! The models that this OpenAI has.

use http::StatusCode;
use serde_json::{Value, json};

use super::{CREATED, error};
use crate::reply::Reply;

/// A model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) id: &'static str,
    /// The name in answers.
    pub(super) snapshot: &'static str,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Chat,
    /// A chat model that thinks first, and takes no sampling parameters.
    Reasoning,
    /// Makes vectors; holds their length.
    Embedding(usize),
}

const MODELS: [Model; 9] = [
    Model {
        id: "gpt-4.1",
        snapshot: "gpt-4.1-2025-04-14",
        kind: Kind::Chat,
    },
    Model {
        id: "gpt-4.1-mini",
        snapshot: "gpt-4.1-mini-2025-04-14",
        kind: Kind::Chat,
    },
    Model {
        id: "gpt-4o",
        snapshot: "gpt-4o-2024-08-06",
        kind: Kind::Chat,
    },
    Model {
        id: "gpt-4o-mini",
        snapshot: "gpt-4o-mini-2024-07-18",
        kind: Kind::Chat,
    },
    Model {
        id: "o4-mini",
        snapshot: "o4-mini-2025-04-16",
        kind: Kind::Reasoning,
    },
    Model {
        id: "gpt-5.1",
        snapshot: "gpt-5.1-2025-11-13",
        kind: Kind::Reasoning,
    },
    Model {
        id: "text-embedding-3-small",
        snapshot: "text-embedding-3-small",
        kind: Kind::Embedding(1536),
    },
    Model {
        id: "text-embedding-3-large",
        snapshot: "text-embedding-3-large",
        kind: Kind::Embedding(3072),
    },
    Model {
        id: "text-embedding-ada-002",
        snapshot: "text-embedding-ada-002-v2",
        kind: Kind::Embedding(1536),
    },
];

/// The model that `body` names.
pub(super) fn named(body: &Value) -> Result<&'static Model, Reply> {
    match body.get("model") {
        None => Err(error::bad_request("you must provide a model parameter")),
        Some(Value::String(name)) => find(name),
        Some(_) => Err(error::refusal(
            StatusCode::BAD_REQUEST,
            "Invalid type for 'model': expected a string.",
            Some("model"),
            Some("invalid_type"),
        )),
    }
}

fn find(name: &str) -> Result<&'static Model, Reply> {
    MODELS
        .iter()
        .find(|model| model.id == name || model.snapshot == name)
        .ok_or_else(|| {
            error::refusal(
                StatusCode::NOT_FOUND,
                &format!("The model `{name}` does not exist or you do not have access to it."),
                None,
                Some("model_not_found"),
            )
        })
}

pub(super) fn list() -> Value {
    let data: Vec<Value> = MODELS.iter().map(object).collect();
    json!({"object": "list", "data": data})
}

pub(super) fn one(name: &str) -> Result<Reply, Reply> {
    find(name).map(|model| Reply::json(StatusCode::OK, &object(model)))
}

fn object(model: &Model) -> Value {
    json!({"id": model.id, "object": "model", "created": CREATED, "owned_by": "openai"})
}
