//! Chat requests in OpenAI's format.

use locum_domain::{
    chat::{
        ChatRequest, Detail, FunctionTool, Media, MediaSource, Message, Part, ReasoningEffort,
        ResponseFormat, ServiceTier, ToolCall, ToolChoice,
    },
    failure::FailureClass,
};
use locum_providers::Hop;
use serde_json::{Value, json};

use super::{KEY, openai, says, upstream};

fn body(request: &ChatRequest) -> Value {
    let request = upstream(openai().chat(request, Hop::default()).unwrap());
    serde_json::from_slice(request.body()).unwrap()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn user(parts: Vec<Part>) -> Message {
    Message::User { name: None, parts }
}

fn media(source: MediaSource, mime_type: Option<&str>) -> Media {
    Media {
        source,
        mime_type: mime_type.map(str::to_owned),
        filename: None,
        detail: None,
    }
}

fn inline(mime_type: &str) -> Media {
    media(MediaSource::Inline("QUJD".to_owned()), Some(mime_type))
}

fn part(media: Media) -> Result<Value, FailureClass> {
    let request = ChatRequest {
        messages: vec![user(vec![text("Look:"), Part::Media(media)])],
        ..says("")
    };
    openai()
        .chat(&request, Hop::default())
        .map_err(|failure| failure.class)?;
    Ok(body(&request)["messages"][0]["content"][1].clone())
}

#[test]
fn a_short_chat() {
    assert_eq!(
        body(&says("Hello")),
        json!({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]})
    );
    let request = upstream(openai().chat(&says("Hello"), Hop::default()).unwrap());
    assert_eq!(request.uri(), "http://127.0.0.1:9/v1/chat/completions");
    assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
}

#[test]
fn everything_that_can_be_asked() {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments: arguments.to_owned(),
        signature: Some("c2ln".to_owned()),
    };
    let assistant = |text: &str, calls: Vec<ToolCall>| Message::Assistant {
        text: text.to_owned(),
        calls,
        signature: Some("c2ln".to_owned()),
    };
    let request = ChatRequest {
        model: "gpt-4.1-mini".to_owned(),
        messages: vec![
            Message::System {
                text: "Be brief.".to_owned(),
            },
            Message::User {
                name: Some("ada".to_owned()),
                parts: vec![text("Weather?")],
            },
            assistant(
                "",
                vec![
                    call("call_1__thought__QUJD", "{\"city\":\"Oslo\"}"),
                    call("call_2", "{bro"),
                ],
            ),
            Message::Tool {
                call_id: "call_1__thought__QUJD".to_owned(),
                parts: vec![text("22")],
            },
            Message::Tool {
                call_id: "call_2".to_owned(),
                parts: vec![text("a"), text("b")],
            },
            assistant("Warm.", Vec::new()),
            assistant("", Vec::new()),
            assistant("Again:", vec![call("call_3", "{}")]),
            Message::Tool {
                call_id: "call_3".to_owned(),
                parts: Vec::new(),
            },
        ],
        tools: vec![
            FunctionTool {
                name: "get_weather".to_owned(),
                description: Some("The weather.".to_owned()),
                parameters: Some(
                    json!({"type": "object", "properties": {"city": {"type": "string"}}}),
                ),
                strict: true,
            },
            FunctionTool {
                name: "ping".to_owned(),
                description: None,
                parameters: None,
                strict: false,
            },
        ],
        tool_choice: ToolChoice::Allowed {
            names: vec!["ping".to_owned()],
            required: true,
        },
        parallel_tool_calls: Some(false),
        response_format: ResponseFormat::JsonSchema {
            name: "answer".to_owned(),
            description: Some("An answer.".to_owned()),
            schema: Some(json!({"type": "object"})),
            strict: Some(true),
        },
        reasoning_effort: Some(ReasoningEffort::Low),
        temperature: Some(0.5),
        top_p: Some(1.0),
        presence_penalty: Some(-1.0),
        frequency_penalty: Some(2.0),
        max_tokens: Some(100),
        stop: vec!["END".to_owned()],
        seed: Some(-7),
        n: 2,
        top_logprobs: Some(3),
        service_tier: Some(ServiceTier::Flex),
        stream: true,
        include_usage: false,
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(&body(&request)).unwrap());
}

#[test]
fn tool_choices() {
    let choice = |tool_choice: ToolChoice| {
        let request = ChatRequest {
            tools: vec![FunctionTool {
                name: "f".to_owned(),
                description: None,
                parameters: None,
                strict: false,
            }],
            tool_choice,
            ..says("x")
        };
        body(&request).get("tool_choice").cloned()
    };
    assert_eq!(choice(ToolChoice::Auto), None);
    assert_eq!(choice(ToolChoice::None), Some(json!("none")));
    assert_eq!(choice(ToolChoice::Required), Some(json!("required")));
    assert_eq!(
        choice(ToolChoice::Function("f".to_owned())),
        Some(json!({"type": "function", "function": {"name": "f"}}))
    );
    // OpenAI refuses these where there are no tools.
    let without_tools = body(&ChatRequest {
        tool_choice: ToolChoice::None,
        parallel_tool_calls: Some(true),
        ..says("x")
    });
    assert_eq!(without_tools, body(&says("x")));
}

#[test]
fn newer_models_have_another_limit() {
    let limit = |model: &str| {
        let request = ChatRequest {
            model: model.to_owned(),
            max_tokens: Some(9),
            ..says("x")
        };
        let body = body(&request);
        (
            body.get("max_tokens").is_some(),
            body.get("max_completion_tokens").is_some(),
        )
    };
    for model in [
        "o1",
        "o3-mini",
        "o4-mini-2025-04-16",
        "gpt-5",
        "gpt-5.2-mini",
        "openai/gpt-5-nano",
        "ft:gpt-5:x",
        "gpt-10",
    ] {
        assert_eq!(limit(model), (false, true), "{model}");
    }
    for model in [
        "gpt-4.1-mini",
        "gpt-4o",
        "gpt-oss-120b",
        "olmo-2",
        "llama3.2",
        "chatgpt-4o-latest",
        "o",
    ] {
        assert_eq!(limit(model), (true, false), "{model}");
    }
}

#[test]
fn media_find_their_places() {
    let detailed = Media {
        detail: Some(Detail::High),
        ..inline("image/png")
    };
    assert_eq!(
        part(detailed),
        Ok(
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "high"}})
        )
    );
    let by_address = |mime_type| {
        media(
            MediaSource::Url("https://example.com/x".to_owned()),
            mime_type,
        )
    };
    assert_eq!(
        part(by_address(None)),
        Ok(json!({"type": "image_url", "image_url": {"url": "https://example.com/x"}}))
    );
    assert_eq!(
        part(by_address(Some("application/pdf"))),
        Err(FailureClass::Unsupported)
    );
    assert_eq!(
        part(inline("audio/mpeg")),
        Ok(json!({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}))
    );
    assert_eq!(
        part(inline("audio/x-wav")).unwrap()["input_audio"]["format"],
        "wav"
    );
    assert_eq!(part(inline("audio/ogg")), Err(FailureClass::Unsupported));
    assert_eq!(part(inline("video/mp4")), Err(FailureClass::Unsupported));
    let named = Media {
        filename: Some("a.pdf".to_owned()),
        ..inline("application/pdf")
    };
    assert_eq!(
        part(named),
        Ok(
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}})
        )
    );
    assert_eq!(
        part(media(MediaSource::File("file-1".to_owned()), None)),
        Ok(json!({"type": "file", "file": {"file_id": "file-1"}}))
    );
}

#[test]
fn media_in_results_are_unsupported() {
    let request = ChatRequest {
        messages: vec![Message::Tool {
            call_id: "call_1".to_owned(),
            parts: vec![Part::Media(inline("image/png"))],
        }],
        ..says("")
    };
    let failure = openai().chat(&request, Hop::default()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unsupported);
}
