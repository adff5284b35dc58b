//! OpenAI, and every server that speaks its API.
//!
//! Two ways lead through here. A body that came in OpenAI's format goes through as it is ([`Native`]): `clean` takes out what
//! OpenAI's API would refuse, `skim` and `relay` look the answer over while its bytes are handed on. What came otherwise is
//! translated: `encode` and `message`, `decode`, `embed`, `models`. `fault` reads errors for both.

mod clean;
mod cursor;
mod decode;
mod embed;
mod encode;
mod fault;
mod message;
mod models;
mod relay;
mod skim;
mod template;
mod usage;

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use locum_domain::{
    chat::ChatRequest,
    embedding::{EmbeddingAnswer, EmbeddingRequest},
    failure::{Failure, FailureClass},
    id::Ids,
    model::ModelPage,
};

use self::{
    clean::Cleaner,
    decode::{StreamDecoder, WholeDecoder},
    relay::Relay,
    skim::Whole,
};
use crate::provider::{
    ChatDecoder, Hop, Native, Operation, Performance, Prepared, Provider, ProviderConfig,
    StreamRelay, WholeFacts,
};

/// Everything that is the same for all requests is made once, here.
struct OpenAi {
    key: Arc<str>,
    default_model: String,
    chat: Uri,
    embeddings: Uri,
    models: Uri,
    headers: HeaderMap,
    cleaner: Cleaner,
}

/// Makes the provider.
///
/// # Errors
/// The base URL is none, or the key cannot be sent; in a sentence without the key.
pub fn build(config: ProviderConfig) -> Result<Box<dyn Provider>, String> {
    let key = config.api_key.trim();
    let mut headers = HeaderMap::with_capacity(3);
    if !key.is_empty() {
        let mut bearer = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| "the key holds characters that cannot be sent".to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json.clone());
    headers.insert(ACCEPT, json);
    let endpoint = |path: &str| endpoint(&config.base_url, path);
    let chat = endpoint("/chat/completions")?;
    Ok(Box::new(OpenAi {
        cleaner: Cleaner::new(chat.host().unwrap_or_default()),
        chat,
        embeddings: endpoint("/embeddings")?,
        models: endpoint("/models")?,
        headers,
        key: key.into(),
        default_model: config.default_model,
    }))
}

fn endpoint(base_url: &str, path: &str) -> Result<Uri, String> {
    let base_url = base_url.trim_end_matches('/');
    let uri: Uri = format!("{base_url}{path}")
        .parse()
        .map_err(|error| format!("the base URL is not valid: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("the base URL must begin with http:// or https://".to_owned());
    }
    if uri.query().is_some() {
        return Err("the base URL must not hold a query".to_owned());
    }
    if uri
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'))
    {
        return Err("the base URL must not hold a user name or a password".to_owned());
    }
    Ok(uri)
}

impl OpenAi {
    fn post(&self, uri: &Uri, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn claims(&self, model: &str) -> bool {
        const PREFIXES: [&str; 4] = ["gpt-", "chatgpt-", "ft:", "text-embedding-3-"];
        let reasons = model
            .strip_prefix('o')
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
        reasons
            || model == "text-embedding-ada-002"
            || PREFIXES.iter().any(|prefix| model.starts_with(prefix))
    }

    fn default_model(&self) -> &str {
        &self.default_model
    }

    fn context_window(&self, model: &str) -> Option<u32> {
        models::context_window(model)
    }

    fn may_pause(&self, _: &ChatRequest) -> bool {
        false
    }

    fn native(&self) -> Option<&dyn Native> {
        Some(self)
    }

    fn fan_out(&self, _: &ChatRequest) -> u32 {
        1
    }

    fn chat(&self, request: &ChatRequest, _: Hop<'_>) -> Result<Prepared<Performance>, Failure> {
        let body = encode::chat(request)?;
        Ok(Prepared::Http(self.post(&self.chat, body.into())))
    }

    fn chat_decoder(&self, request: &ChatRequest, ids: Ids) -> Box<dyn ChatDecoder> {
        if request.stream {
            Box::new(StreamDecoder::new(self.key.clone(), ids))
        } else {
            Box::new(WholeDecoder::new(self.key.clone(), ids))
        }
    }

    fn embeddings(&self, request: &EmbeddingRequest) -> Result<Prepared<EmbeddingAnswer>, Failure> {
        let body = embed::encode(request)?;
        Ok(Prepared::Http(self.post(&self.embeddings, body.into())))
    }

    fn decode_embeddings(
        &self,
        request: &EmbeddingRequest,
        body: &[u8],
    ) -> Result<EmbeddingAnswer, Failure> {
        embed::decode(request, body, &self.key)
    }

    fn models(&self, _: Option<&str>) -> Prepared<ModelPage> {
        let mut request = self.post(&self.models, Bytes::new());
        *request.method_mut() = Method::GET;
        request.headers_mut().remove(CONTENT_TYPE);
        Prepared::Http(request)
    }

    fn decode_models(&self, body: &[u8]) -> Result<ModelPage, Failure> {
        models::decode(body)
    }

    fn failure(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        fault::failure(status, headers, body, &self.key)
    }
}

impl Native for OpenAi {
    fn request(&self, operation: Operation, body: Bytes) -> Request<Bytes> {
        match operation {
            Operation::Chat => self.post(&self.chat, self.cleaner.clean(body)),
            Operation::Embeddings => self.post(&self.embeddings, body),
        }
    }

    fn inspect(&self, operation: Operation, body: &[u8]) -> Result<WholeFacts, Failure> {
        let elements = match operation {
            Operation::Chat => "choices",
            Operation::Embeddings => "data",
        };
        let garbage = |message| Failure::new(FailureClass::Garbage, message);
        let whole = Whole::read(body, elements.as_bytes())
            .map_err(|malformed| garbage(format!("the answer is {malformed}")))?;
        if let Some(error) = whole.error {
            return Err(fault::in_whole(error, &self.key));
        }
        if whole.failed {
            return Err(garbage("the answer says that it failed".to_owned()));
        }
        if whole.elements == 0 {
            return Err(garbage(format!("the answer has no {elements}")));
        }
        Ok(WholeFacts {
            model: whole.model.and_then(skim::unquoted),
            usage: whole.usage,
        })
    }

    fn relay(&self) -> Box<dyn StreamRelay> {
        Box::new(Relay::new(self.key.clone()))
    }
}
