//! The rate limit.

use std::time::Duration;

use http::StatusCode;

use crate::support::{Answer, BYPASS_KEY, Locum, from, get, with, without_key};

const TWO_PER_MINUTE: &[(&str, &str)] = &[
    ("RATE_LIMIT_REQUESTS", "2"),
    ("TRUSTED_PROXIES", "10.0.0.0/8"),
];

fn told(answer: &Answer) -> (&str, &str, &str) {
    (
        answer.header("x-ratelimit-limit-requests"),
        answer.header("x-ratelimit-remaining-requests"),
        answer.header("x-ratelimit-reset-requests"),
    )
}

#[test]
fn a_client_is_told_where_it_stands_and_refused_beyond_the_limit() {
    let locum = Locum::with(TWO_PER_MINUTE);
    assert_eq!(told(&locum.get("/")), ("2", "1", "1m0s"));
    locum.wait(Duration::from_millis(20_500));
    assert_eq!(told(&locum.get("/")), ("2", "0", "39.5s"));

    let answer = locum.get("/");
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told(&answer), ("2", "0", "39.5s"));
    assert_eq!(answer.header("retry-after"), "40");
    assert_eq!(answer.header("retry-after-ms"), "39500");
    let error = answer.error();
    assert_eq!(error.kind, "rate_limit_error");
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(locum.metric("locum_rate_limited_total"), 1.0);

    locum.wait(Duration::from_millis(39_500));
    assert_eq!(told(&locum.get("/")), ("2", "1", "1m0s"));
}

#[test]
fn each_address_has_its_own_limit() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..2 {
        assert_eq!(
            locum.ask(from("192.0.2.1", get("/"))).status,
            StatusCode::OK
        );
    }
    assert_eq!(
        locum.ask(from("192.0.2.1", get("/"))).status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        locum.ask(from("192.0.2.2", get("/"))).status,
        StatusCode::OK
    );
}

#[test]
fn forwarded_addresses_count_only_from_trusted_proxies() {
    let locum = Locum::with(TWO_PER_MINUTE);
    let ask = |peer: &str, forwarded: &str| {
        let request = with("x-forwarded-for", forwarded, get("/"));
        locum.ask(from(peer, request)).status
    };
    for number in 0..2 {
        let liar = format!("198.51.100.{number}");
        assert_eq!(ask("192.0.2.1", &liar), StatusCode::OK);
        assert_eq!(ask("10.0.0.1", "203.0.113.7"), StatusCode::OK);
    }
    assert_eq!(
        ask("192.0.2.1", "198.51.100.9"),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        ask("10.0.0.1", "203.0.113.7"),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        ask("10.0.0.1", "198.51.100.9, 203.0.113.7, 10.0.0.2"),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(ask("10.0.0.1", "203.0.113.8"), StatusCode::OK);
}

#[test]
fn guessing_keys_uses_the_limit_up_and_then_tells_nothing() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..2 {
        let guess = with("authorization", "Bearer guess", get("/v1/models"));
        assert_eq!(locum.ask(guess).status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        locum.get("/v1/models").status,
        StatusCode::TOO_MANY_REQUESTS
    );
    let answer = locum.ask(without_key(get("/unknown")));
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn the_bypass_key_lifts_the_limit_and_no_other_does() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..3 {
        let answer = locum.ask(with("x-ratelimit-bypass-key", BYPASS_KEY, get("/")));
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(told(&answer), ("", "", ""));
    }
    for remaining in ["1", "0"] {
        let answer = locum.ask(with("x-ratelimit-bypass-key", "wrong", get("/")));
        assert_eq!(told(&answer).1, remaining);
    }
    let answer = locum.ask(with("x-ratelimit-bypass-key", "wrong", get("/")));
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let key = with(
        "x-ratelimit-bypass-key",
        BYPASS_KEY,
        without_key(get("/v1/models")),
    );
    assert_eq!(locum.ask(key).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn probes_are_not_limited() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..5 {
        for path in ["/health", "/health/live", "/health/ready"] {
            let answer = locum.get(path);
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(told(&answer), ("", "", ""));
        }
    }
}

#[test]
fn it_can_be_switched_off() {
    let locum = Locum::with(&[("RATE_LIMIT_REQUESTS", "1"), ("ENABLE_RATE_LIMIT", "false")]);
    for _ in 0..3 {
        let answer = locum.get("/");
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(told(&answer), ("", "", ""));
    }
}
