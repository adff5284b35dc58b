//! `/v1/embeddings`

use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;
use locum_testkit::{Dialect, Fault};
use serde_json::{Value, json};

use crate::support::Locum;

const PATH: &str = "/v1/embeddings";

fn vectors(body: &Value) -> Vec<Vec<f32>> {
    assert_eq!(body["object"], "list");
    let data = body["data"].as_array().unwrap();
    let vector = |item: &Value| match &item["embedding"] {
        Value::String(text) => STANDARD
            .decode(text)
            .unwrap()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect(),
        floats => serde_json::from_value(floats.clone()).unwrap(),
    };
    for (index, item) in data.iter().enumerate() {
        assert_eq!(item["index"], index);
        assert_eq!(item["object"], "embedding");
    }
    data.iter().map(vector).collect()
}

#[test]
fn floats_and_base64_are_the_same_vectors() {
    for model in ["text-embedding-3-small", "gemini-embedding-001"] {
        let locum = Locum::new();
        let ask = |format: &str| {
            let body = json!({"model": model, "input": ["a", "b"], "encoding_format": format, "dimensions": 256});
            vectors(&locum.post(PATH, &body).json())
        };
        let floats = ask("float");
        assert_eq!(floats.len(), 2);
        assert!(floats.iter().all(|vector| vector.len() == 256));
        assert_ne!(floats[0], floats[1]);
        for (a, b) in floats.iter().flatten().zip(ask("base64").iter().flatten()) {
            assert!((a - b).abs() < 1e-6);
        }
    }
}

#[test]
fn openai_is_asked_with_the_very_bytes() {
    let locum = Locum::new();
    let body = r#"{ "input":"a", "model":"text-embedding-3-small" }"#;
    locum
        .ask(crate::support::request(http::Method::POST, PATH, body))
        .json();
    assert_eq!(locum.world.upstream.last(Dialect::OpenAi).body, body);
}

/// Vectors of two models have nothing to do with each other.
#[test]
fn another_provider_never_stands_in() {
    let locum = Locum::new();
    locum.world.upstream.openai([Fault::BadKey]);
    let body = json!({"model": "text-embedding-3-small", "input": "a"});
    let answer = locum.post(PATH, &body);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(locum.world.upstream.asked(Dialect::Gemini), 0);
}

#[test]
fn a_wrong_field_is_named() {
    let locum = Locum::new();
    let cases = [
        (json!({"input": "a"}), "model"),
        (json!({"model": "gemini-embedding-001"}), "input"),
        (
            json!({"model": "gemini-embedding-001", "input": []}),
            "input",
        ),
        (
            json!({"model": "gemini-embedding-001", "input": "a", "encoding_format": "hex"}),
            "encoding_format",
        ),
        (
            json!({"model": "gemini-embedding-001", "input": "a", "dimensions": 0}),
            "dimensions",
        ),
    ];
    for (body, param) in cases {
        let answer = locum.post(PATH, &body);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.error().param.as_deref(), Some(param), "{body}");
    }
}
