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

/// Makes the call, in virtual time.
fn embed(bench: &Bench, call: EmbedCall) -> Result<EmbedBody, ApiError> {
    let trail = Arc::new(Trail::new(String::new(), Duration::ZERO));
    let reply = bench.handles.clock.run(bench.gateway.embed(call, &trail));
    reply.map(|reply| reply.body)
}

#[track_caller]
fn check_translated(bench: &Bench, call: EmbedCall, vectors: usize) {
    match embed(bench, call).unwrap() {
        EmbedBody::Whole(answer) => assert_eq!(answer.vectors.len(), vectors),
        EmbedBody::Raw(_) => panic!("a translated answer was expected"),
    }
}

#[test]
fn translated_for_one_provider_and_handed_on_to_the_other() {
    let bench = Bench::new(&[]);
    check_translated(&bench, call("gemini-embedding-001", two_texts), 2);
    let handed_on = embed(&bench, call("text-embedding-3-small", two_texts)).unwrap();
    assert!(matches!(handed_on, EmbedBody::Raw(_)));
}

#[test]
fn no_other_provider_is_asked() {
    let bench = Bench::new(&[("PROVIDER_MAX_RETRIES", "1")]);
    bench
        .handles
        .upstream
        .openai([Fault::Status(500), Fault::Status(500)]);
    let outcome = embed(&bench, call("text-embedding-3-small", two_texts));
    assert_eq!(outcome.err().unwrap().status, 502);
    assert_eq!(bench.handles.upstream.asked(Dialect::OpenAi), 2);
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 0);
}

#[test]
fn more_inputs_than_a_request_may_have_are_asked_for_in_several() {
    let bench = Bench::new(&[]);
    check_translated(&bench, call("gemini-embedding-001", many_texts), 250);
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 3);
}
