//! What the mock upstream answers, in OpenAI's and in Gemini's protocol, as bytes ready to be written.
//!
//! The answers carry the headers and the layout of the providers', for they cost a proxy its time too.

use crate::traffic::{ANSWER_TEXT, BRIEF_CHUNKS, LONG_CHUNKS, STREAM_CHUNKS, chunk_text};
use crate::wire;

/// The answers of the mock upstream, head and body, ready to be written.
#[derive(Debug)]
pub struct Answers {
    /// `POST /v1/chat/completions`.
    pub openai_plain: Vec<u8>,
    /// The same with `stream`: first the head, then one element per HTTP chunk.
    pub openai_stream: Vec<Vec<u8>>,
    /// The same in very few chunks of text.
    pub openai_brief_stream: Vec<Vec<u8>>,
    /// The same in very many.
    pub openai_long_stream: Vec<Vec<u8>>,
    /// `POST /v1beta/models/{model}:generateContent`.
    pub gemini_plain: Vec<u8>,
    /// `POST /v1beta/models/{model}:streamGenerateContent?alt=sse`.
    pub gemini_stream: Vec<Vec<u8>>,
    /// `GET /v1/models`.
    pub openai_models: Vec<u8>,
    /// `GET /v1beta/models`.
    pub gemini_models: Vec<u8>,
}

impl Answers {
    /// Builds them all.
    pub fn new() -> Self {
        Self {
            openai_plain: plain(OPENAI_HEADERS, &openai_body()),
            openai_stream: stream(OPENAI_HEADERS, &openai_events(STREAM_CHUNKS)),
            openai_brief_stream: stream(OPENAI_HEADERS, &openai_events(BRIEF_CHUNKS)),
            openai_long_stream: stream(OPENAI_HEADERS, &openai_events(LONG_CHUNKS)),
            gemini_plain: plain(GEMINI_HEADERS, &gemini_body()),
            gemini_stream: stream(GEMINI_HEADERS, &gemini_events()),
            openai_models: plain(OPENAI_HEADERS, OPENAI_MODELS),
            gemini_models: plain(GEMINI_HEADERS, GEMINI_MODELS),
        }
    }
}

const OPENAI_HEADERS: &str = "Date: Tue, 26 Aug 2025 08:00:00 GMT\r\n\
     openai-organization: bench\r\n\
     openai-processing-ms: 12\r\n\
     openai-version: 2020-10-01\r\n\
     x-ratelimit-limit-requests: 30000\r\n\
     x-ratelimit-limit-tokens: 150000000\r\n\
     x-ratelimit-remaining-requests: 29999\r\n\
     x-ratelimit-remaining-tokens: 149999967\r\n\
     x-ratelimit-reset-requests: 2ms\r\n\
     x-ratelimit-reset-tokens: 0s\r\n\
     x-request-id: req_5b1e7a3c9f2d4e608a7b6c5d4e3f2a1b\r\n";

const GEMINI_HEADERS: &str = "Date: Tue, 26 Aug 2025 08:00:00 GMT\r\n\
     Vary: Origin\r\n\
     Vary: X-Origin\r\n\
     Vary: Referer\r\n\
     Server: scaffolding on HTTPServer2\r\n\
     X-XSS-Protection: 0\r\n\
     X-Frame-Options: SAMEORIGIN\r\n\
     X-Content-Type-Options: nosniff\r\n\
     Server-Timing: gfet4t7; dur=12\r\n";

const OPENAI_MODELS: &str = r#"{"object":"list","data":[{"id":"gpt-4.1-mini","object":"model","created":1744318173,"owned_by":"system"},{"id":"gpt-4.1-mini-paced","object":"model","created":1744318173,"owned_by":"system"}]}"#;

const GEMINI_MODELS: &str = r#"{"models":[{"name":"models/gemini-flash-latest","version":"latest","displayName":"Gemini Flash Latest","inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent","countTokens"]}]}"#;

fn plain(headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn stream(headers: &str, events: &[String]) -> Vec<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    );
    let mut writes = vec![head.into_bytes()];
    writes.extend(events.iter().map(|event| wire::chunk(event)));
    writes.push(wire::chunk(""));
    writes
}

fn openai_body() -> String {
    format!(
        r#"{{
  "id": "chatcmpl-C8dyaMzXk3vQGm2cBqzp7Jw1rT9uE",
  "object": "chat.completion",
  "created": 1756195200,
  "model": "gpt-4.1-mini-2025-04-14",
  "choices": [
    {{
      "index": 0,
      "message": {{
        "role": "assistant",
        "content": "{ANSWER_TEXT}",
        "refusal": null,
        "annotations": []
      }},
      "logprobs": null,
      "finish_reason": "stop"
    }}
  ],
  "usage": {{
    "prompt_tokens": 33,
    "completion_tokens": 42,
    "total_tokens": 75,
    "prompt_tokens_details": {{
      "cached_tokens": 0,
      "audio_tokens": 0
    }},
    "completion_tokens_details": {{
      "reasoning_tokens": 0,
      "audio_tokens": 0,
      "accepted_prediction_tokens": 0,
      "rejected_prediction_tokens": 0
    }}
  }},
  "service_tier": "default",
  "system_fingerprint": "fp_6f2eabb9a5"
}}
"#
    )
}

/// So many chunks of text, and around them the opening, the finish, the usage and `[DONE]`.
pub fn openai_events(chunks: usize) -> Vec<String> {
    let chunk = |choices: &str, usage: &str| {
        format!(
            r#"data: {{"id":"chatcmpl-C8dyaMzXk3vQGm2cBqzp7Jw1rT9uE","object":"chat.completion.chunk","created":1756195200,"model":"gpt-4.1-mini-2025-04-14","service_tier":"default","system_fingerprint":"fp_6f2eabb9a5","choices":[{choices}],"usage":{usage}}}{}"#,
            "\n\n"
        )
    };
    let delta = |delta: &str, finish_reason: &str| {
        chunk(
            &format!(
                r#"{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish_reason}}}"#
            ),
            "null",
        )
    };
    let mut events = vec![delta(
        r#""role":"assistant","content":"","refusal":null"#,
        "null",
    )];
    events.extend((0..chunks).map(|index| {
        let text = chunk_text(index);
        delta(&format!(r#""content":"{text}""#), "null")
    }));
    events.push(delta("", r#""stop""#));
    events.push(chunk(
        "",
        r#"{"prompt_tokens":33,"completion_tokens":100,"total_tokens":133,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#,
    ));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn gemini_body() -> String {
    format!(
        r#"{{
  "candidates": [
    {{
      "content": {{
        "parts": [
          {{
            "text": "{ANSWER_TEXT}"
          }}
        ],
        "role": "model"
      }},
      "finishReason": "STOP",
      "index": 0
    }}
  ],
  "usageMetadata": {{
    "promptTokenCount": 33,
    "candidatesTokenCount": 42,
    "totalTokenCount": 75,
    "promptTokensDetails": [
      {{
        "modality": "TEXT",
        "tokenCount": 33
      }}
    ]
  }},
  "modelVersion": "gemini-flash-latest",
  "responseId": "QmVuY2hSZXNwb25zZUlk"
}}
"#
    )
}

/// [`STREAM_CHUNKS`] chunks, each with the usage so far, the last with the finish reason.
fn gemini_events() -> Vec<String> {
    (0..STREAM_CHUNKS)
        .map(|index| {
            let text = chunk_text(index);
            let tokens = index + 1;
            let total = tokens + 33;
            let finish = if tokens == STREAM_CHUNKS { r#","finishReason":"STOP""# } else { "" };
            format!(
                r#"data: {{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}}{finish},"index":0}}],"usageMetadata":{{"promptTokenCount":33,"candidatesTokenCount":{tokens},"totalTokenCount":{total},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":33}}]}},"modelVersion":"gemini-flash-latest","responseId":"QmVuY2hSZXNwb25zZUlk"}}{}"#,
                "\r\n\r\n"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gemini_answers_are_json() {
        serde_json::from_str::<serde_json::Value>(&gemini_body()).unwrap();
        for event in gemini_events() {
            let json = event.strip_prefix("data: ").unwrap();
            serde_json::from_str::<serde_json::Value>(json).unwrap();
        }
    }
}
