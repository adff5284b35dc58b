//! `GET /v1/models` and `GET /v1/models/{model}`.

use locum_domain::model::ModelInfo;
use serde::Serialize;

use super::encode;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

impl<'a> From<&'a ModelInfo> for Model<'a> {
    fn from(model: &'a ModelInfo) -> Self {
        Self {
            id: &model.id,
            object: "model",
            created: model.created,
            owned_by: &model.owned_by,
        }
    }
}

/// All models.
pub fn encode_list(models: &[ModelInfo]) -> Vec<u8> {
    encode(&List {
        object: "list",
        data: models.iter().map(Model::from).collect(),
    })
}

/// One model.
pub fn encode_one(model: &ModelInfo) -> Vec<u8> {
    encode(&Model::from(model))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn models_are_written_as_openai_writes_them() {
        let model = ModelInfo {
            id: "gemini-flash-latest".to_owned(),
            created: 1_700_000_000,
            owned_by: "google".to_owned(),
        };
        let object = json!({
            "id": "gemini-flash-latest", "object": "model", "created": 1_700_000_000, "owned_by": "google",
        });
        let one: Value = serde_json::from_slice(&encode_one(&model)).unwrap();
        assert_eq!(one, object);
        let list: Value = serde_json::from_slice(&encode_list(&[model])).unwrap();
        assert_eq!(list, json!({"object": "list", "data": [object]}));
    }
}
