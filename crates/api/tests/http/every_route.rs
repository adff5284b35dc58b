//! What holds for every route, and a request that succeeds for each: a route without one fails these tests.

pub mod successes;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use locum_api::{Access, ROUTES, Route};

use self::successes::SUCCESSES;
use crate::support::{Locum, request, with, without_key};

/// Checks each route in a Locum of its own, with the request that would succeed there.
fn each(check: impl Fn(&Route, &Locum, Request<Body>)) {
    for route in ROUTES {
        let locum = Locum::new();
        let request = successes::request(route.operation, &locum);
        assert_eq!(request.method(), route.method, "{}", route.operation);
        check(route, &locum, request);
    }
}

#[test]
fn every_route_has_a_test_and_every_test_a_route() {
    let mut routes: Vec<_> = ROUTES.iter().map(|route| route.operation).collect();
    let mut tests: Vec<_> = SUCCESSES.iter().map(|success| success.operation).collect();
    routes.sort_unstable();
    tests.sort_unstable();
    assert_eq!(routes, tests);
}

#[test]
fn every_route_answers() {
    each(|route, locum, request| {
        let answer = locum.ask(request);
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
    each(|route, locum, request| {
        let asked = locum.world.upstream.requests().len();
        let answer = locum.ask(without_key(request));
        match route.access {
            Access::ApiKey | Access::MetricsKey | Access::GcKey => {
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{}",
                    route.operation
                );
                assert_eq!(answer.error().kind, "invalid_request_error");
                assert_eq!(locum.world.upstream.requests().len(), asked);
            }
            Access::Open | Access::Probe => {
                assert_eq!(answer.status, StatusCode::OK, "{}", route.operation);
            }
        }
    });
}

#[test]
fn every_route_refuses_a_wrong_key_unless_it_is_open() {
    each(|route, locum, request| {
        let answer = locum.ask(with("authorization", "Bearer sk-wrong", request));
        let open = matches!(route.access, Access::Open | Access::Probe);
        assert_eq!(answer.status == StatusCode::OK, open, "{}", route.operation);
        if !open {
            assert_eq!(answer.error().code.as_deref(), Some("invalid_api_key"));
        }
    });
}

#[test]
fn every_route_is_counted_under_its_own_name() {
    each(|route, locum, request| {
        let series = format!(
            "locum_requests_total{{route=\"{}\",method=\"{}\",status=\"200\"}}",
            route.path, route.method
        );
        let before = locum.metric(&series);
        locum.ask(request);
        assert_eq!(locum.metric(&series), before + 1.0, "{series}");
        assert_eq!(locum.metric("locum_requests_in_flight"), 0.0);
    });
}

#[test]
fn every_route_that_is_read_answers_head() {
    each(|route, locum, mut request| {
        *request.method_mut() = Method::HEAD;
        let answer = locum.ask(request);
        let expected = if methods_of(route.path).contains(&Method::GET) {
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
    each(|route, locum, success| {
        let answer = locum.ask(request(Method::PUT, success.uri().path(), "{}"));
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{}",
            route.operation
        );
        let mut said: Vec<_> = answer.header("allow").split(',').collect();
        let mut allowed = methods_of(route.path);
        if allowed.contains(&Method::GET) {
            allowed.push(Method::HEAD);
        }
        said.sort_unstable();
        allowed.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        assert_eq!(said, allowed, "{}", route.operation);
        assert_eq!(answer.error().code.as_deref(), Some("method_not_supported"));
    });
}

/// The methods of a path, of all its routes.
fn methods_of(path: &str) -> Vec<Method> {
    let routes = ROUTES.iter().filter(|route| route.path == path);
    routes.map(|route| route.method.clone()).collect()
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
        "/v1/assistants/",
        "/v1/assistants/asst_1/x",
        "/v1/threads/thread_1/messages/msg_1/",
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
    assert_eq!(locum.metric(series), 11.0);
}
