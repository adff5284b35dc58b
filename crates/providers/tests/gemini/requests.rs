//! Where requests go, and with which key.

use http::Method;
use locum_domain::{chat::ServiceTier, failure::FailureClass};
use locum_providers::{Hop, Prepared};
use serde_json::json;

use crate::{
    ALIAS, ANCIENT, GEMMA, KEY, MIDDLE, NEW, OLD, asks, build, gemini, gemini_at, hello, http,
    refused, sent, streaming, user,
};

#[test]
fn a_whole_answer_is_asked_of_generate_content() {
    let request = http(&hello(NEW));
    assert_eq!(request.method(), Method::POST);
    assert_eq!(
        request.uri().to_string(),
        "https://upstream.example/v1beta/models/gemini-4-hydrogen:generateContent"
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        sent(&hello(NEW)),
        json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]})
    );
}

#[test]
fn a_stream_is_asked_of_stream_generate_content_as_sse() {
    assert_eq!(
        http(&streaming(hello(NEW))).uri().to_string(),
        "https://upstream.example/v1beta/models/gemini-4-hydrogen:streamGenerateContent?alt=sse"
    );
    assert_eq!(sent(&streaming(hello(NEW))), sent(&hello(NEW)));
}

#[test]
fn the_key_goes_in_a_sensitive_header_and_nowhere_else() {
    let request = http(&hello(NEW));
    let key = &request.headers()["x-goog-api-key"];
    assert_eq!(key, KEY);
    assert!(key.is_sensitive());
    assert!(!format!("{request:?}").contains(KEY));
    assert!(!request.headers().contains_key("authorization"));
}

#[test]
fn the_prefix_models_is_accepted() {
    assert_eq!(
        http(&hello("models/gemini-4-hydrogen")).uri().path(),
        "/v1beta/models/gemini-4-hydrogen:generateContent"
    );
}

#[test]
fn no_model_name_changes_the_path() {
    for (name, path) in [
        ("gemini-../x?y", "gemini-..%2Fx%3Fy"),
        ("models/../../secret", "..%2F..%2Fsecret"),
        ("gemini-a:b#c", "gemini-a%3Ab%23c"),
        ("gemini- \r\n%2f", "gemini-%20%0D%0A%252f"),
        ("gemini-é", "gemini-%C3%A9"),
    ] {
        let request = http(&hello(name));
        assert_eq!(
            request.uri().path(),
            format!("/v1beta/models/{path}:generateContent")
        );
        assert_eq!(request.uri().query(), None);
        assert_eq!(request.uri().host(), Some("upstream.example"));
    }
    let failure = refused(&hello(&format!("gemini-{}", "x".repeat(70_000))));
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert_eq!(failure.error.unwrap().param.as_deref(), Some("model"));
}

#[test]
fn an_address_with_a_path_is_kept() {
    let provider = gemini_at("http://127.0.0.1:8080/google/");
    let Ok(Prepared::Http(request)) = provider.chat(&hello(NEW), Hop::default()) else {
        panic!("no request");
    };
    assert_eq!(
        request.uri().to_string(),
        "http://127.0.0.1:8080/google/v1beta/models/gemini-4-hydrogen:generateContent"
    );
}

#[test]
fn a_wrong_key_or_address_is_refused_without_repeating_the_key() {
    let error = build("secret\nkey", "https://upstream.example")
        .err()
        .unwrap();
    assert!(!error.contains("secret"), "{error}");
    for address in [
        "",
        "upstream.example",
        "ftp://x",
        "https://x/?a=b",
        "https://",
    ] {
        assert!(build(KEY, address).is_err(), "{address}");
    }
}

#[test]
fn names_of_gemini_and_gemma_are_claimed() {
    for name in [NEW, ALIAS, GEMMA, "models/x", "gemini-embedding-001"] {
        assert!(gemini().claims(name), "{name}");
    }
    for name in ["gpt-4.1", "text-embedding-3-small", "gemini", "my-gemini-3"] {
        assert!(!gemini().claims(name), "{name}");
    }
}

#[test]
fn n_is_candidate_count_up_to_8_before_generation_3() {
    for (model, n, upstream_requests, count) in [
        (OLD, 1, 1, None),
        (OLD, 8, 1, Some(8)),
        (OLD, 9, 9, None),
        (ANCIENT, 2, 1, Some(2)),
    ] {
        let mut request = hello(model);
        request.n = n;
        assert_eq!(gemini().fan_out(&request), upstream_requests, "{model} {n}");
        let body = sent(&request);
        assert_eq!(
            body["generationConfig"]["candidateCount"].as_u64(),
            count,
            "{model} {n}"
        );
    }
}

#[test]
fn n_fans_out_from_generation_3_on() {
    for model in [MIDDLE, NEW, ALIAS, GEMMA] {
        let mut request = hello(model);
        request.n = 3;
        assert_eq!(gemini().fan_out(&request), 3, "{model}");
        assert_eq!(sent(&request).get("generationConfig"), None, "{model}");
    }
}

#[test]
fn an_answer_goes_on_with_its_continuation_token() {
    let hop = Hop {
        continuation: Some("dG9rZW4="),
    };
    let request = hello(NEW);
    let Ok(Prepared::Http(next)) = gemini().chat(&request, hop) else {
        panic!("no request");
    };
    let mut expected = sent(&request);
    expected["continuationToken"] = json!("dG9rZW4=");
    let body: serde_json::Value = serde_json::from_slice(next.body()).unwrap();
    assert_eq!(body, expected);
}

#[test]
fn service_tier_is_named_as_googles_sdk_names_it() {
    for (tier, name) in [
        (ServiceTier::Auto, json!(null)),
        (ServiceTier::Default, json!("standard")),
        (ServiceTier::Flex, json!("flex")),
        (ServiceTier::Priority, json!("priority")),
    ] {
        let mut request = hello(NEW);
        request.service_tier = Some(tier);
        assert_eq!(sent(&request)["serviceTier"], name);
    }
}

#[test]
fn safety_settings_and_cached_content_are_never_sent() {
    let mut request = asks(NEW, [user("Hello")]);
    request.tools = vec![crate::weather()];
    let body = sent(&request);
    assert_eq!(body.get("safetySettings"), None);
    assert_eq!(body.get("cachedContent"), None);
}
