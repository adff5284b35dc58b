//! Embeddings and the list of models in OpenAI's format, and which models are OpenAI's.

use locum_domain::{
    embedding::{EmbeddingInput, EmbeddingRequest},
    failure::FailureClass,
};
use serde_json::{Value, json};

use super::{openai, upstream};

#[test]
fn embeddings_go_and_come() {
    let request = EmbeddingRequest {
        model: "text-embedding-3-small".to_owned(),
        inputs: vec![
            EmbeddingInput::Text("a".to_owned()),
            EmbeddingInput::Text("bcdef".to_owned()),
        ],
        dimensions: Some(2),
    };
    let sent = upstream(openai().embeddings(&request).unwrap());
    assert_eq!(sent.uri(), "http://127.0.0.1:9/v1/embeddings");
    assert_eq!(
        serde_json::from_slice::<Value>(sent.body()).unwrap(),
        json!({"model": "text-embedding-3-small", "input": ["a", "bcdef"], "encoding_format": "base64", "dimensions": 2})
    );
    let tokens = EmbeddingRequest {
        inputs: vec![EmbeddingInput::Tokens(vec![1, 2])],
        ..request.clone()
    };
    let sent = upstream(openai().embeddings(&tokens).unwrap());
    assert_eq!(
        serde_json::from_slice::<Value>(sent.body()).unwrap()["input"],
        json!([[1, 2]])
    );

    let decode = |body: Value| openai().decode_embeddings(&request, body.to_string().as_bytes());
    let answer = decode(json!({
        "model": "m",
        "data": [{"index": 1, "embedding": "AACAPwAAAMA="}, {"index": 0, "embedding": [0.5, 1]}],
        "usage": {"prompt_tokens": 3, "total_tokens": 3}
    }))
    .unwrap();
    assert_eq!(answer.vectors, [[0.5, 1.0], [1.0, -2.0]]);
    assert_eq!(
        (answer.model.as_deref(), answer.prompt_tokens),
        (Some("m"), 3)
    );
    let estimated = decode(json!({"data": [{"embedding": [1]}, {"embedding": [1]}]})).unwrap();
    assert_eq!(estimated.prompt_tokens, 3);
    for garbage in [
        json!({}),
        json!({"data": [{"embedding": [1]}]}),
        json!({"data": [{"embedding": [1]}, {"embedding": []}]}),
        json!({"data": [{"embedding": [1]}, {"embedding": "AACA"}]}),
        json!({"data": [{"embedding": [1]}, {"embedding": "AADAfw=="}]}),
        json!({"data": [{"embedding": [1]}, {"embedding": [1]}, {"embedding": [1]}]}),
        json!({"data": [{"index": 9, "embedding": [1]}, {"embedding": [1]}]}),
        json!({"data": "x"}),
    ] {
        assert_eq!(
            decode(garbage.clone()).unwrap_err().class,
            FailureClass::Garbage,
            "{garbage}"
        );
    }
}

#[test]
fn models_are_listed() {
    let provider = openai();
    let request = upstream(provider.models(None));
    assert_eq!(
        (
            request.method().as_str(),
            request.uri().to_string().as_str()
        ),
        ("GET", "http://127.0.0.1:9/v1/models")
    );
    assert!(!request.headers().contains_key("content-type"));
    let list = |body: Value| {
        provider
            .decode_models(body.to_string().as_bytes())
            .map(|page| {
                assert_eq!(page.next, None);
                page.models
                    .into_iter()
                    .map(|model| (model.id, model.created, model.owned_by))
                    .collect::<Vec<_>>()
            })
    };
    let models = json!([
        {"id": "gpt-4.1", "object": "model", "created": 1_700_000_000, "owned_by": "system"},
        {"id": "llama3", "created": 1.7e9}, {"id": "bare"}, {"id": ""}, {"name": "nameless"}, 7
    ]);
    let expected = vec![
        ("gpt-4.1".to_owned(), 1_700_000_000, "system".to_owned()),
        ("llama3".to_owned(), 1_700_000_000, "openai".to_owned()),
        ("bare".to_owned(), 0, "openai".to_owned()),
    ];
    assert_eq!(
        list(json!({"object": "list", "data": models})),
        Ok(expected.clone())
    );
    assert_eq!(list(models), Ok(expected));
    assert_eq!(list(json!({"data": []})), Ok(Vec::new()));
    for garbage in [json!({}), json!("x"), json!({"data": {}})] {
        assert_eq!(list(garbage).unwrap_err().class, FailureClass::Garbage);
    }
}

#[test]
fn claims_openais_names_alone() {
    let provider = openai();
    for name in [
        "gpt-4.1-mini",
        "o1",
        "o3-mini",
        "chatgpt-4o-latest",
        "ft:gpt-4.1:x",
        "text-embedding-3-small",
        "text-embedding-ada-002",
    ] {
        assert!(provider.claims(name), "{name}");
    }
    for name in [
        "o",
        "olmo",
        "gemini-flash-latest",
        "llama3",
        "text-embedding-004",
        "",
    ] {
        assert!(!provider.claims(name), "{name}");
    }
}

#[test]
fn knows_how_much_its_own_models_take() {
    let provider = openai();
    for (name, window) in [
        ("gpt-4.1-mini", Some(1_047_576)),
        ("gpt-4o", Some(128_000)),
        ("gpt-4-turbo-preview", Some(128_000)),
        ("gpt-4", Some(8_192)),
        ("gpt-4-0613", Some(8_192)),
        ("gpt-3.5-turbo", Some(16_385)),
        ("ft:gpt-3.5-turbo:me", Some(16_385)),
        ("gpt-5.1", Some(400_000)),
        ("o1-mini", Some(128_000)),
        ("o3", Some(200_000)),
        ("llama3", None),
    ] {
        assert_eq!(provider.context_window(name), window, "{name}");
    }
}
