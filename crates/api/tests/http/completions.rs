//! `/v1/completions`

use http::StatusCode;
use locum_testkit::{Dialect, Fault};
use serde_json::{Value, json};

use crate::support::{Locum, error_of};

const PATH: &str = "/v1/completions";

#[test]
fn a_prompt_is_completed() {
    for model in ["gpt-4.1-mini", "gemini-2.5-flash"] {
        let answer = Locum::new().post(
            PATH,
            &json!({"model": model, "prompt": "Once upon a time", "max_tokens": 64}),
        );
        let body = answer.json();
        assert_eq!(body["object"], "text_completion");
        assert!(body["id"].as_str().unwrap().starts_with("cmpl-"));
        assert_eq!(body["choices"][0]["index"], 0);
        assert!(!body["choices"][0]["text"].as_str().unwrap().is_empty());
        assert_eq!(body["choices"][0]["finish_reason"], "stop");
        assert_eq!(body["model"], answer.header("x-locum-model"));
        let usage = &body["usage"];
        assert_eq!(
            usage["total_tokens"].as_u64().unwrap(),
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
        );
    }
}

#[test]
fn several_prompts_and_several_answers_are_numbered_through() {
    let locum = Locum::new();
    let body = json!({"model": "gpt-4.1-mini", "prompt": ["one", "two", "three"], "n": 2, "echo": true, "max_tokens": 64});
    let answer = locum.post(PATH, &body).json();
    let choices = answer["choices"].as_array().unwrap();
    let indexes: Vec<_> = choices
        .iter()
        .map(|it| it["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    for (index, prompt) in ["one", "one", "two", "two", "three", "three"]
        .iter()
        .enumerate()
    {
        assert!(choices[index]["text"].as_str().unwrap().starts_with(prompt));
    }
    assert_eq!(locum.world.upstream.asked(Dialect::OpenAi), 3);
    let told = answer["usage"]["prompt_tokens"].as_u64().unwrap();
    let page = locum.app.metrics.encode();
    let counted = page
        .lines()
        .find(|line| line.starts_with("locum_tokens_total{") && line.contains("input"))
        .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert_eq!(counted, Some(told), "{page}");
}

#[test]
fn a_stream_holds_the_texts_of_all_prompts() {
    for model in ["gpt-4.1-mini", "gemini-2.5-flash"] {
        let locum = Locum::new();
        let body = json!({
            "model": model, "prompt": ["one", "two"], "stream": true, "max_tokens": 64,
            "stream_options": {"include_usage": true},
        });
        let answer = locum.post(PATH, &body);
        let (events, done) = answer.events();
        assert!(done);
        for index in [0, 1] {
            let own: Vec<&Value> = events
                .iter()
                .filter_map(|event| event["choices"].get(0))
                .filter(|choice| choice["index"] == index)
                .collect();
            assert!(
                own.iter()
                    .any(|choice| !choice["text"].as_str().unwrap().is_empty())
            );
            assert_eq!(
                own.iter()
                    .filter(|choice| choice["finish_reason"] == "stop")
                    .count(),
                1
            );
        }
        assert!(
            events
                .iter()
                .all(|event| event["object"] == "text_completion")
        );
        let told = events.last().unwrap()["usage"]["completion_tokens"]
            .as_u64()
            .unwrap();
        let page = locum.app.metrics.encode();
        let counted = page
            .lines()
            .find(|line| line.starts_with("locum_tokens_total{") && line.contains("output"))
            .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        assert_eq!(counted, Some(told), "{page}");
    }
}

#[test]
fn a_stream_that_breaks_off_says_so() {
    let locum = Locum::new();
    locum.world.upstream.openai([Fault::Cut(3)]);
    let body = json!({"model": "gpt-4.1-mini", "prompt": "one", "stream": true, "max_tokens": 64});
    let (events, done) = locum.post(PATH, &body).events();
    assert!(!done);
    let error = error_of(events.last().unwrap());
    assert_eq!(error.code.as_deref(), Some("upstream_cut"));
}

#[test]
fn one_prompt_that_fails_fails_the_request() {
    let locum = Locum::with(&[("PROVIDER_GEMINI_ENABLED", "false")]);
    locum.world.upstream.openai([Fault::Good, Fault::BadKey]);
    let answer = locum.post(
        PATH,
        &json!({"model": "gpt-4.1-mini", "prompt": ["one", "two"]}),
    );
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        answer.error().code.as_deref(),
        Some("upstream_authentication")
    );
}

#[test]
fn what_a_chat_model_cannot_do_is_refused() {
    let locum = Locum::new();
    for (field, value) in [
        ("suffix", json!("the end")),
        ("logprobs", json!(3)),
        ("best_of", json!(5)),
        ("prompt", json!([1, 2])),
    ] {
        let mut body = json!({"model": "gpt-4.1-mini", "prompt": "x"});
        body[field] = value;
        let answer = locum.post(PATH, &body);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(answer.error().param.unwrap().starts_with(field));
    }
    assert!(locum.world.upstream.requests().is_empty());
}
