//! What goes over the wire: the requests that the load generator sends, the answers that the mock
//! upstream gives, and the check that an answer is the expected one, whole.
//!
//! Requests carry the headers of the official Python SDK, answers those of the providers, because
//! headers cost a proxy as much as a short body does.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::wire;

/// The key that clients present to the proxies.
pub const CLIENT_KEY: &str = "bench-client-key-5f0c2f6a9d7e41b8";
/// The key that the proxies must put in its place.
pub const UPSTREAM_KEY: &str = "bench-upstream-key-a41e8c70d2b94f35";

/// A model that goes to the OpenAI side.
pub const OPENAI_MODEL: &str = "gpt-4.1-mini";
/// The same, but the mock upstream pauses before every chunk of a stream.
pub const OPENAI_PACED_MODEL: &str = "gpt-4.1-mini-paced";
/// A model that goes to the Gemini side.
pub const GEMINI_MODEL: &str = "gemini-flash-latest";

/// How many chunks of text a stream has.
pub const STREAM_CHUNKS: usize = 100;

/// A chat request in OpenAI's protocol.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The model's name.
    pub model: &'static str,
    /// How long the user's message is.
    pub prompt_bytes: usize,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
}

impl Ask {
    /// The whole request as it goes over the wire to `127.0.0.1:port`.
    pub fn to_wire(self, port: u16, key: &str) -> Vec<u8> {
        let body = self.body();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\n\
             Host: 127.0.0.1:{port}\r\n\
             Accept-Encoding: gzip, deflate\r\n\
             Connection: keep-alive\r\n\
             Accept: application/json\r\n\
             Content-Type: application/json\r\n\
             User-Agent: OpenAI/Python 1.99.9\r\n\
             X-Stainless-Lang: python\r\n\
             X-Stainless-Package-Version: 1.99.9\r\n\
             X-Stainless-OS: Linux\r\n\
             X-Stainless-Arch: x64\r\n\
             X-Stainless-Runtime: CPython\r\n\
             X-Stainless-Runtime-Version: 3.12.3\r\n\
             Authorization: Bearer {key}\r\n\
             X-Stainless-Async: false\r\n\
             x-stainless-retry-count: 0\r\n\
             x-stainless-read-timeout: 600\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut wire = head.into_bytes();
        wire.extend(body.into_bytes());
        wire
    }

    fn body(self) -> String {
        let stream = if self.stream {
            r#","stream":true,"stream_options":{"include_usage":true}"#
        } else {
            ""
        };
        format!(
            r#"{{"messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"{}"}}],"model":"{}","max_tokens":256,"temperature":0.7{stream}}}"#,
            prompt(self.prompt_bytes),
            self.model,
        )
    }
}

/// A text of `length` bytes as it stands in a JSON string, with an escape every so often.
fn prompt(length: usize) -> String {
    const SENTENCE: &str =
        r#"The \"quick\" report says: revenue rose by 4 %, costs fell, and nobody was late.\n"#;
    let mut text = SENTENCE.repeat(length / SENTENCE.len() + 1);
    // A cut inside an escape would leave a lone backslash.
    text.truncate(length);
    if text.ends_with('\\') {
        text.replace_range(length - 1.., ".");
    }
    text
}

/// The text of every plain answer.
const ANSWER_TEXT: &str = "Paris is the capital of France. It lies on the Seine, has about two million \
     inhabitants within its limits, and has been the seat of government for most of the country's history.";

/// The text of chunk `index` of every stream.
fn chunk_text(index: usize) -> &'static str {
    const WORDS: [&str; 10] = [
        " the", " river", " runs", " through", " the", " city", " and", " under", " old",
        " bridges",
    ];
    WORDS.get(index % WORDS.len()).copied().unwrap_or_default()
}

/// The answers of the mock upstream, head and body, ready to be written.
#[derive(Debug)]
pub struct Answers {
    /// `POST /v1/chat/completions`.
    pub openai_plain: Vec<u8>,
    /// The same with `stream`: first the head, then one element per HTTP chunk.
    pub openai_stream: Vec<Vec<u8>>,
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
            openai_stream: stream(OPENAI_HEADERS, &openai_events()),
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

/// [`STREAM_CHUNKS`] chunks of text, and around them the opening, the finish, the usage and `[DONE]`.
fn openai_events() -> Vec<String> {
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
    events.extend((0..STREAM_CHUNKS).map(|index| {
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

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "delta")]
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    total_tokens: u64,
}

/// Checks the body of an answer to `ask` in every respect that a client would notice.
pub fn check_answer(ask: Ask, body: &[u8]) -> Result<()> {
    let body = std::str::from_utf8(body).context("the answer is not UTF-8")?;
    let mut text = String::new();
    let mut finish_reason = None;
    let mut total_tokens = None;
    let mut absorb = |json: &str| -> Result<()> {
        let completion: Completion =
            serde_json::from_str(json).with_context(|| format!("not a completion: {json}"))?;
        for choice in completion.choices {
            text.push_str(&choice.message.content.unwrap_or_default());
            finish_reason = choice.finish_reason.or(finish_reason.take());
        }
        total_tokens = completion
            .usage
            .map(|usage| usage.total_tokens)
            .or(total_tokens);
        Ok(())
    };
    let (expected_text, expected_tokens) = if ask.stream {
        let events = body
            .trim_end()
            .strip_suffix("data: [DONE]")
            .context("the stream does not end with [DONE]")?;
        for line in events.lines() {
            if let Some(json) = line.strip_prefix("data: ") {
                absorb(json)?;
            }
        }
        ((0..STREAM_CHUNKS).map(chunk_text).collect(), 133)
    } else {
        absorb(body)?;
        (ANSWER_TEXT.to_owned(), 75)
    };
    ensure!(
        text == expected_text,
        "the answer's text is wrong: {text:?}"
    );
    ensure!(
        finish_reason.as_deref() == Some("stop"),
        "finish_reason is {finish_reason:?}"
    );
    ensure!(
        total_tokens == Some(expected_tokens),
        "usage.total_tokens is {total_tokens:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_valid_json_of_the_wanted_length() {
        for prompt_bytes in 0..200 {
            let ask = Ask {
                model: OPENAI_MODEL,
                prompt_bytes,
                stream: false,
            };
            assert_eq!(prompt(prompt_bytes).len(), prompt_bytes);
            serde_json::from_str::<serde_json::Value>(&ask.body()).unwrap();
        }
    }

    #[test]
    fn a_stream_that_lacks_anything_is_not_accepted() {
        let ask = Ask {
            model: OPENAI_MODEL,
            prompt_bytes: 80,
            stream: true,
        };
        let events = openai_events();
        check_answer(ask, events.concat().as_bytes()).unwrap();
        for left_out in 1..events.len() {
            let mut events = events.clone();
            events.remove(left_out);
            assert!(check_answer(ask, events.concat().as_bytes()).is_err());
        }
    }

    #[test]
    fn gemini_answers_are_json() {
        serde_json::from_str::<serde_json::Value>(&gemini_body()).unwrap();
        for event in gemini_events() {
            let json = event.strip_prefix("data: ").unwrap();
            serde_json::from_str::<serde_json::Value>(json).unwrap();
        }
    }
}
