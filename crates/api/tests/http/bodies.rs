//! Request bodies: their size, their time, their form.

use std::{iter, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use locum_engine::ports::Clock;
use locum_testkit::Dialect;
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use crate::support::{Answer, Locum, broken_body, chat, chunked, request, silent_body, with};

const PATH: &str = "/v1/chat/completions";

fn post(body: impl Into<Body>) -> Request<Body> {
    request(Method::POST, PATH, body)
}

/// Asks, and sees to it that nothing went upstream.
fn refused(locum: &Locum, request: Request<Body>, status: u16) -> Answer {
    let answer = locum.ask(request);
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    assert!(locum.world.upstream.requests().is_empty());
    answer
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_unread() {
    let locum = Locum::with(&[("MAX_BODY_BYTES", "1024")]);
    let request = with("content-length", "1025", post(silent_body()));
    let answer = refused(&locum, request, 413);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.error().code.as_deref(), Some("request_too_large"));
    assert_eq!(answer.header("openai-processing-ms"), "0");
    refused(&locum, post("x".repeat(1025)), 413);
}

#[test]
fn a_body_that_does_not_say_its_length_is_counted() {
    let locum = Locum::with(&[("MAX_BODY_BYTES", "1024")]);
    let endless = iter::repeat(Bytes::from_static(&[b' '; 100]));
    let answer = refused(&locum, post(chunked(endless)), 413);
    assert_eq!(answer.header("connection"), "close");
    let one_piece = [Bytes::from(vec![b' '; 1025])];
    refused(&locum, post(chunked(one_piece)), 413);
}

#[test]
fn a_body_of_just_the_limit_is_taken() {
    let locum = Locum::with(&[("MAX_BODY_BYTES", "1024")]);
    let mut body = chat("gpt-4.1-mini").to_string();
    body.push_str(&" ".repeat(1024 - body.len()));
    assert_eq!(locum.ask(post(body.clone())).status, StatusCode::OK);
    let bytes = body
        .into_bytes()
        .into_iter()
        .map(|byte| Bytes::from(vec![byte]));
    assert_eq!(locum.ask(post(chunked(bytes))).status, StatusCode::OK);
    let requests = locum.world.upstream.requests();
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn a_body_must_come_in_time() {
    let locum = Locum::with(&[("REQUEST_TIMEOUT", "5000")]);
    let before = locum.now();
    let answer = refused(&locum, post(silent_body()), 408);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.error().code.as_deref(), Some("request_timeout"));
    assert_eq!(locum.now() - before, Duration::from_secs(5));
}

#[test]
fn a_body_that_trickles_is_cut_off() {
    let locum = Locum::with(&[("REQUEST_TIMEOUT", "5000")]);
    let clock = locum.world.clock.clone();
    let trickle = futures_util::stream::unfold(clock, |clock| async {
        clock.sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), clock))
    });
    let before = locum.now();
    refused(&locum, post(Body::from_stream(trickle)), 408);
    assert_eq!(locum.now() - before, Duration::from_secs(5));
}

#[test]
fn a_body_that_breaks_off_is_the_clients_fault() {
    refused(&Locum::new(), post(broken_body("{\"model\":")), 400);
}

#[test]
fn compressed_bodies_are_refused() {
    let locum = Locum::new();
    let body = chat("gpt-4.1-mini").to_string();
    for coding in ["gzip", "br", "zstd", "identity, gzip"] {
        let request = with("content-encoding", coding, post(body.clone()));
        let answer = refused(&locum, request, 415);
        assert_eq!(answer.error().kind, "invalid_request_error");
    }
    let identity = with("content-encoding", "identity", post(body));
    assert_eq!(locum.ask(identity).status, StatusCode::OK);
}

#[test]
fn the_content_type_does_not_matter() {
    let locum = Locum::new();
    let body = chat("gpt-4.1-mini").to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-8",
    ] {
        let request = with("content-type", kind, post(body.clone()));
        assert_eq!(locum.ask(request).status, StatusCode::OK);
    }
    let mut request = post(body);
    request.headers_mut().remove("content-type");
    assert_eq!(locum.ask(request).status, StatusCode::OK);
}

#[test]
fn what_is_no_json_object_is_refused() {
    let locum = Locum::new();
    for path in [PATH, "/v1/completions", "/v1/embeddings"] {
        for body in [
            "",
            "{",
            "null",
            "[]",
            "\"text\"",
            "{} {}",
            "{\"model\": \"m\"",
            "nonsense",
        ] {
            let answer = refused(&locum, request(Method::POST, path, body), 400);
            assert_eq!(
                answer.error().kind,
                "invalid_request_error",
                "{path} {body}"
            );
        }
        let invalid_utf8: &[u8] =
            b"{\"model\": \"\xff\", \"messages\": [], \"prompt\": \"\", \"input\": \"\"}";
        refused(&locum, request(Method::POST, path, invalid_utf8), 400);
        refused(
            &locum,
            request(Method::POST, path, "[".repeat(100_000)),
            400,
        );
        let nested = format!("{{\"model\": \"m\", \"messages\": {}", "[".repeat(100_000));
        refused(&locum, request(Method::POST, path, nested), 400);
    }
}

/// Any JSON, with names that mean something here and there.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        "(user|system|assistant|tool|text|function|image_url|auto|object|string)"
            .prop_map(Value::from),
    ];
    let name = "(role|content|type|text|function|name|parameters|tool_calls|id|arguments|properties|enum|[a-z]{0,4})";
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A good request with some members replaced: it is answered or refused, and never our fault; and nothing is
    /// translated into what Gemini refuses.
    #[test]
    fn whatever_a_body_says_it_is_no_fault_of_ours(
        gemini: bool,
        members in vec((
            "(messages|tools|tool_choice|response_format|stream|stream_options|stop|n|temperature|max_tokens|\\
             reasoning_effort|model|prompt|input|dimensions|encoding_format|functions|logprobs|seed|user)",
            any_json(),
        ), 1..4),
    ) {
        let (chat_model, embedding_model) = if gemini {
            ("gemini-2.5-flash", "gemini-embedding-001")
        } else {
            ("gpt-4.1-mini", "text-embedding-3-small")
        };
        for (path, model) in [
            (PATH, chat_model),
            ("/v1/completions", chat_model),
            ("/v1/embeddings", embedding_model),
        ] {
            let mut body = chat(model);
            body["prompt"] = "x".into();
            body["input"] = "x".into();
            for (name, value) in &members {
                body[name] = value.clone();
            }
            let locum = Locum::new();
            let answer = locum.post(path, &body);
            for seen in locum.world.upstream.requests() {
                let translated = seen.dialect == Dialect::Gemini;
                prop_assert!(!translated || seen.complaint.is_none(), "{body}: {:?}", seen.complaint);
            }
            let status = answer.status.as_u16();
            prop_assert!(status < 500, "{status} for {path} {body}: {}", answer.text());
            if status != 200 {
                answer.error();
            }
        }
    }

    #[test]
    fn whatever_bytes_come_they_are_no_fault_of_ours(bytes in vec(any::<u8>(), 0..200)) {
        for path in [PATH, "/v1/completions", "/v1/embeddings"] {
            let answer = Locum::new().ask(request(Method::POST, path, bytes.clone()));
            prop_assert_eq!(answer.status.as_u16(), 400);
            answer.error();
        }
    }
}
