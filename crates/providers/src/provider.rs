//! What a provider must answer: the one interface between the engine and a provider's file.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use locum_domain::{
    chat::{ChatEvent, ChatRequest, Usage},
    embedding::{EmbeddingAnswer, EmbeddingRequest},
    failure::Failure,
    id::Ids,
    model::ModelPage,
};

/// What the operator has set for a provider.
#[derive(Clone, Default)]
pub struct ProviderConfig {
    /// The operator's key; empty where the provider needs none.
    pub api_key: String,
    /// Where its API is, without a slash at the end.
    pub base_url: String,
    /// What a fallback asks of it.
    pub default_model: String,
    /// The provider's own configuration file's text, where it takes one (the rehearsal's script).
    pub script: Option<String>,
}

/// What one operation needs of the world.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large variant is the common one, and it is moved on at once"
)]
pub enum Prepared<T> {
    /// A request to send upstream.
    Http(Request<Bytes>),
    /// Nothing: the answer is here already.
    Ready(T),
}

/// A chat answer that needs no upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// The answer.
    pub events: Vec<ChatEvent>,
    /// The pause before each event of a stream.
    pub pace: Duration,
}

/// Where a chat answer's requests stand: an answer may take several, see [`ChatEvent::Continue`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Hop<'a> {
    /// The token of the last [`ChatEvent::Continue`]; `None` in the first request.
    pub continuation: Option<&'a str>,
}

/// A provider of models.
///
/// Implementations hold configuration alone, but for what a script counts; one value serves all requests at once.
pub trait Provider: Send + Sync {
    /// The name in settings, logs, metrics, headers and `provider/model`.
    fn name(&self) -> &'static str;

    /// Whether a model of this name is this provider's, by the look of the name alone.
    fn claims(&self, model: &str) -> bool;

    /// The model's name as the provider lists it, where it takes others for the same.
    fn bare_name<'a>(&self, model: &'a str) -> &'a str {
        model
    }

    /// What a fallback asks of it.
    fn default_model(&self) -> &str;

    /// What a fallback asks of it for embeddings; `None` where vectors of another model would be of no use to
    /// the caller, which is always so unless the provider is a stand-in.
    fn default_embedding_model(&self) -> Option<&str> {
        None
    }

    /// How many tokens of prompt and answer together a model takes, as far as its name tells.
    fn context_window(&self, model: &str) -> Option<u32> {
        let _ = model;
        None
    }

    /// Whether the answer to `request` may pause and be asked for again ([`ChatEvent::Continue`]), so that the request has to
    /// be kept while it is answered.
    fn may_pause(&self, request: &ChatRequest) -> bool {
        let _ = request;
        true
    }

    /// Its name in OpenTelemetry's semantic conventions for generative AI (`gen_ai.provider.name`).
    fn telemetry_name(&self) -> &'static str {
        self.name()
    }

    /// Whether its answers only stand in for a model's: nothing falls back to it while a real provider is enabled.
    fn is_stand_in(&self) -> bool {
        false
    }

    /// `Some` where the provider speaks OpenAI's API itself, so that bodies can go through as they came.
    fn native(&self) -> Option<&dyn Native> {
        None
    }

    /// How many upstream requests `request` takes at once: its `n` where the provider gives one answer per request,
    /// else 1. Each is then prepared with `n` of 1.
    fn fan_out(&self, request: &ChatRequest) -> u32;

    /// The upstream request for a chat.
    ///
    /// # Errors
    /// What this provider cannot be asked, as the client is told it. `BadRequest`-like failures end the request,
    /// `Unsupported` ones go on to the next provider.
    fn chat(&self, request: &ChatRequest, hop: Hop<'_>) -> Result<Prepared<Performance>, Failure>;

    /// Reads the answer to [`Provider::chat`]: streamed where `request.stream`, else whole.
    fn chat_decoder(&self, request: &ChatRequest, ids: Ids) -> Box<dyn ChatDecoder>;

    /// The upstream request for embeddings.
    ///
    /// # Errors
    /// As for [`Provider::chat`].
    fn embeddings(&self, request: &EmbeddingRequest) -> Result<Prepared<EmbeddingAnswer>, Failure>;

    /// How many inputs one request for embeddings may have; more are asked for in several.
    fn most_embedding_inputs(&self) -> usize {
        usize::MAX
    }

    /// Reads the answer to [`Provider::embeddings`].
    ///
    /// # Errors
    /// [`Garbage`](locum_domain::failure::FailureClass::Garbage) where it is none.
    fn decode_embeddings(
        &self,
        request: &EmbeddingRequest,
        body: &[u8],
    ) -> Result<EmbeddingAnswer, Failure>;

    /// The upstream request for one page of models; `page` is [`ModelPage::next`] of the page before.
    fn models(&self, page: Option<&str>) -> Prepared<ModelPage>;

    /// Reads the answer to [`Provider::models`].
    ///
    /// # Errors
    /// [`Garbage`](locum_domain::failure::FailureClass::Garbage) where it is none.
    fn decode_models(&self, body: &[u8]) -> Result<ModelPage, Failure>;

    /// Reads an answer whose status is no success.
    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure;
}

/// Reads one upstream response of a chat: bytes in, events out.
///
/// However the bytes are cut into pieces, the events are the same (but for how texts are split).
pub trait ChatDecoder: Send {
    /// Takes the next bytes and appends what they complete to `out`.
    ///
    /// # Errors
    /// The answer is broken from here on; what was appended before still counts. Nothing may be fed afterwards.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure>;

    /// The upstream has closed the response properly: appends what only the end tells.
    ///
    /// # Errors
    /// [`Cut`](locum_domain::failure::FailureClass::Cut) where the answer was not complete.
    fn finish(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure>;

    /// Whether the answer is complete, so that what the upstream may still send is of no interest.
    fn is_done(&self) -> bool {
        false
    }
}

/// An operation whose body can go through as it came to a provider that speaks OpenAI's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `POST /chat/completions`.
    Chat,
    /// `POST /embeddings`.
    Embeddings,
}

/// A provider that speaks OpenAI's API: requests and answers go through as they are.
pub trait Native: Send + Sync {
    /// The upstream request for a body in OpenAI's format that already names the right model.
    fn request(&self, operation: Operation, body: Bytes) -> Request<Bytes>;

    /// Looks through a whole answer, which is then handed on as it is.
    ///
    /// # Errors
    /// [`Garbage`](locum_domain::failure::FailureClass::Garbage) where it is no answer.
    fn inspect(&self, operation: Operation, body: &[u8]) -> Result<WholeFacts, Failure>;

    /// Looks through a streamed chat answer while it is handed on.
    fn relay(&self) -> Box<dyn StreamRelay>;
}

/// What a whole answer in OpenAI's format says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WholeFacts {
    /// Who answered.
    pub model: Option<String>,
    /// What it cost.
    pub usage: Option<Usage>,
}

/// Looks through a stream in OpenAI's format and says how much of it may be handed on.
pub trait StreamRelay: Send {
    /// Takes the next bytes; gives back all whole, sound events among what has come, in as few pieces as can be.
    fn feed(&mut self, bytes: Bytes) -> Relayed;

    /// The upstream has closed the stream.
    ///
    /// # Errors
    /// [`Cut`](locum_domain::failure::FailureClass::Cut) where the answer was not complete.
    fn finish(&mut self) -> Result<Ended, Failure>;

    /// The model that answers, as soon as the stream has said it.
    fn model(&self) -> Option<&str>;

    /// What it cost, once the stream has said it.
    fn usage(&self) -> Option<Usage>;
}

/// What [`StreamRelay::feed`] gives back.
#[derive(Debug, Default)]
pub struct Relayed {
    /// Whole events to hand on; empty where none is complete yet.
    pub bytes: Bytes,
    /// Whether real content has come, now or before: from here on there is no other provider.
    pub started: bool,
    /// Whether the stream has said that it is complete (`[DONE]`); nothing after it matters.
    pub done: bool,
    /// The stream is broken behind `bytes`.
    pub failure: Option<Failure>,
}

/// How a stream ended that was closed.
#[derive(Debug, Default, PartialEq)]
pub struct Ended {
    /// What the upstream left out and the client needs: the closing `[DONE]`.
    pub bytes: Bytes,
}
