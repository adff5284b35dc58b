//! The list of models.

use locum_domain::{
    failure::{Failure, FailureClass},
    model::{ModelInfo, ModelPage},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::generation;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    models: Option<Vec<Model>>,
    next_page_token: Option<String>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    name: String,
    supported_generation_methods: Option<Vec<String>>,
}

/// Path and query of one page.
pub(super) fn path(page: Option<&str>) -> String {
    let mut path = "/v1beta/models?pageSize=1000".to_owned();
    if let Some(page) = page {
        path.push_str("&pageToken=");
        path.extend(utf8_percent_encode(page, NON_ALPHANUMERIC));
    }
    path
}

/// The models of a page that answer chats or embed texts; what else Google lists cannot be asked here.
pub(super) fn decode(body: &[u8]) -> Result<ModelPage, Failure> {
    let garbage = |detail: String| Failure::new(FailureClass::Garbage, detail);
    let list: List = serde_json::from_slice(body)
        .map_err(|error| garbage(format!("the list of models cannot be read: {error}")))?;
    if list.error.is_some() {
        return Err(garbage(
            "an error in place of the list of models".to_owned(),
        ));
    }
    let models = list
        .models
        .unwrap_or_default()
        .into_iter()
        .filter(|model| {
            model
                .supported_generation_methods
                .iter()
                .flatten()
                .any(|method| method == "generateContent" || method == "embedContent")
        })
        .map(|model| ModelInfo {
            id: generation::bare(&model.name).to_owned(),
            created: 0,
            owned_by: "google".to_owned(),
        })
        .collect();
    Ok(ModelPage {
        models,
        next: list.next_page_token.filter(|token| !token.is_empty()),
    })
}
