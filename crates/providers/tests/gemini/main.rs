//! The translation to Gemini and back, rule by rule: `docs/gemini-translation.md` names the test of each.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail the test"
)]

mod answers;
mod bytes;
mod conversation;
mod documented;
mod embeddings;
mod endings;
mod errors;
mod models;
mod parameters;
mod requests;
mod signatures;
mod tools;
mod usage;

use bytes::every_cut;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use locum_domain::{
    chat::{
        ChatAnswer, ChatEvent, ChatRequest, FunctionTool, Media, MediaSource, Message, Part,
        ToolCall,
    },
    failure::Failure,
    id::Ids,
};
use locum_providers::{Hop, Prepared, Provider, ProviderConfig, TABLE};
use serde_json::{Value, json};

const KEY: &str = "AIza-the-operators-key";
/// One of each generation.
const ANCIENT: &str = "gemini-2.0-flash";
const OLD: &str = "gemini-2.5-flash";
const MIDDLE: &str = "gemini-3.1-pro-preview";
const NEW: &str = "gemini-4-hydrogen";
const ALIAS: &str = "gemini-flash-latest";
const GEMMA: &str = "gemma-3-27b-it";

fn gemini() -> Box<dyn Provider> {
    gemini_at("https://upstream.example")
}

fn gemini_at(base_url: &str) -> Box<dyn Provider> {
    build(KEY, base_url).unwrap()
}

fn build(api_key: &str, base_url: &str) -> Result<Box<dyn Provider>, String> {
    let row = TABLE.iter().find(|row| row.name == "gemini").unwrap();
    (row.build)(ProviderConfig {
        api_key: api_key.to_owned(),
        base_url: base_url.to_owned(),
        default_model: row.default_model.to_owned(),
        script: None,
    })
}

fn asks(model: &str, messages: impl Into<Vec<Message>>) -> ChatRequest {
    ChatRequest {
        model: model.to_owned(),
        messages: messages.into(),
        n: 1,
        ..ChatRequest::default()
    }
}

/// The shortest request.
fn hello(model: &str) -> ChatRequest {
    asks(model, [user("Hello")])
}

fn system(text: &str) -> Message {
    Message::System {
        text: text.to_owned(),
    }
}

fn user(text: &str) -> Message {
    user_parts([Part::Text(text.to_owned())])
}

fn user_parts(parts: impl Into<Vec<Part>>) -> Message {
    Message::User {
        name: None,
        parts: parts.into(),
    }
}

fn assistant(text: &str) -> Message {
    Message::Assistant {
        text: text.to_owned(),
        calls: Vec::new(),
        signature: None,
    }
}

fn calls(calls: impl Into<Vec<ToolCall>>) -> Message {
    Message::Assistant {
        text: String::new(),
        calls: calls.into(),
        signature: None,
    }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
    }
}

fn result(call_id: &str, text: &str) -> Message {
    Message::Tool {
        call_id: call_id.to_owned(),
        parts: vec![Part::Text(text.to_owned())],
    }
}

fn media(source: MediaSource, mime_type: Option<&str>, filename: Option<&str>) -> Media {
    Media {
        source,
        mime_type: mime_type.map(str::to_owned),
        filename: filename.map(str::to_owned),
        detail: None,
    }
}

fn png() -> Media {
    media(
        MediaSource::Inline("iVBORw0KGgo=".to_owned()),
        Some("image/png"),
        None,
    )
}

fn weather() -> FunctionTool {
    FunctionTool {
        name: "get_weather".to_owned(),
        description: Some("Tells the weather.".to_owned()),
        parameters: Some(json!({
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        })),
        strict: false,
    }
}

/// A function without arguments.
fn function(name: &str) -> FunctionTool {
    FunctionTool {
        name: name.to_owned(),
        description: None,
        parameters: None,
        strict: false,
    }
}

fn http(request: &ChatRequest) -> Request<::bytes::Bytes> {
    match gemini().chat(request, Hop::default()) {
        Ok(Prepared::Http(request)) => request,
        Ok(Prepared::Ready(_)) => panic!("an answer without an upstream"),
        Err(failure) => panic!("refused: {failure}"),
    }
}

/// The body that goes out.
fn sent(request: &ChatRequest) -> Value {
    serde_json::from_slice(http(request).body()).unwrap()
}

#[track_caller]
fn refused(request: &ChatRequest) -> Failure {
    match gemini().chat(request, Hop::default()) {
        Err(failure) => failure,
        Ok(_) => panic!("not refused"),
    }
}

fn ids() -> Ids {
    Ids::new(1_764_000_000_000, 7)
}

/// What one decoder makes of `pieces`, and how it ended.
fn events_of(request: &ChatRequest, pieces: &[&[u8]]) -> (Vec<ChatEvent>, Result<(), Failure>) {
    let mut decoder = gemini().chat_decoder(request, ids());
    let mut events = Vec::new();
    let fed = pieces
        .iter()
        .try_for_each(|piece| decoder.feed(piece, &mut events))
        .and_then(|()| decoder.finish(&mut events));
    (events, fed)
}

/// The events of a whole answer.
#[track_caller]
fn events(request: &ChatRequest, body: &Value) -> Vec<ChatEvent> {
    let (events, ended) = events_of(request, &[body.to_string().as_bytes()]);
    assert_eq!(ended, Ok(()));
    events
}

/// A whole answer, folded.
#[track_caller]
fn answer(request: &ChatRequest, body: &Value) -> ChatAnswer {
    ChatAnswer::from_events(events(request, body))
}

/// The failure that a whole answer is.
#[track_caller]
fn broken(request: &ChatRequest, body: &Value) -> Failure {
    events_of(request, &[body.to_string().as_bytes()])
        .1
        .unwrap_err()
}

fn sse(chunks: &[Value]) -> Vec<u8> {
    chunks
        .iter()
        .flat_map(|chunk| format!("data: {chunk}\r\n\r\n").into_bytes())
        .collect()
}

fn streaming(mut request: ChatRequest) -> ChatRequest {
    request.stream = true;
    request
}

/// A streamed answer, folded; cut at every byte it is the same.
#[track_caller]
fn streamed(request: &ChatRequest, chunks: &[Value]) -> ChatAnswer {
    let (events, ended) = every_cut(request, &sse(chunks));
    assert_eq!(ended, Ok(()));
    ChatAnswer::from_events(events)
}

fn candidate(parts: Value, finish_reason: &str) -> Value {
    json!({
        "candidates": [{
            "content": {"role": "model", "parts": parts},
            "finishReason": finish_reason,
            "index": 0,
        }],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6},
        "modelVersion": "gemini-4-hydrogen-001",
        "responseId": "resp-1",
    })
}

fn failure(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Failure {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    gemini().failure(StatusCode::from_u16(status).unwrap(), &headers, body)
}
