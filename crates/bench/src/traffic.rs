//! What the client's side sends and expects: requests, keys, models, the text of every answer, and the
//! check that an answer is that text, whole.
//!
//! Requests carry the headers of the official Python SDK, because headers cost a proxy as much as a
//! short body does.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The key that clients present to the proxies.
pub const CLIENT_KEY: &str = "bench-client-key-5f0c2f6a9d7e41b8";
/// The key that the proxies must put in its place.
pub const UPSTREAM_KEY: &str = "bench-upstream-key-a41e8c70d2b94f35";

/// A model that goes to the OpenAI side.
pub const OPENAI_MODEL: &str = "gpt-4.1-mini";
/// The same, but the mock upstream pauses before every chunk of a stream.
pub const OPENAI_PACED_MODEL: &str = "gpt-4.1-mini-paced";
/// The same, and its streams are brief.
pub const OPENAI_BRIEF_MODEL: &str = "gpt-4.1-mini-brief";
/// The same, and its streams are long.
pub const OPENAI_LONG_MODEL: &str = "gpt-4.1-mini-long";
/// A model that goes to the Gemini side.
pub const GEMINI_MODEL: &str = "gemini-flash-latest";

/// How many chunks of text a stream has.
pub const STREAM_CHUNKS: usize = 100;

/// How many a brief one has, and a long one.
pub const BRIEF_CHUNKS: usize = 2;
pub const LONG_CHUNKS: usize = 200;

/// A chat request in OpenAI's protocol.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The model's name.
    pub model: &'static str,
    /// How long the user's message is.
    pub prompt_bytes: usize,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// How the answer may be compressed.
    pub accept_encoding: &'static str,
}

impl Ask {
    /// The same, for an answer that is not compressed.
    pub fn uncompressed(self) -> Self {
        Self {
            accept_encoding: "identity",
            ..self
        }
    }

    /// The whole request as it goes over the wire to `127.0.0.1:port`.
    pub fn to_wire(self, port: u16, key: &str) -> Vec<u8> {
        let body = self.body();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\n\
             Host: 127.0.0.1:{port}\r\n\
             Accept-Encoding: {}\r\n\
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
            self.accept_encoding,
            body.len()
        );
        let mut wire = head.into_bytes();
        wire.extend(body.into_bytes());
        wire
    }

    /// `gpt` or `gemini`: what the name of the model that answers must begin with.
    fn family(self) -> &'static str {
        self.model.split('-').next().unwrap_or_default()
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
pub const ANSWER_TEXT: &str = "Paris is the capital of France. It lies on the Seine, has about two million \
     inhabitants within its limits, and has been the seat of government for most of the country's history.";

/// The text of chunk `index` of every stream.
pub fn chunk_text(index: usize) -> &'static str {
    const WORDS: [&str; 10] = [
        " the", " river", " runs", " through", " the", " city", " and", " under", " old",
        " bridges",
    ];
    WORDS.get(index % WORDS.len()).copied().unwrap_or_default()
}

#[derive(Deserialize)]
struct Completion {
    model: String,
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
        ensure!(
            completion.model.starts_with(ask.family()),
            "{} was asked and {} answered",
            ask.model,
            completion.model
        );
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
    use crate::answers;

    #[test]
    fn prompts_are_valid_json_of_the_wanted_length() {
        for prompt_bytes in 0..200 {
            let ask = Ask {
                model: OPENAI_MODEL,
                prompt_bytes,
                stream: false,
                accept_encoding: "identity",
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
            accept_encoding: "identity",
        };
        let events = answers::openai_events(STREAM_CHUNKS);
        check_answer(ask, events.concat().as_bytes()).unwrap();
        for left_out in 1..events.len() {
            let mut events = events.clone();
            events.remove(left_out);
            assert!(check_answer(ask, events.concat().as_bytes()).is_err());
        }
    }
}
