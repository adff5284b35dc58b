//! Cross-origin requests.

use axum::body::Body;
use http::{Method, Request, StatusCode};

use crate::support::{Answer, Locum, get, request, with, without_key};

const ORIGIN: &str = "https://app.example";

fn preflight(path: &str, origin: &str) -> Request<Body> {
    let request = without_key(request(Method::OPTIONS, path, ""));
    let request = with("origin", origin, request);
    let request = with("access-control-request-method", "POST", request);
    let headers = "authorization,content-type,openai-beta,x-stainless-lang,x-stainless-retry-count";
    with("access-control-request-headers", headers, request)
}

fn allowed_origin(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_preflight_needs_no_key_and_allows_what_sdks_send() {
    let locum = Locum::with(&[("RATE_LIMIT_REQUESTS", "1")]);
    for path in ["/v1/chat/completions", "/v1/chat/completions", "/unknown"] {
        let answer = locum.ask(preflight(path, ORIGIN));
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(allowed_origin(&answer), "*");
        assert_eq!(
            answer.header("access-control-allow-headers"),
            "authorization,content-type,openai-beta,x-stainless-lang,x-stainless-retry-count"
        );
        assert!(
            answer
                .header("access-control-allow-methods")
                .contains("POST")
        );
        assert!(!answer.header("access-control-max-age").is_empty());
        assert!(answer.body.is_empty());
    }
}

#[test]
fn answers_and_errors_alike_may_be_read() {
    let locum = Locum::new();
    let asked = [
        (get("/v1/models"), StatusCode::OK),
        (without_key(get("/v1/models")), StatusCode::UNAUTHORIZED),
        (get("/unknown"), StatusCode::NOT_FOUND),
        (
            request(Method::PUT, "/v1/models", ""),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            request(Method::POST, "/v1/chat/completions", "{"),
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (request, status) in asked {
        let answer = locum.ask(with("origin", ORIGIN, request));
        assert_eq!(answer.status, status);
        assert_eq!(allowed_origin(&answer), "*", "{status}");
        let exposed = answer.header("access-control-expose-headers");
        for name in [
            "x-request-id",
            "openai-processing-ms",
            "retry-after",
            "x-locum-provider",
            "x-ratelimit-remaining-requests",
        ] {
            assert!(exposed.split(',').any(|it| it == name), "{exposed}");
        }
    }
}

#[test]
fn only_listed_origins_are_allowed_where_they_are_listed() {
    let locum = Locum::with(&[(
        "CORS_ALLOWED_ORIGINS",
        "https://app.example,https://other.example",
    )]);
    for origin in [ORIGIN, "https://other.example"] {
        assert_eq!(
            allowed_origin(&locum.ask(preflight("/v1/models", origin))),
            origin
        );
        assert_eq!(
            allowed_origin(&locum.ask(with("origin", origin, get("/v1/models")))),
            origin
        );
    }
    let evil = "https://evil.example";
    assert_eq!(
        allowed_origin(&locum.ask(preflight("/v1/models", evil))),
        ""
    );
    let answer = locum.ask(with("origin", evil, get("/v1/models")));
    assert_eq!(allowed_origin(&answer), "");
    assert!(answer.header("vary").contains("origin"));
}

#[test]
fn it_can_be_switched_off() {
    let locum = Locum::with(&[("ENABLE_CORS", "false")]);
    let answer = locum.ask(preflight("/v1/models", ORIGIN));
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(allowed_origin(&answer), "");
    assert_eq!(
        allowed_origin(&locum.ask(with("origin", ORIGIN, get("/v1/models")))),
        ""
    );
}
