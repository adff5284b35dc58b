//! Where a request belongs, on a host that keeps each project's objects in a place of its own.

use http::{HeaderMap, Method, header};
use locum_api::{Access, ROUTES, owner, refuse};
use locum_domain::error::ApiError;
use std::time::Duration;

use crate::support::{GC_KEY, KEY, Locum};

/// The project that a request with this key belongs to.
fn owned(locum: &Locum, method: &Method, path: &str, key: Option<&str>) -> Option<String> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let value = format!("Bearer {key}").parse().unwrap();
        headers.insert(header::AUTHORIZATION, value);
    }
    owner(&locum.app, method, path, &headers).map(|project| project.to_string())
}

#[test]
fn each_route_that_stands_on_objects_belongs_to_the_keys_project() {
    let locum = Locum::new();
    for route in ROUTES {
        let key = match route.access {
            Access::GcKey => GC_KEY,
            _ => KEY,
        };
        let found = owned(&locum, &route.method, route.path, Some(key));
        let expected = route.stands_on_objects().then_some("default");
        assert_eq!(found.as_deref(), expected, "{}", route.operation);
        // Without its key nobody comes as far as to the objects.
        for wrong in [None, Some("sk-guess")] {
            let found = owned(&locum, &route.method, route.path, wrong);
            assert_eq!(found, None, "{}", route.operation);
        }
    }
}

#[test]
fn what_needs_no_objects_is_answered_where_it_comes_in() {
    let operations: Vec<_> = ROUTES
        .iter()
        .filter(|route| !route.stands_on_objects())
        .map(|route| route.operation)
        .collect();
    assert_eq!(
        operations,
        [
            "create_chat_completion",
            "create_completion",
            "create_embedding",
            "list_models",
            "retrieve_model",
            "health",
            "health_live",
            "health_ready",
            "metrics",
            "index",
        ]
    );
}

#[test]
fn paths_that_only_look_alike_belong_to_nobody() {
    let locum = Locum::new();
    for path in [
        "/v1/threadsafe",
        "/v1/files2",
        "/v1",
        "/administer",
        "/V1/threads",
        "/.object/check",
    ] {
        assert_eq!(owned(&locum, &Method::GET, path, Some(KEY)), None, "{path}");
    }
    let below = owned(&locum, &Method::GET, "/v1/threads/x/what", Some(KEY));
    assert_eq!(below.as_deref(), Some("default"));
}

#[test]
fn preflights_come_without_a_key_and_need_no_objects() {
    let locum = Locum::new();
    assert_eq!(
        owned(&locum, &Method::OPTIONS, "/v1/threads", Some(KEY)),
        None
    );
}

#[test]
fn collecting_belongs_to_nobody_where_it_is_switched_off() {
    let locum = Locum::with(&[("GC_ADMIN_KEY", "")]);
    let found = owned(&locum, &Method::POST, "/admin/gc", Some(GC_KEY));
    assert_eq!(found, None);
}

#[test]
fn a_refusal_before_all_routes_looks_like_any_other() {
    let locum = Locum::new();
    let refusal = ApiError::busy(
        "Storage is not available right now.",
        Duration::from_secs(1),
    );
    let response = refuse(&locum.app, refusal);
    assert_eq!(response.status(), 503);
    for name in [
        "x-request-id",
        "retry-after",
        "content-type",
        "openai-version",
        "x-frame-options",
    ] {
        assert!(response.headers().contains_key(name), "{name}");
    }
}
