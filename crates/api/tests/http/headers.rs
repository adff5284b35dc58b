//! Headers that every answer carries.

use http::Method;
use locum_testkit::{Fault, UPSTREAM_KEY};

use crate::support::{Locum, chat, from, get, post, request, with};

#[test]
fn every_answer_carries_openais_and_the_security_headers() {
    let locum = Locum::new();
    let answers = [
        locum.get("/v1/models"),
        locum.get("/unknown"),
        locum.ask(with("authorization", "Bearer wrong", get("/v1/models"))),
        locum.ask(request(Method::PUT, "/v1/models", "")),
        locum.post("/v1/chat/completions", &chat("gpt-4.1-mini")),
        locum.post("/v1/chat/completions", &serde_json::json!({})),
    ];
    for answer in answers {
        let status = answer.status;
        assert!(
            answer.header("x-request-id").starts_with("req_"),
            "{status}"
        );
        assert!(answer.header("openai-processing-ms").parse::<u64>().is_ok());
        assert_eq!(answer.header("openai-version"), "2020-10-01");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.header("strict-transport-security"), "");
    }
}

#[test]
fn request_ids_differ() {
    let locum = Locum::new();
    let one = locum.get("/health");
    let two = locum.get("/health");
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}

#[test]
fn strict_transport_security_is_for_clients_of_trusted_tls_proxies() {
    let locum = Locum::with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]);
    let ask = |address: &str, scheme: &str| {
        let request = with("x-forwarded-proto", scheme, get("/health"));
        let answer = locum.ask(from(address, request));
        !answer.header("strict-transport-security").is_empty()
    };
    assert!(ask("10.1.2.3", "https"));
    assert!(!ask("10.1.2.3", "http"));
    assert!(!ask("192.0.2.1", "https"));
}

#[test]
fn answers_say_who_gave_them() {
    let locum = Locum::new();
    let answer = locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    assert_eq!(answer.header("x-locum-provider"), "openai");
    assert_eq!(
        answer.header("x-locum-model"),
        answer.json()["model"].as_str().unwrap()
    );
    assert_eq!(answer.header("x-locum-fallback"), "");

    locum.world.upstream.openai([Fault::BadKey]);
    let answer = locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    assert_eq!(answer.header("x-locum-provider"), "gemini");
    assert_eq!(
        answer.header("x-locum-model"),
        answer.json()["model"].as_str().unwrap()
    );
    assert_eq!(answer.header("x-locum-fallback"), "true");

    assert_eq!(locum.get("/health").header("x-locum-provider"), "");
}

#[test]
fn no_key_is_ever_told() {
    let locum = Locum::new();
    locum.world.upstream.script([Fault::BadKey, Fault::BadKey]);
    for answer in [
        locum.post("/v1/chat/completions", &chat("gpt-4.1-mini")),
        locum.ask(with(
            "authorization",
            "Bearer sk-wrong-key",
            post("/v1/completions", &chat("x")),
        )),
    ] {
        let told = format!("{:?}{}", answer.headers, answer.text());
        for key in [crate::support::KEY, UPSTREAM_KEY, "sk-wrong-key"] {
            assert!(!told.contains(key), "{told}");
        }
    }
}
