//! The models that this Gemini has, and what sets their generations apart.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::error;
use crate::reply::Reply;

/// A model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) id: &'static str,
    /// The model that really answers: what `modelVersion` says.
    pub(super) version: &'static str,
    /// Generation and minor version: (3, 6) for 3.6. (0, 0) for embedding models.
    pub(super) generation: (u8, u8),
    pub(super) thinking: Thinking,
}

/// What a model's `thinkingConfig` takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thinking {
    /// None at all.
    Never,
    /// A budget between two numbers; whether 0 turns thinking off.
    Budget { least: i64, most: i64, zero: bool },
    /// One of these levels; whether a budget is taken in its place.
    Levels {
        levels: &'static [&'static str],
        budget: bool,
    },
}

const LOW_TO_HIGH: &[&str] = &["LOW", "MEDIUM", "HIGH"];
const MINIMAL_TO_HIGH: &[&str] = &["MINIMAL", "LOW", "MEDIUM", "HIGH"];
const LOW_TO_XHIGH: &[&str] = &["LOW", "MEDIUM", "HIGH", "XHIGH"];

const fn third(
    id: &'static str,
    version: &'static str,
    minor: u8,
    levels: &'static [&'static str],
) -> Model {
    Model {
        id,
        version,
        generation: (3, minor),
        thinking: Thinking::Levels {
            levels,
            budget: true,
        },
    }
}

const fn fourth(id: &'static str, levels: &'static [&'static str]) -> Model {
    Model {
        id,
        version: id,
        generation: (4, 0),
        thinking: Thinking::Levels {
            levels,
            budget: false,
        },
    }
}

const fn second(id: &'static str, least: i64, most: i64, zero: bool) -> Model {
    Model {
        id,
        version: id,
        generation: (2, 5),
        thinking: Thinking::Budget { least, most, zero },
    }
}

const fn embedding(id: &'static str) -> Model {
    Model {
        id,
        version: id,
        generation: (0, 0),
        thinking: Thinking::Never,
    }
}

static MODELS: [Model; 19] = [
    second("gemini-2.5-pro", 128, 32768, false),
    second("gemini-2.5-flash", 1, 24576, true),
    second("gemini-2.5-flash-lite", 512, 24576, true),
    third(
        "gemini-3-flash-preview",
        "gemini-3-flash-preview",
        0,
        MINIMAL_TO_HIGH,
    ),
    third(
        "gemini-3.1-pro-preview",
        "gemini-3.1-pro-preview",
        1,
        LOW_TO_HIGH,
    ),
    third(
        "gemini-3.1-flash-lite",
        "gemini-3.1-flash-lite",
        1,
        MINIMAL_TO_HIGH,
    ),
    third(
        "gemini-3.5-flash-lite",
        "gemini-3.5-flash-lite",
        5,
        MINIMAL_TO_HIGH,
    ),
    third("gemini-3.6-flash", "gemini-3.6-flash", 6, MINIMAL_TO_HIGH),
    third("gemini-3.7-flash", "gemini-3.8-flash", 8, LOW_TO_HIGH),
    third("gemini-3.8-flash", "gemini-3.8-flash", 8, LOW_TO_HIGH),
    third("gemini-flash-latest", "gemini-3.8-flash", 8, LOW_TO_HIGH),
    third(
        "gemini-flash-lite-latest",
        "gemini-3.5-flash-lite",
        5,
        MINIMAL_TO_HIGH,
    ),
    third(
        "gemini-pro-latest",
        "gemini-3.1-pro-preview",
        1,
        LOW_TO_HIGH,
    ),
    fourth("gemini-4-neon", LOW_TO_XHIGH),
    fourth("gemini-4-hydrogen", LOW_TO_XHIGH),
    fourth("gemini-4-carbon", LOW_TO_HIGH),
    fourth("gemini-4-argon", LOW_TO_HIGH),
    embedding("gemini-embedding-001"),
    embedding("gemini-embedding-2"),
];

impl Model {
    pub(super) fn is_embedding(&self) -> bool {
        self.generation == (0, 0)
    }

    fn object(&self) -> Value {
        let (methods, output_limit): (&[&str], u32) = if self.is_embedding() {
            (
                &["embedContent", "batchEmbedContents", "countTextTokens"],
                1,
            )
        } else {
            (
                &["generateContent", "countTokens", "createCachedContent"],
                65_536,
            )
        };
        json!({
            "name": format!("models/{}", self.id),
            "version": "001",
            "displayName": self.id,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": output_limit,
            "supportedGenerationMethods": methods,
            "thinking": !self.is_embedding(),
        })
    }
}

/// The model `name`, if it answers `method`.
pub(super) fn find(name: &str, method: &str) -> Result<&'static Model, Reply> {
    let embeds = ["embedContent", "batchEmbedContents"].contains(&method);
    MODELS
        .iter()
        .find(|model| model.id == name && model.is_embedding() == embeds)
        .ok_or_else(|| {
            error::not_found(&format!(
                "models/{name} is not found for API version v1beta, or is not supported for {method}. Call ListModels to see \
                 the list of available models and their supported methods."
            ))
        })
}

pub(super) fn one(name: &str) -> Result<Reply, Reply> {
    MODELS
        .iter()
        .find(|model| model.id == name)
        .map(|model| Reply::json(StatusCode::OK, &model.object()))
        .ok_or_else(|| {
            error::not_found(&format!(
                "Model is not found: models/{name} for api version v1beta"
            ))
        })
}

/// A page of models. A token is the place where its page begins.
pub(super) fn page(query: &str) -> Result<Reply, Reply> {
    let parameter = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy())
    };
    let size = match parameter("pageSize").map(|size| size.parse::<usize>()) {
        None => 50,
        Some(Ok(size)) => size.clamp(1, 1000),
        Some(Err(_)) => return Err(error::invalid("Invalid value at 'page_size' (TYPE_INT32)")),
    };
    let start = match parameter("pageToken").as_deref() {
        None | Some("") => 0,
        Some(token) => token
            .strip_prefix("page/+=")
            .and_then(|number| number.parse::<usize>().ok())
            .ok_or_else(|| error::invalid("The page token is invalid."))?,
    };
    // Never more than ten at once, whatever is asked, so that whoever reads only the first page is found out.
    let models: Vec<Value> = MODELS
        .iter()
        .skip(start)
        .take(size.min(10))
        .map(Model::object)
        .collect();
    let next = start + models.len();
    let mut page = json!({"models": models});
    if next < MODELS.len() {
        page["nextPageToken"] = json!(format!("page/+={next}"));
    }
    Ok(Reply::json(StatusCode::OK, &page))
}
