use locum_domain::chat::{ChatAnswer, ChatChoice, FinishReason, Usage};
use serde_json::{Value, json};

use super::*;
use crate::wire::AnswerHead;

fn read(members: Value) -> Result<Completion, ApiError> {
    let mut body = json!({"model": "m", "prompt": "Once upon"});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    parse(body.to_string().as_bytes())
}

#[test]
fn a_prompt_becomes_a_chat() {
    let completion = read(json!({})).unwrap();
    assert_eq!(
        completion.calls,
        [ChatRequest {
            model: "m".to_owned(),
            messages: vec![
                Message::System {
                    text: INSTRUCTION.to_owned()
                },
                Message::User {
                    name: None,
                    parts: vec![Part::Text("Once upon".to_owned())]
                },
            ],
            max_tokens: None,
            n: 1,
            ..ChatRequest::default()
        }]
    );
    assert_eq!(
        (completion.n, completion.echo, completion.stream),
        (1, false, false)
    );
}

#[test]
fn several_prompts_become_several_chats() {
    let completion = read(json!({
        "prompt": ["a", "b"], "n": 2, "best_of": 2, "echo": true, "stop": ["x"], "max_tokens": 5, "temperature": 0,
        "seed": 1, "stream": true, "stream_options": {"include_usage": true}, "suffix": "", "logprobs": null, "user": "u",
    }))
    .unwrap();
    assert_eq!(completion.prompts, ["a", "b"]);
    assert!(completion.echo && completion.stream && completion.include_usage);
    for call in &completion.calls {
        assert_eq!(
            (call.n, call.max_tokens, call.seed, call.temperature),
            (2, Some(5), Some(1), Some(0.0))
        );
        assert_eq!(call.stop, ["x"]);
        assert!(call.stream && call.include_usage);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (members, param, code) in [
        (json!({"model": null}), "model", "invalid_type"),
        (json!({"prompt": null}), "prompt", "invalid_type"),
        (json!({"prompt": {}}), "prompt", "invalid_type"),
        (json!({"prompt": ""}), "prompt", "empty_string"),
        (json!({"prompt": []}), "prompt", "empty_array"),
        (json!({"prompt": ["a", ""]}), "prompt[1]", "empty_string"),
        (json!({"prompt": ["a", false]}), "prompt[1]", "invalid_type"),
        (json!({"prompt": [1, 2]}), "prompt", "unsupported_parameter"),
        (
            json!({"prompt": [[1, 2]]}),
            "prompt",
            "unsupported_parameter",
        ),
        (
            json!({"suffix": "the end"}),
            "suffix",
            "unsupported_parameter",
        ),
        (json!({"suffix": 1}), "suffix", "invalid_type"),
        (json!({"logprobs": 3}), "logprobs", "unsupported_parameter"),
        (json!({"best_of": 3}), "best_of", "unsupported_parameter"),
        (json!({"best_of": 0}), "best_of", "integer_below_min_value"),
        (json!({"n": 129}), "n", "integer_above_max_value"),
        (
            json!({"n": 64, "prompt": ["a", "b", "c"]}),
            "n",
            "invalid_value",
        ),
        (
            json!({"max_tokens": 0}),
            "max_tokens",
            "integer_below_min_value",
        ),
        (
            json!({"temperature": 9}),
            "temperature",
            "decimal_above_max_value",
        ),
        (json!({"echo": "yes"}), "echo", "invalid_type"),
        (json!({"stream": 1}), "stream", "invalid_type"),
        (
            json!({"stop": ["a", "b", "c", "d", "e"]}),
            "stop",
            "array_above_max_length",
        ),
        (
            json!({"stream_options": {}}),
            "stream_options",
            "invalid_value",
        ),
        (json!({"logit_bias": 1}), "logit_bias", "invalid_type"),
    ] {
        let error = read(members).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref(), error.code.as_deref()),
            (400, Some(param), Some(code))
        );
    }
    let error = parse(br#"{"model":"m"}"#).unwrap_err();
    assert_eq!(error.message, "Missing required parameter: 'prompt'.");
}

fn answer(texts: &[(&str, FinishReason)], prompt: u64) -> ChatAnswer {
    ChatAnswer {
        choices: texts
            .iter()
            .map(|(text, finish)| ChatChoice {
                text: (*text).to_owned(),
                finish: Some(*finish),
                ..ChatChoice::default()
            })
            .collect(),
        usage: Some(Usage {
            prompt,
            completion: 1,
            ..Usage::default()
        }),
        ..ChatAnswer::default()
    }
}

#[test]
fn answers_are_joined() {
    let completion = read(json!({"prompt": ["a", "b"], "n": 2, "echo": true})).unwrap();
    let answers = [
        answer(
            &[("1", FinishReason::Stop), ("2", FinishReason::Length)],
            10,
        ),
        answer(
            &[
                ("3", FinishReason::ContentFilter),
                ("4", FinishReason::ToolCalls),
            ],
            20,
        ),
    ];
    let head = AnswerHead::new("cmpl-1".to_owned(), 1, "m".to_owned());
    let body: Value = serde_json::from_slice(&encode(&answers, &completion, &head)).unwrap();
    let choice = |index, text, finish| json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish});
    assert_eq!(
        body,
        json!({
            "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
            "choices": [
                choice(0, "a1", "stop"), choice(1, "a2", "length"), choice(2, "b3", "content_filter"), choice(3, "b4", "stop"),
            ],
            "usage": {
                "prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 32,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
                },
            },
        })
    );
}

#[test]
fn a_refusal_stands_for_the_text() {
    let completion = read(json!({})).unwrap();
    let refused = ChatAnswer {
        choices: vec![ChatChoice {
            refusal: "no".to_owned(),
            ..ChatChoice::default()
        }],
        ..ChatAnswer::default()
    };
    let head = AnswerHead::new("cmpl-1".to_owned(), 1, "m".to_owned());
    let body: Value = serde_json::from_slice(&encode(&[refused], &completion, &head)).unwrap();
    assert_eq!(body["choices"][0]["text"], "no");
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body.get("usage"), None);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, prompt in r#"[\[\]{}"a0-9, .-]{0,40}"#) {
        let _ = parse(&body);
        let _ = parse(format!(r#"{{"model":"m","prompt":{prompt}}}"#).as_bytes());
    }
}
