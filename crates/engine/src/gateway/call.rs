//! What is asked of the gateway, and what it answers.

use std::{ops::Range, pin::Pin};

use bytes::{Bytes, BytesMut};
use futures_util::stream::Stream;
use locum_domain::{
    chat::{ChatAnswer, ChatEvent, ChatRequest},
    embedding::{EmbeddingAnswer, EmbeddingRequest},
    error::ApiError,
};

/// A chat to be had.
pub struct ChatCall {
    /// The model as the client named it.
    pub model: String,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// What is asked.
    pub source: ChatSource,
}

/// A chat request, as its client sent it or as an object.
pub enum ChatSource {
    /// A body in OpenAI's format: goes through as it came to a provider that speaks it, and is parsed for others.
    Raw(RawBody<ChatRequest>),
    /// Made by ourselves. Its `stream` is set as the call's.
    Made(Box<ChatRequest>),
}

/// A body in OpenAI's format of which the model's place is known, and how to read the rest.
pub struct RawBody<T> {
    /// The body: a JSON object, checked to be well-formed.
    pub bytes: Bytes,
    /// Where in it the JSON string of the model's name is, quotes included.
    pub model_span: Range<usize>,
    /// Reads and validates the body.
    pub parse: fn(&[u8]) -> Result<T, ApiError>,
}

impl<T> RawBody<T> {
    /// The body with `model` for its model's name; the very same bytes where that is no change.
    pub fn with_model(&self, requested: &str, model: &str) -> Bytes {
        if requested == model {
            return self.bytes.clone();
        }
        let mut body = BytesMut::with_capacity(self.bytes.len() + model.len() + 2);
        body.extend_from_slice(&self.bytes[..self.model_span.start]);
        body.extend_from_slice(json_string(model).as_bytes());
        body.extend_from_slice(&self.bytes[self.model_span.end..]);
        body.freeze()
    }
}

/// `text` as a JSON string.
fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if u32::from(c) < 0x20 => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The provider.
    pub provider: &'static str,
    /// The model that really answered, as far as it is known when the answer begins.
    pub model: String,
    /// Whether another provider or model answered than the one that was asked first.
    pub fallback: bool,
}

/// An answer, whole or begun.
pub struct ChatReply {
    /// Who answers.
    pub served: Served,
    /// What.
    pub body: ChatBody,
}

/// See [`ChatReply`].
pub enum ChatBody {
    /// A whole answer.
    Whole(Box<ChatAnswer>),
    /// A whole answer in OpenAI's format, as the upstream sent it.
    WholeRaw(Bytes),
    /// An answer in the making; its first item holds real content.
    Events(EventStream),
    /// An answer in the making in OpenAI's format: whole server-sent events, `[DONE]` included.
    Raw(RawStream),
}

/// Events as they come, several at a time where they came together. An error is the last item: the answer broke off.
/// Without one it is complete.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Vec<ChatEvent>, ApiError>> + Send>>;

/// Whole server-sent events as they come. An error is the last item: the answer broke off. Without one it is complete.
pub type RawStream = Pin<Box<dyn Stream<Item = Result<Bytes, ApiError>> + Send>>;

/// Embeddings to be made.
pub struct EmbedCall {
    /// The model as the client named it.
    pub model: String,
    /// What is asked.
    pub source: EmbedSource,
    /// Whether the vectors are wanted as base64; matters to whoever writes the answer.
    pub base64: bool,
}

/// A request for embeddings, as its client sent it.
pub type EmbedSource = RawBody<EmbeddingRequest>;

/// Vectors.
pub struct EmbedReply {
    /// Who answers.
    pub served: Served,
    /// What.
    pub body: EmbedBody,
}

/// See [`EmbedReply`].
pub enum EmbedBody {
    /// Vectors.
    Whole(EmbeddingAnswer),
    /// An answer in OpenAI's format, as the upstream sent it.
    Raw(Bytes),
}
