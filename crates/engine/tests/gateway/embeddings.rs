//! Embeddings: nobody falls back to vectors of another model.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use locum_domain::{
    embedding::{EmbeddingInput, EmbeddingRequest},
    error::ApiError,
};
use locum_engine::{
    gateway::{EmbedBody, EmbedCall, RawBody},
    trail::Trail,
};
use locum_testkit::{Dialect, Fault};

use crate::bench::Bench;

/// A call as the api makes it; what `parse` would read is given.
fn call(model: &str, parse: fn(&[u8]) -> Result<EmbeddingRequest, ApiError>) -> EmbedCall {
    let body = format!(r#"{{"input": ["one", "two"], "model": "{model}"}}"#);
    let start = body.len() - model.len() - 3;
    EmbedCall {
        model: model.to_owned(),
        source: RawBody {
            model_span: start..start + model.len() + 2,
            bytes: Bytes::from(body),
            parse,
        },
        base64: false,
    }
}

fn two_texts(_: &[u8]) -> Result<EmbeddingRequest, ApiError> {
    Ok(EmbeddingRequest {
        inputs: ["one", "two"]
            .map(|text| EmbeddingInput::Text(text.to_owned()))
            .to_vec(),
        ..EmbeddingRequest::default()
    })
}

fn many_texts(_: &[u8]) -> Result<EmbeddingRequest, ApiError> {
    Ok(EmbeddingRequest {
        inputs: (0..250)
            .map(|number| EmbeddingInput::Text(format!("text {number}")))
            .collect(),
        ..EmbeddingRequest::default()
    })
}

fn trail() -> Arc<Trail> {
    Arc::new(Trail::new(String::new(), Duration::ZERO))
}

#[test]
fn translated_for_one_provider_and_handed_on_to_the_other() {
    let bench = Bench::new(&[]);
    let reply = bench
        .handles
        .clock
        .run(
            bench
                .gateway
                .embed(call("gemini-embedding-001", two_texts), &trail()),
        )
        .unwrap();
    let EmbedBody::Whole(answer) = reply.body else {
        panic!("translated")
    };
    assert_eq!(answer.vectors.len(), 2);
    let reply = bench
        .handles
        .clock
        .run(
            bench
                .gateway
                .embed(call("text-embedding-3-small", two_texts), &trail()),
        )
        .unwrap();
    assert!(matches!(reply.body, EmbedBody::Raw(_)));
}

#[test]
fn no_other_provider_is_asked() {
    let bench = Bench::new(&[("PROVIDER_MAX_RETRIES", "1")]);
    bench
        .handles
        .upstream
        .openai([Fault::Status(500), Fault::Status(500)]);
    let outcome = bench.handles.clock.run(
        bench
            .gateway
            .embed(call("text-embedding-3-small", two_texts), &trail()),
    );
    assert_eq!(outcome.err().unwrap().status, 502);
    assert_eq!(bench.handles.upstream.asked(Dialect::OpenAi), 2);
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 0);
}

#[test]
fn more_inputs_than_a_request_may_have_are_asked_for_in_several() {
    let bench = Bench::new(&[]);
    let reply = bench
        .handles
        .clock
        .run(
            bench
                .gateway
                .embed(call("gemini-embedding-001", many_texts), &trail()),
        )
        .unwrap();
    let EmbedBody::Whole(answer) = reply.body else {
        panic!("translated")
    };
    assert_eq!(answer.vectors.len(), 250);
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 3);
}
