//! Embeddings.

use locum_domain::{
    embedding::{EmbeddingAnswer, EmbeddingInput, EmbeddingRequest},
    failure::{Failure, FailureClass},
};
use locum_providers::Prepared;
use serde_json::{Value, json};

use crate::gemini;

fn asks(inputs: &[&str], dimensions: Option<u32>) -> EmbeddingRequest {
    EmbeddingRequest {
        model: "gemini-embedding-001".to_owned(),
        inputs: inputs
            .iter()
            .map(|text| EmbeddingInput::Text((*text).to_owned()))
            .collect(),
        dimensions,
    }
}

fn sent(request: &EmbeddingRequest) -> (String, Value) {
    match gemini().embeddings(request) {
        Ok(Prepared::Http(request)) => (
            request.uri().path().to_owned(),
            serde_json::from_slice(request.body()).unwrap(),
        ),
        other => panic!("{other:?}"),
    }
}

fn decoded(request: &EmbeddingRequest, body: &Value) -> Result<EmbeddingAnswer, Failure> {
    gemini().decode_embeddings(request, body.to_string().as_bytes())
}

#[test]
fn one_input_asks_embed_content() {
    let (path, body) = sent(&asks(&["hello"], Some(768)));
    assert_eq!(path, "/v1beta/models/gemini-embedding-001:embedContent");
    assert_eq!(
        body,
        json!({
            "model": "models/gemini-embedding-001",
            "content": {"parts": [{"text": "hello"}]},
            "outputDimensionality": 768,
        })
    );
}

#[test]
fn several_inputs_ask_batch_embed_contents() {
    let (path, body) = sent(&asks(&["a", "b"], None));
    assert_eq!(
        path,
        "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    );
    assert_eq!(
        body,
        json!({"requests": [
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a"}]}},
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "b"}]}},
        ]})
    );
}

#[test]
fn more_inputs_than_a_batch_takes_are_refused() {
    let texts = vec!["a"; 101];
    let failure = gemini().embeddings(&asks(&texts, None)).unwrap_err();
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert_eq!(failure.error.unwrap().param.as_deref(), Some("input"));
    assert!(gemini().embeddings(&asks(&texts[..100], None)).is_ok());
}

#[test]
fn tokens_are_refused() {
    let mut request = asks(&["a"], None);
    request.inputs.push(EmbeddingInput::Tokens(vec![1, 2]));
    let failure = gemini().embeddings(&request).unwrap_err();
    assert_eq!(failure.class, FailureClass::BadRequest);
}

#[test]
fn vectors_come_in_order_and_normalized() {
    let request = asks(&["a", "b"], Some(2));
    let reply = json!({"embeddings": [{"values": [3.0, 4.0]}, {"values": [0.0, 0.0]}]});
    let answer = decoded(&request, &reply).unwrap();
    assert_eq!(answer.vectors, [[0.6, 0.8], [0.0, 0.0]]);
    let one = decoded(
        &asks(&["a"], None),
        &json!({"embedding": {"values": [1.0, 0.0]}}),
    );
    assert_eq!(one.unwrap().vectors, [[1.0, 0.0]]);
}

#[test]
fn whole_vectors_are_left_as_they_are() {
    let values = vec![0.5f32; 3072];
    let reply = json!({"embedding": {"values": values}});
    let answer = decoded(&asks(&["a"], None), &reply).unwrap();
    assert_eq!(answer.vectors, [values]);
}

#[test]
fn usage_is_told_or_estimated() {
    let told = json!({"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 7}});
    assert_eq!(
        decoded(&asks(&["hello"], None), &told)
            .unwrap()
            .prompt_tokens,
        7
    );
    let untold = json!({"embeddings": [{"values": [1.0]}, {"values": [1.0]}]});
    let estimated = decoded(&asks(&["a", "nine char"], None), &untold).unwrap();
    assert_eq!(estimated.prompt_tokens, 1 + 3);
}

#[test]
fn what_is_no_embedding_is_garbage() {
    let request = asks(&["a", "b"], None);
    for reply in [
        json!({}),
        json!("no"),
        json!({"embeddings": [{"values": [1.0]}]}),
        json!({"embeddings": [{"values": [1.0]}, {"values": [1.0, 2.0]}]}),
        json!({"embeddings": [{"values": []}, {"values": []}]}),
        json!({"embeddings": [{"values": [1e300]}, {"values": [1.0]}]}),
        json!({"embeddings": [{"values": ["x"]}, {"values": [1.0]}]}),
    ] {
        let failure = decoded(&request, &reply).unwrap_err();
        assert_eq!(failure.class, FailureClass::Garbage, "{reply}");
    }
}
