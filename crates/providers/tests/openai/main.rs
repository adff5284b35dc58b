//! The provider of OpenAI's API: what goes through as it came, what is translated, what errors mean.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail the test"
)]

mod decoding;
mod encoding;
mod failures;
mod models;
mod relay;

use http::Request;
use locum_domain::chat::{ChatRequest, Message, Part};
use locum_providers::{Prepared, Provider, ProviderConfig, TABLE};

const KEY: &str = "sk-secret-0123456789";

fn try_build(api_key: &str, base_url: &str) -> Result<Box<dyn Provider>, String> {
    let row = TABLE.iter().find(|row| row.name == "openai").unwrap();
    (row.build)(ProviderConfig {
        api_key: api_key.to_owned(),
        base_url: base_url.to_owned(),
        default_model: row.default_model.to_owned(),
        script: None,
    })
}

fn openai() -> Box<dyn Provider> {
    try_build(KEY, "http://127.0.0.1:9/v1/").unwrap()
}

fn upstream<T>(prepared: Prepared<T>) -> Request<bytes::Bytes> {
    match prepared {
        Prepared::Http(request) => request,
        Prepared::Ready(_) => panic!("an answer without an upstream"),
    }
}

fn says(message: &str) -> ChatRequest {
    ChatRequest {
        model: "gpt-4.1-mini".to_owned(),
        messages: vec![Message::User {
            name: None,
            parts: vec![Part::Text(message.to_owned())],
        }],
        n: 1,
        ..ChatRequest::default()
    }
}
