//! Gemini: `generateContent` and its relatives, not Google's endpoint in OpenAI's format.
//!
//! What each rule of the translation is, and where it is tested, stands in `docs/gemini-translation.md`. Refused are
//! files by id, tokens to embed, and what a model's generation cannot do ([`generation`]).

mod answer;
mod contents;
mod embeddings;
mod failure;
mod generation;
mod media;
mod models;
mod names;
mod reply;
mod request;
mod schema;
mod signature;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderName},
};
use locum_domain::{
    chat::ChatRequest,
    embedding::{EmbeddingAnswer, EmbeddingRequest},
    error::ApiError,
    failure::{Failure, FailureClass},
    id::Ids,
    model::ModelPage,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::provider::{ChatDecoder, Hop, Performance, Prepared, Provider, ProviderConfig};
use generation::Generation;

const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What a model's name may not bring into a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Makes the provider.
///
/// # Errors
/// A key that no header can hold; an address that is none.
pub fn build(config: ProviderConfig) -> Result<Box<dyn Provider>, String> {
    let mut key_header = HeaderValue::from_str(&config.api_key)
        .map_err(|_| "Gemini's key holds characters that no key has".to_owned())?;
    key_header.set_sensitive(true);
    let base_url = config.base_url.trim_end_matches('/').to_owned();
    let uri: Uri = base_url
        .parse()
        .map_err(|error| format!("Gemini's address `{base_url}` is none: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
        return Err(format!(
            "Gemini's address `{base_url}` must begin with http:// or https:// and have no query"
        ));
    }
    Ok(Box::new(Gemini {
        key_header,
        key: config.api_key.into(),
        base_url,
        default_model: config.default_model,
    }))
}

struct Gemini {
    key_header: HeaderValue,
    key: Arc<str>,
    base_url: String,
    default_model: String,
}

impl Gemini {
    /// A POST of `body` to a method of a model.
    fn post(&self, model: &str, method: &str, body: Vec<u8>) -> Result<Request<Bytes>, Failure> {
        let base = &self.base_url;
        let name = utf8_percent_encode(generation::bare(model), SEGMENT);
        let uri = Uri::try_from(format!("{base}/v1beta/models/{name}:{method}")).map_err(|_| {
            Failure::callers(
                FailureClass::BadRequest,
                ApiError::invalid_param("model", "The model's name cannot be one."),
            )
        })?;
        let mut request = self.request(Method::POST, uri, body.into());
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        Ok(request)
    }

    fn request(&self, method: Method, uri: Uri, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request
            .headers_mut()
            .insert(API_KEY, self.key_header.clone());
        request
    }
}

/// How many candidates one upstream request for `request` asks for.
fn candidates(request: &ChatRequest) -> u32 {
    let n = request.n.max(1);
    if n <= Generation::of(&request.model).most_candidates() {
        n
    } else {
        1
    }
}

impl Provider for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn bare_name<'a>(&self, model: &'a str) -> &'a str {
        generation::bare(model)
    }

    fn telemetry_name(&self) -> &'static str {
        "gcp.gemini"
    }

    fn claims(&self, model: &str) -> bool {
        ["gemini-", "gemma-", "models/"]
            .iter()
            .any(|start| model.starts_with(start))
    }

    fn default_model(&self) -> &str {
        &self.default_model
    }

    fn context_window(&self, model: &str) -> Option<u32> {
        Generation::of(model).context_window()
    }

    fn may_pause(&self, request: &ChatRequest) -> bool {
        Generation::of(&request.model).pauses_answers()
    }

    fn fan_out(&self, request: &ChatRequest) -> u32 {
        let n = request.n.max(1);
        if candidates(request) == n { 1 } else { n }
    }

    fn chat(&self, request: &ChatRequest, hop: Hop<'_>) -> Result<Prepared<Performance>, Failure> {
        let generation = Generation::of(&request.model);
        let body = request::body(request, generation, hop.continuation)?;
        let method = if request.stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        self.post(&request.model, method, body).map(Prepared::Http)
    }

    fn chat_decoder(&self, request: &ChatRequest, ids: Ids) -> Box<dyn ChatDecoder> {
        Box::new(answer::Decoder::new(
            request,
            candidates(request),
            ids,
            Arc::clone(&self.key),
        ))
    }

    fn embeddings(&self, request: &EmbeddingRequest) -> Result<Prepared<EmbeddingAnswer>, Failure> {
        let (method, body) = embeddings::body(request)?;
        self.post(&request.model, method, body).map(Prepared::Http)
    }

    fn most_embedding_inputs(&self) -> usize {
        embeddings::MAX_BATCH
    }

    fn decode_embeddings(
        &self,
        request: &EmbeddingRequest,
        body: &[u8],
    ) -> Result<EmbeddingAnswer, Failure> {
        embeddings::decode(request, body)
    }

    fn models(&self, page: Option<&str>) -> Prepared<ModelPage> {
        let path = models::path(page);
        // A token too long for an address is none of Gemini's: the list ends there.
        match Uri::try_from(format!("{}{path}", self.base_url)) {
            Ok(uri) => Prepared::Http(self.request(Method::GET, uri, Bytes::new())),
            Err(_) => Prepared::Ready(ModelPage::default()),
        }
    }

    fn decode_models(&self, body: &[u8]) -> Result<ModelPage, Failure> {
        models::decode(body)
    }

    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        failure::of_response(status, headers, body, &self.key)
    }
}
