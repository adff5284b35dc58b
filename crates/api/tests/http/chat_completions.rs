//! `/v1/chat/completions`

use std::time::Duration;

use http::{Method, StatusCode};
use locum_testkit::{Dialect, Fault};
use serde_json::json;

use crate::support::{Locum, chat, next_bytes, post, request, streamed_chat};

const PATH: &str = "/v1/chat/completions";

#[test]
fn openai_is_asked_with_the_very_bytes_and_its_answer_is_handed_on() {
    let locum = Locum::new();
    let body = r#" {"messages" : [{"role":"user","content":"h\u00e9llo"}], "model":"gpt-4.1-mini" ,"seed":1}"#;
    let answer = locum.ask(request(Method::POST, PATH, body));
    assert_eq!(answer.json()["object"], "chat.completion");
    let seen = locum.world.upstream.last(Dialect::OpenAi);
    assert_eq!(seen.body, body);
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(
        seen.header("authorization"),
        format!("Bearer {}", locum_testkit::UPSTREAM_KEY)
    );
}

#[test]
fn gemini_is_asked_in_its_own_words() {
    let locum = Locum::new();
    let answer = locum.post(PATH, &chat("gemini-2.5-flash"));
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(body["choices"][0]["message"]["role"], "assistant");
    assert!(body["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert!(body["created"].as_u64().unwrap() >= 1_795_000_000);
    let seen = locum.world.upstream.last(Dialect::Gemini);
    assert!(
        seen.path.contains("gemini-2.5-flash:generateContent"),
        "{}",
        seen.path
    );
    assert_eq!(seen.header("authorization"), "");
}

#[test]
fn streams_are_events_that_nothing_holds_back() {
    for model in ["gpt-4.1-mini", "gemini-2.5-flash"] {
        let answer = Locum::new().post(PATH, &streamed_chat(model));
        assert!(
            answer
                .header("content-type")
                .starts_with("text/event-stream")
        );
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(answer.header("x-accel-buffering"), "no");
        let (events, done) = answer.events();
        assert!(done);
        assert!(
            events
                .iter()
                .all(|event| event["object"] == "chat.completion.chunk")
        );
        assert!(events.iter().all(|event| event["id"] == events[0]["id"]));
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
        assert!(
            events.last().unwrap()["usage"]["total_tokens"]
                .as_u64()
                .unwrap()
                > 0
        );
    }
}

#[test]
fn a_chunk_is_handed_on_as_soon_as_it_comes() {
    for model in ["gpt-4.1-mini", "gemini-2.5-flash"] {
        let locum = Locum::new();
        locum.world.upstream.pace(Duration::from_secs(1));
        locum.world.clock.run(async {
            let mut body = locum
                .begin(post(PATH, &streamed_chat(model)))
                .await
                .into_body();
            let mut times = Vec::new();
            while next_bytes(&mut body).await.is_some() {
                times.push(locum.now());
            }
            times.dedup();
            assert!(times.len() > 2, "{model}: all came at {times:?}");
        });
    }
}

#[test]
fn dead_names_are_aliases_of_living_models() {
    let locum = Locum::new();
    let answer = locum.post(PATH, &chat("gemini-pro"));
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("x-locum-provider"), "gemini");
}

#[test]
fn a_provider_can_be_named_outright() {
    let locum = Locum::new();
    let answer = locum.post(PATH, &chat("openai/gpt-4.1-mini"));
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        locum.world.upstream.last(Dialect::OpenAi).json()["model"],
        "gpt-4.1-mini"
    );
}

#[test]
fn an_unknown_model_is_not_found() {
    let answer = Locum::new().post(PATH, &chat("no-such-model"));
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.error().code.as_deref(), Some("model_not_found"));
    assert_eq!(answer.error().param.as_deref(), Some("model"));
}

#[test]
fn a_wrong_field_is_named() {
    let locum = Locum::new();
    let cases = [
        (json!({"model": "gemini-2.5-flash"}), "messages"),
        (json!({"messages": []}), "model"),
        (
            json!({"model": 7, "messages": [{"role": "user", "content": "x"}]}),
            "model",
        ),
        (
            json!({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "x"}], "temperature": 9}),
            "temperature",
        ),
        (
            json!({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "x"}, {"role": "wizard", "content": "x"}]}),
            "messages[1].role",
        ),
        (
            json!({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": 5}]}),
            "messages[0].content",
        ),
    ];
    for (body, param) in cases {
        let answer = locum.post(PATH, &body);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.error().param.as_deref(), Some(param), "{body}");
        assert_eq!(answer.error().kind, "invalid_request_error");
    }
    assert!(locum.world.upstream.requests().is_empty());
}

/// A thought signature that a client brings along is for Gemini; OpenAI refuses ids and members that it does not know.
#[test]
fn a_conversation_can_move_from_gemini_to_openai() {
    let locum = Locum::new();
    let tools = json!([{"type": "function", "function": {
        "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }}]);
    let mut first = chat("gemini-3.8-flash");
    first["messages"][0]["content"] = "call get_weather".into();
    first["tools"] = tools.clone();
    let answer = locum.post(PATH, &first).json();
    let message = &answer["choices"][0]["message"];
    let call = &message["tool_calls"][0];
    assert_eq!(
        answer["choices"][0]["finish_reason"], "tool_calls",
        "{answer}"
    );

    for model in ["gpt-4.1-mini", "gemini-3.8-flash"] {
        let second = json!({"model": model, "tools": tools, "messages": [
            first["messages"][0],
            message,
            {"role": "tool", "tool_call_id": call["id"], "content": "sunny"},
        ]});
        let answer = locum.post(PATH, &second);
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("x-locum-fallback"), "");
    }
    let openai = locum.world.upstream.last(Dialect::OpenAi);
    assert_eq!(openai.complaint, None);
    let gemini = locum.world.upstream.last(Dialect::Gemini);
    assert!(gemini.json().to_string().contains("thoughtSignature"));
}

#[test]
fn a_fallback_stays_invisible_in_a_stream() {
    for (model, dialect) in [
        ("gpt-4.1-mini", Dialect::OpenAi),
        ("gemini-2.5-flash", Dialect::Gemini),
    ] {
        let locum = Locum::new();
        let fault = Fault::Status(503).times(4).of(dialect);
        locum.world.upstream.script([fault]);
        let answer = locum.post(PATH, &streamed_chat(model));
        let (events, done) = answer.events();
        assert!(done);
        assert_eq!(answer.header("x-locum-fallback"), "true");
        let models: Vec<_> = events
            .iter()
            .map(|event| event["model"].as_str().unwrap())
            .collect();
        assert!(
            models
                .iter()
                .all(|it| *it == answer.header("x-locum-model")),
            "{models:?}"
        );
    }
}
