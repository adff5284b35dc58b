//! The list of models.

use locum_domain::{
    failure::FailureClass,
    model::{ModelInfo, ModelPage},
};
use locum_providers::Prepared;
use serde_json::json;

use crate::{KEY, gemini, hello};

fn uri(page: Option<&str>) -> String {
    match gemini().models(page) {
        Prepared::Http(request) => {
            assert_eq!(request.method(), "GET");
            assert_eq!(request.headers()["x-goog-api-key"], KEY);
            request.uri().to_string()
        }
        Prepared::Ready(page) => panic!("{page:?}"),
    }
}

#[test]
fn pages_of_a_thousand_models_are_asked_for() {
    assert_eq!(
        uri(None),
        "https://upstream.example/v1beta/models?pageSize=1000"
    );
    assert_eq!(
        uri(Some("a/b&c=d")),
        "https://upstream.example/v1beta/models?pageSize=1000&pageToken=a%2Fb%26c%3Dd"
    );
}

#[test]
fn models_that_chat_or_embed_are_listed_by_their_bare_names() {
    let body = json!({
        "models": [
            {"name": "models/gemini-4-hydrogen", "displayName": "Gemini 4 Hydrogen", "inputTokenLimit": 1048576, "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
            {"name": "models/imagen-5", "supportedGenerationMethods": ["predict"]},
            {"name": "models/mute"},
        ],
        "nextPageToken": "next",
    });
    let page = gemini().decode_models(body.to_string().as_bytes()).unwrap();
    let model = |id: &str| ModelInfo {
        id: id.to_owned(),
        created: 0,
        owned_by: "google".to_owned(),
    };
    assert_eq!(
        page,
        ModelPage {
            models: vec![model("gemini-4-hydrogen"), model("gemini-embedding-001")],
            next: Some("next".to_owned()),
        }
    );
    assert_eq!(gemini().decode_models(b"{}"), Ok(ModelPage::default()));
}

#[test]
fn a_list_that_is_none_is_garbage() {
    for body in [&b"<html>"[..], b"", b"[1]", br#"{"error": {"code": 500}}"#] {
        let failure = gemini().decode_models(body).unwrap_err();
        assert_eq!(failure.class, FailureClass::Garbage);
    }
}

#[test]
fn it_is_known_how_much_a_model_takes() {
    for (name, window) in [
        ("gemini-3.8-flash", 1_048_576),
        ("models/gemini-flash-latest", 1_048_576),
        ("gemini-2.5-flash-image", 32_768),
        ("gemma-3-27b-it", 131_072),
    ] {
        assert_eq!(gemini().context_window(name), Some(window), "{name}");
    }
}

#[test]
fn only_later_generations_pause_in_the_middle_of_an_answer() {
    for (name, pauses) in [
        ("gemini-2.5-flash", false),
        ("gemini-3.8-flash", false),
        ("gemini-4-argon", true),
        ("gemini-flash-latest", true),
    ] {
        assert_eq!(gemini().may_pause(&hello(name)), pauses, "{name}");
    }
}
