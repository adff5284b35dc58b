use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(members: Value) -> Result<EmbeddingRequest, ApiError> {
    let mut body = json!({"model": "m"});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    parse(body.to_string().as_bytes())
}

fn text(text: &str) -> EmbeddingInput {
    EmbeddingInput::Text(text.to_owned())
}

#[test]
fn inputs_come_in_four_forms() {
    let inputs = |input: Value| read(json!({"input": input})).unwrap().inputs;
    assert_eq!(inputs(json!("a")), [text("a")]);
    assert_eq!(inputs(json!(["a", "b"])), [text("a"), text("b")]);
    assert_eq!(inputs(json!([1, 2])), [EmbeddingInput::Tokens(vec![1, 2])]);
    assert_eq!(
        inputs(json!([[1, 2], [3]])),
        [
            EmbeddingInput::Tokens(vec![1, 2]),
            EmbeddingInput::Tokens(vec![3])
        ]
    );
    assert_eq!(inputs(json!(vec!["a"; 2048])).len(), 2048);
    assert_eq!(
        inputs(json!(vec![7; 8000])),
        [EmbeddingInput::Tokens(vec![7; 8000])]
    );
}

#[test]
fn dimensions_are_read() {
    let request =
        read(json!({"input": "a", "dimensions": 256, "encoding_format": "base64", "user": "u"}))
            .unwrap();
    assert_eq!(request.dimensions, Some(256));
    assert_eq!(
        read(json!({"input": "a", "dimensions": null}))
            .unwrap()
            .dimensions,
        None
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (members, param, code) in [
        (json!({}), "input", "missing_required_parameter"),
        (json!({"input": null}), "input", "invalid_type"),
        (json!({"input": 1}), "input", "invalid_type"),
        (json!({"input": ""}), "input", "empty_string"),
        (json!({"input": []}), "input", "empty_array"),
        (json!({"input": ["a", ""]}), "input[1]", "empty_string"),
        (json!({"input": ["a", null]}), "input[1]", "invalid_type"),
        (json!({"input": [1, "a"]}), "input[1]", "invalid_type"),
        (json!({"input": [[1], []]}), "input[1]", "empty_array"),
        (
            json!({"input": [[1], [1.5]]}),
            "input[1][0]",
            "invalid_type",
        ),
        (
            json!({"input": [-1]}),
            "input[0]",
            "integer_below_min_value",
        ),
        (
            json!({"input": vec!["a"; 2049]}),
            "input",
            "array_above_max_length",
        ),
        (
            json!({"input": "a", "dimensions": 0}),
            "dimensions",
            "integer_below_min_value",
        ),
        (
            json!({"input": "a", "dimensions": "1"}),
            "dimensions",
            "invalid_type",
        ),
        (
            json!({"input": "a", "encoding_format": "hex"}),
            "encoding_format",
            "invalid_value",
        ),
        (json!({"input": "a", "user": 1}), "user", "invalid_type"),
        (json!({"input": "a", "model": ""}), "model", "empty_string"),
        (
            json!({"input": "a", "model": null}),
            "model",
            "invalid_type",
        ),
    ] {
        let error = read(members).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref(), error.code.as_deref()),
            (400, Some(param), Some(code))
        );
    }
}

fn answer(vectors: Vec<Vec<f32>>) -> EmbeddingAnswer {
    EmbeddingAnswer {
        model: None,
        vectors,
        prompt_tokens: 7,
    }
}

#[test]
fn vectors_are_written_as_numbers() {
    let body = encode(&answer(vec![vec![0.1, -2.0], vec![]]), "m", false);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2.0]},{"object":"embedding","index":1,"embedding":[]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}"#
    );
}

#[test]
fn who_answered_is_named() {
    let answer = EmbeddingAnswer {
        model: Some("real".to_owned()),
        ..answer(vec![])
    };
    let body: Value = serde_json::from_slice(&encode(&answer, "m", true)).unwrap();
    assert_eq!(body["model"], "real");
}

proptest! {
    #[test]
    fn vectors_come_back(vectors in prop::collection::vec(prop::collection::vec(-10f32..10.0, 0..40), 0..4)) {
        let floats: Value = serde_json::from_slice(&encode(&answer(vectors.clone()), "m", false)).unwrap();
        let base64: Value = serde_json::from_slice(&encode(&answer(vectors.clone()), "m", true)).unwrap();
        for (index, vector) in vectors.iter().enumerate() {
            let numbers: Vec<f32> = floats["data"][index]["embedding"].as_array().unwrap().iter()
                .map(|number| number.as_f64().unwrap() as f32)
                .collect();
            prop_assert_eq!(&numbers, vector);
            let bytes = STANDARD.decode(base64["data"][index]["embedding"].as_str().unwrap()).unwrap();
            let numbers: Vec<f32> = bytes.chunks_exact(4)
                .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
                .collect();
            prop_assert_eq!(&numbers, vector);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, input in r#"[\[\]{}"a0-9, .-]{0,40}"#) {
        let _ = parse(&body);
        let _ = parse(format!(r#"{{"model":"m","input":{input}}}"#).as_bytes());
    }
}
