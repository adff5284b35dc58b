//! What holds for every route, and a request that succeeds for each: a route without one fails these tests.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use locum_api::{Access, ROUTES, Route};
use serde_json::json;

use crate::support::{Locum, chat, get, post, request, with, without_key};

/// An operation, and a request for it that succeeds.
type Success = (&'static str, fn() -> Request<Body>);

const SUCCESSES: &[Success] = &[
    ("create_chat_completion", || {
        post("/v1/chat/completions", &chat("gpt-4.1-mini"))
    }),
    ("create_completion", || {
        let body = json!({"model": "gpt-4.1-mini", "prompt": "Say hello"});
        post("/v1/completions", &body)
    }),
    ("create_embedding", || {
        let body = json!({"model": "text-embedding-3-small", "input": "hello"});
        post("/v1/embeddings", &body)
    }),
    ("list_models", || get("/v1/models")),
    ("retrieve_model", || get("/v1/models/gpt-4.1-mini")),
    ("health", || get("/health")),
    ("health_live", || get("/health/live")),
    ("health_ready", || get("/health/ready")),
    ("metrics", || get("/metrics")),
    ("index", || get("/")),
];

fn each(check: impl Fn(&Route, Request<Body>)) {
    for route in ROUTES {
        let (_, request) = SUCCESSES
            .iter()
            .find(|(operation, _)| *operation == route.operation)
            .unwrap_or_else(|| panic!("no test asks for {}", route.operation));
        check(route, request());
    }
}

#[test]
fn every_route_has_a_test_and_every_test_a_route() {
    let mut routes: Vec<_> = ROUTES.iter().map(|route| route.operation).collect();
    let mut tests: Vec<_> = SUCCESSES.iter().map(|(operation, _)| *operation).collect();
    routes.sort_unstable();
    tests.sort_unstable();
    assert_eq!(routes, tests);
}

#[test]
fn every_route_answers() {
    each(|route, request| {
        let answer = Locum::new().ask(request);
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{}: {}",
            route.operation,
            answer.text()
        );
        assert!(!answer.body.is_empty(), "{}", route.operation);
    });
}

#[test]
fn every_route_asks_for_a_key_unless_it_is_open() {
    each(|route, request| {
        let locum = Locum::new();
        let answer = locum.ask(without_key(request));
        match route.access {
            Access::ApiKey | Access::MetricsKey => {
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{}",
                    route.operation
                );
                assert_eq!(answer.error().kind, "invalid_request_error");
                assert!(locum.world.upstream.requests().is_empty());
            }
            Access::Open | Access::Probe => {
                assert_eq!(answer.status, StatusCode::OK, "{}", route.operation);
            }
        }
    });
}

#[test]
fn every_route_refuses_a_wrong_key_unless_it_is_open() {
    each(|route, request| {
        let answer = Locum::new().ask(with("authorization", "Bearer sk-wrong", request));
        let open = matches!(route.access, Access::Open | Access::Probe);
        assert_eq!(answer.status == StatusCode::OK, open, "{}", route.operation);
        if !open {
            assert_eq!(answer.error().code.as_deref(), Some("invalid_api_key"));
        }
    });
}

#[test]
fn every_route_is_counted_under_its_own_name() {
    each(|route, request| {
        let locum = Locum::new();
        locum.ask(request);
        let series = format!(
            "locum_requests_total{{route=\"{}\",method=\"{}\",status=\"200\"}}",
            route.path, route.method
        );
        assert_eq!(locum.metric(&series), 1.0, "{series}");
        assert_eq!(locum.metric("locum_requests_in_flight"), 0.0);
    });
}

#[test]
fn every_route_that_is_read_answers_head() {
    each(|route, mut request| {
        *request.method_mut() = Method::HEAD;
        let answer = Locum::new().ask(request);
        let expected = if route.method == Method::GET {
            StatusCode::OK
        } else {
            StatusCode::METHOD_NOT_ALLOWED
        };
        assert_eq!(answer.status, expected, "{}", route.operation);
        assert!(answer.body.is_empty());
    });
}

#[test]
fn every_route_says_which_methods_it_takes() {
    each(|route, success| {
        let answer = Locum::new().ask(request(Method::PUT, success.uri().path(), "{}"));
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{}",
            route.operation
        );
        let allowed = if route.method == Method::GET {
            "GET,HEAD"
        } else {
            "POST"
        };
        assert_eq!(answer.header("allow"), allowed, "{}", route.operation);
        assert_eq!(answer.error().code.as_deref(), Some("method_not_supported"));
    });
}

#[test]
fn unknown_paths_are_not_found() {
    let locum = Locum::new();
    for path in [
        "/x",
        "/v1",
        "/v1/",
        "/v1/models/",
        "/v1/chat/completions/",
        "/v2/models",
        "//",
        "/v1/assistant",
    ] {
        let answer = locum.get(&format!("{path}?key=secret"));
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.error().message, format!("Invalid URL (GET {path})"));
        assert_eq!(answer.error().kind, "invalid_request_error");
        assert!(!answer.header("x-request-id").is_empty());
    }
    let answer = locum.ask(without_key(request(Method::DELETE, "/x", "")));
    assert_eq!(answer.error().message, "Invalid URL (DELETE /x)");
    let series = "locum_requests_total{route=\"unknown\",method=\"GET\",status=\"404\"}";
    assert_eq!(locum.metric(series), 8.0);
}
