//! What the rehearsal answers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers outside of #[test] functions fail tests too"
)]

use std::time::Duration;

use locum_domain::{
    chat::{
        ChatAnswer, ChatChoice, ChatEvent, ChatRequest, FinishReason, FunctionTool, Media,
        MediaSource, Message, Part, ResponseFormat, ToolCall, ToolChoice,
    },
    embedding::{EmbeddingInput, EmbeddingRequest},
    failure::{Failure, FailureClass},
};
use locum_providers::{Hop, Performance, Prepared, Provider, ProviderConfig, TABLE};
use serde_json::{Value, json};

fn try_build(script: Option<&str>) -> Result<Box<dyn Provider>, String> {
    let row = TABLE.iter().find(|row| row.name == "rehearsal").unwrap();
    (row.build)(ProviderConfig {
        default_model: row.default_model.to_owned(),
        script: script.map(str::to_owned),
        ..ProviderConfig::default()
    })
}

fn rehearsal() -> Box<dyn Provider> {
    try_build(None).unwrap()
}

fn scripted(script: Value) -> Box<dyn Provider> {
    try_build(Some(&script.to_string())).unwrap()
}

fn perform(provider: &dyn Provider, request: &ChatRequest) -> Result<Performance, Failure> {
    match provider.chat(request, Hop::default())? {
        Prepared::Ready(performance) => Ok(performance),
        Prepared::Http(_) => panic!("the rehearsal wants an upstream"),
    }
}

fn answer(provider: &dyn Provider, request: &ChatRequest) -> ChatAnswer {
    ChatAnswer::from_events(perform(provider, request).unwrap().events)
}

fn choice(provider: &dyn Provider, request: &ChatRequest) -> ChatChoice {
    answer(provider, request).choices.remove(0)
}

fn user(text: &str) -> Message {
    Message::User {
        name: None,
        parts: vec![Part::Text(text.to_owned())],
    }
}

fn says(text: &str) -> ChatRequest {
    ChatRequest {
        model: "rehearsal-1".to_owned(),
        messages: vec![user(text)],
        n: 1,
        ..ChatRequest::default()
    }
}

fn tool(name: &str, parameters: Value) -> FunctionTool {
    FunctionTool {
        name: name.to_owned(),
        description: None,
        parameters: Some(parameters),
        strict: false,
    }
}

fn with_tools(text: &str) -> ChatRequest {
    let city =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    ChatRequest {
        tools: vec![
            tool("get_weather", city),
            tool("get_time", json!({"type": "object", "properties": {}})),
        ],
        ..says(text)
    }
}

fn called(request: &ChatRequest) -> Vec<(String, Value)> {
    let choice = choice(&*rehearsal(), request);
    assert_eq!(
        choice.finish,
        Some(if choice.calls.is_empty() {
            FinishReason::Stop
        } else {
            FinishReason::ToolCalls
        })
    );
    choice
        .calls
        .into_iter()
        .map(|call| (call.name, serde_json::from_str(&call.arguments).unwrap()))
        .collect()
}

fn names(request: &ChatRequest) -> Vec<String> {
    called(request).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn refers_to_what_it_was_sent() {
    let media = |mime_type: &str| {
        Part::Media(Media {
            source: MediaSource::Inline("AAAA".to_owned()),
            mime_type: Some(mime_type.to_owned()),
            filename: None,
            detail: None,
        })
    };
    let request = ChatRequest {
        messages: vec![
            Message::System {
                text: "Be brief.".to_owned(),
            },
            user("Hello"),
            Message::Assistant {
                text: "Hello!".to_owned(),
                calls: Vec::new(),
                signature: None,
            },
            Message::User {
                name: None,
                parts: vec![
                    Part::Text("What is in these, please?".to_owned()),
                    media("image/png"),
                    media("image/jpeg"),
                    media("application/pdf"),
                ],
            },
        ],
        ..says("")
    };
    assert_eq!(
        choice(&*rehearsal(), &request).text,
        "I am the rehearsal, an offline stand-in for a model: nobody has thought about this answer. You sent 3 messages and 1 \
         system instruction; your last words begin “What is in these, please?”; with them came 2 images and 1 file."
    );
}

#[test]
fn the_same_request_gives_the_same_answer() {
    let request = with_tools("get_weather and get_time, please");
    let first = perform(&*rehearsal(), &request).unwrap();
    assert_eq!(perform(&*rehearsal(), &request).unwrap(), first);
    let seeded = ChatRequest {
        seed: Some(7),
        ..request
    };
    assert_eq!(perform(&*rehearsal(), &seeded).unwrap(), first);
}

#[test]
fn calls_the_functions_that_the_text_names() {
    assert_eq!(
        called(&with_tools("Use get_weather, the city is Oslo.")),
        [("get_weather".to_owned(), json!({"city": "Oslo"}))]
    );
    assert_eq!(
        names(&with_tools("GET_TIME first, then get_weather")),
        ["get_time", "get_weather"]
    );
    assert_eq!(names(&with_tools("What time is it?")), [""; 0]);
}

#[test]
fn tool_choice_decides() {
    let with = |text: &str, tool_choice: ToolChoice| ChatRequest {
        tool_choice,
        ..with_tools(text)
    };
    let only_time = |required| ToolChoice::Allowed {
        names: vec!["get_time".to_owned()],
        required,
    };
    assert_eq!(names(&with("get_time", ToolChoice::None)), [""; 0]);
    assert_eq!(names(&with("hi", ToolChoice::Required)), ["get_weather"]);
    assert_eq!(names(&with("get_time", ToolChoice::Required)), ["get_time"]);
    let forced = ToolChoice::Function("get_time".to_owned());
    assert_eq!(names(&with("get_weather", forced)), ["get_time"]);
    assert_eq!(names(&with("get_weather", only_time(false))), [""; 0]);
    assert_eq!(names(&with("get_weather", only_time(true))), ["get_time"]);
    let one_at_a_time = ChatRequest {
        parallel_tool_calls: Some(false),
        ..with_tools("get_time and get_weather")
    };
    assert_eq!(names(&one_at_a_time), ["get_time"]);
}

#[test]
fn ids_of_calls_are_unique_in_a_conversation() {
    let mut request = with_tools("get_weather and get_time");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let calls = choice(&*rehearsal(), &request).calls;
        seen.extend(calls.iter().map(|call| call.id.clone()));
        request.messages.push(Message::Assistant {
            text: String::new(),
            calls,
            signature: None,
        });
        request.messages.push(user("get_weather and get_time"));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    assert!(
        seen.iter()
            .all(|id| id.starts_with("call_") && id.len() >= 29)
    );
}

#[test]
fn reports_results_and_comes_to_an_end() {
    let mut request = ChatRequest {
        tool_choice: ToolChoice::Required,
        ..with_tools("get_weather and get_time")
    };
    let calls = choice(&*rehearsal(), &request).calls;
    let results = calls.iter().zip(["22 °C", "noon"]);
    let results: Vec<Message> = results
        .map(|(call, result)| Message::Tool {
            call_id: call.id.clone(),
            parts: vec![Part::Text(result.to_owned())],
        })
        .collect();
    request.messages.push(Message::Assistant {
        text: String::new(),
        calls,
        signature: None,
    });
    request.messages.extend(results);
    let choice = choice(&*rehearsal(), &request);
    assert_eq!(choice.finish, Some(FinishReason::Stop));
    assert!(
        choice.text.ends_with(
            "The function get_weather returned “22 °C”. The function get_time returned “noon”."
        ),
        "{}",
        choice.text
    );
}

#[test]
fn honours_the_response_format() {
    let with = |response_format| {
        let request = ChatRequest {
            response_format,
            ..says("The name is Ada.")
        };
        let text = choice(&*rehearsal(), &request).text;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(with(ResponseFormat::JsonObject)["speaker"], "rehearsal");
    let schema = |schema| ResponseFormat::JsonSchema {
        name: "person".to_owned(),
        description: None,
        schema,
        strict: Some(true),
    };
    assert!(with(schema(None)).is_object());
    assert_eq!(
        with(schema(Some(json!({
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
            "required": ["name", "age"],
            "additionalProperties": false
        })))),
        json!({"name": "Ada", "age": 18})
    );
}

#[test]
fn a_schema_that_nothing_fits_is_unsupported() {
    let request = ChatRequest {
        response_format: ResponseFormat::JsonSchema {
            name: "x".to_owned(),
            description: None,
            schema: Some(
                json!({"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]}),
            ),
            strict: None,
        },
        ..says("x")
    };
    let failure = perform(&*rehearsal(), &request).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unsupported);
}

#[test]
fn limits_are_kept_and_counted() {
    let whole = answer(&*rehearsal(), &says("Hello there"));
    let usage = whole.usage.unwrap();
    assert_eq!(usage.prompt, 3);
    let short = answer(
        &*rehearsal(),
        &ChatRequest {
            max_tokens: Some(4),
            ..says("Hello there")
        },
    );
    assert_eq!(short.choices[0].text, "I am the rehearsal,");
    assert_eq!(short.choices[0].finish, Some(FinishReason::Length));
    assert_eq!(short.usage.unwrap().completion, 4);
    let exact = ChatRequest {
        max_tokens: Some(usage.completion as u32),
        ..says("Hello there")
    };
    assert_eq!(answer(&*rehearsal(), &exact), whole);

    let stopped = ChatRequest {
        stop: vec!["model".to_owned(), "offline".to_owned()],
        ..says("Hello there")
    };
    let stopped = choice(&*rehearsal(), &stopped);
    assert_eq!(stopped.text, "I am the rehearsal, an ");
    assert_eq!(stopped.finish, Some(FinishReason::Stop));
}

#[test]
fn a_call_beyond_the_limit_is_cut() {
    let request = ChatRequest {
        max_tokens: Some(2),
        ..with_tools("get_weather in city: Kristiansand")
    };
    let choice = choice(&*rehearsal(), &request);
    assert_eq!(choice.finish, Some(FinishReason::Length));
    assert_eq!(choice.calls.len(), 1);
    assert!(serde_json::from_str::<Value>(&choice.calls[0].arguments).is_err());
}

#[test]
fn answers_are_as_many_as_asked_for_and_differ() {
    let request = ChatRequest {
        n: 3,
        ..says("Hello")
    };
    let answer = answer(&*rehearsal(), &request);
    assert_eq!(rehearsal().fan_out(&request), 1);
    assert_eq!(answer.choices.len(), 3);
    assert!(answer.choices[1].text.ends_with("This is answer 2 of 3."));
    assert_ne!(answer.choices[0].text, answer.choices[1].text);
}

#[test]
fn events_come_word_by_word() {
    let performance = perform(&*rehearsal(), &says("Hello")).unwrap();
    assert_eq!(performance.pace, Duration::from_millis(25));
    assert!(
        matches!(&performance.events[0], ChatEvent::Head { model: Some(model), .. } if model == "rehearsal-1")
    );
    assert!(matches!(&performance.events[1], ChatEvent::Text { text, .. } if text == "I"));
    assert!(matches!(&performance.events[2], ChatEvent::Text { text, .. } if text == " am"));
    let [.., ChatEvent::Finish { .. }, ChatEvent::Usage(_)] = &performance.events[..] else {
        panic!("{:?}", performance.events);
    };
}

#[test]
fn what_it_cannot_do_it_says() {
    let class = |request: &ChatRequest| perform(&*rehearsal(), request).unwrap_err().class;
    let logprobs = ChatRequest {
        top_logprobs: Some(0),
        ..says("x")
    };
    assert_eq!(class(&logprobs), FailureClass::Unsupported);
    for model in ["rehearsal-2", "rehearsal-embedding-1", "gpt-4.1"] {
        let other = ChatRequest {
            model: model.to_owned(),
            ..says("x")
        };
        assert_eq!(class(&other), FailureClass::ModelNotFound);
    }
}

#[test]
fn lists_and_claims_its_models() {
    let provider = rehearsal();
    let Prepared::Ready(page) = provider.models(None) else {
        panic!("the rehearsal wants an upstream");
    };
    let ids: Vec<&str> = page.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["rehearsal-1", "rehearsal-embedding-1"]);
    assert_eq!(page.next, None);
    assert!(provider.claims("rehearsal-1") && !provider.claims("gpt-4.1"));
    assert_eq!(provider.default_model(), "rehearsal-1");
    assert_eq!(
        provider.default_embedding_model(),
        Some("rehearsal-embedding-1")
    );
    assert!(provider.native().is_none());
}

#[test]
fn embeds() {
    let request = EmbeddingRequest {
        model: "rehearsal-embedding-1".to_owned(),
        inputs: vec![
            EmbeddingInput::Text("two words".to_owned()),
            EmbeddingInput::Tokens(vec![1, 2, 3]),
        ],
        dimensions: None,
    };
    let Prepared::Ready(answer) = rehearsal().embeddings(&request).unwrap() else {
        panic!("the rehearsal wants an upstream");
    };
    assert_eq!(answer.prompt_tokens, 5);
    assert!(answer.vectors.iter().all(|vector| vector.len() == 1536));
    assert_eq!(answer.model.as_deref(), Some("rehearsal-embedding-1"));
    let chat = EmbeddingRequest {
        model: "rehearsal-1".to_owned(),
        ..request
    };
    assert_eq!(
        rehearsal().embeddings(&chat).unwrap_err().class,
        FailureClass::ModelNotFound
    );
}

#[test]
fn plays_a_script() {
    let provider = scripted(json!([
        {"expect": "weather", "answer": {"tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]}},
        {"expect": "22 degrees", "answer": "It is warm.", "pace_ms": 0},
        {"expect": "raw", "answer": {"text": "Look:", "tool_calls": [{"name": "f", "arguments": "{bro"}, {"name": "g"}]}},
        {"expect": "forbidden", "answer": {"refusal": "No.", "finish_reason": "content_filter"}},
    ]));
    let mut request = says("the weather, please");
    let first = choice(&*provider, &request);
    assert_eq!(first.calls[0].arguments, r#"{"city":"Oslo"}"#);
    assert_eq!(first.finish, Some(FinishReason::ToolCalls));
    request.messages.push(Message::Assistant {
        text: String::new(),
        calls: first.calls.clone(),
        signature: None,
    });
    request.messages.push(Message::Tool {
        call_id: first.calls[0].id.clone(),
        parts: vec![Part::Text("22 degrees".to_owned())],
    });
    let second = perform(&*provider, &request).unwrap();
    assert_eq!(second.pace, Duration::ZERO);
    assert_eq!(
        ChatAnswer::from_events(second.events).choices[0].text,
        "It is warm."
    );

    let raw = choice(&*provider, &says("raw"));
    let calls: Vec<(&str, &str)> = raw
        .calls
        .iter()
        .map(
            |ToolCall {
                 name, arguments, ..
             }| (name.as_str(), arguments.as_str()),
        )
        .collect();
    assert_eq!(calls, [("f", "{bro"), ("g", "{}")]);
    assert_eq!(raw.text, "Look:");

    let forbidden = choice(&*provider, &says("forbidden"));
    assert_eq!(
        (forbidden.refusal.as_str(), forbidden.finish),
        ("No.", Some(FinishReason::ContentFilter))
    );
    assert!(
        choice(&*provider, &says("else"))
            .text
            .starts_with("I am the rehearsal")
    );
}

#[test]
fn a_script_fails_as_an_upstream_would() {
    let provider = scripted(json!([
        {"answer": {"error": {"status": 429, "message": "slow down", "retry_after_ms": 1500}}, "times": 2},
        {"expect": "long", "answer": {"error": {"status": 400, "message": "too long", "code": "context_length_exceeded", "param": "messages"}}},
        {"answer": "at last"},
    ]));
    for _ in 0..2 {
        let failure = perform(&*provider, &says("x")).unwrap_err();
        assert_eq!(failure.class, FailureClass::RateLimited);
        assert_eq!(failure.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(failure.status, Some(429));
    }
    assert_eq!(choice(&*provider, &says("x")).text, "at last");
    let failure = perform(&*provider, &says("a long one")).unwrap_err();
    assert_eq!(failure.class, FailureClass::ContextLength);
    assert_eq!(failure.error.unwrap().param.as_deref(), Some("messages"));
}

#[test]
fn a_wrong_script_is_named() {
    for (script, says) in [
        ("{}", "the script is no JSON array of entries"),
        ("[", "the script is no JSON array of entries"),
        (r#"["x"]"#, "entry 1 of the script: it must be an object"),
        (
            r#"[{"answer":"x"},{"expect":"y"}]"#,
            "entry 2 of the script: missing field `answer`",
        ),
        (
            r#"[{"anser":"x"}]"#,
            "entry 1 of the script: unknown field `anser`",
        ),
        (
            r#"[{"answer":7}]"#,
            "entry 1 of the script: `answer` must be a text or an object",
        ),
        (
            r#"[{"answer":{}}]"#,
            "entry 1 of the script: `answer`: one of `text`",
        ),
        (
            r#"[{"answer":{"error":{"status":200,"message":""}}}]"#,
            "entry 1 of the script: `answer`: `status` is 200",
        ),
        (
            r#"[{"answer":{"error":{"status":500,"message":""},"text":""}}]"#,
            "entry 1 of the script: `answer`: an `error` stands alone",
        ),
        (
            r#"[{"answer":{"tool_calls":[{"name":"f","arguments":[]}]}}]"#,
            "entry 1 of the script: `answer`: the `arguments` of f",
        ),
        (
            r#"[{"answer":{"text":"","finish_reason":"x"}}]"#,
            "entry 1 of the script: `answer`: `finish_reason` is `x`",
        ),
        (
            r#"[{"answer":"x","times":0}]"#,
            "entry 1 of the script: `times` must be at least 1",
        ),
    ] {
        let error = try_build(Some(script)).err().unwrap();
        assert!(error.starts_with(says), "{script}: {error}");
    }
}

#[test]
fn a_wrong_default_model_is_said() {
    let row = TABLE.iter().find(|row| row.name == "rehearsal").unwrap();
    let error = (row.build)(ProviderConfig {
        default_model: "gpt-4.1".to_owned(),
        ..ProviderConfig::default()
    })
    .err()
    .unwrap();
    assert_eq!(
        error,
        "the rehearsal has no model `gpt-4.1`, only `rehearsal-1`"
    );
}
