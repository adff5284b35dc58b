//! `/admin/gc`.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, GC_KEY, KEY, Locum, METRICS_KEY, request, with, without_key};

const PATH: &str = "/admin/gc";

fn collect(locum: &Locum, query: &str) -> Answer {
    let request = request(Method::POST, &format!("{PATH}{query}"), "");
    locum.ask(with("authorization", &format!("Bearer {GC_KEY}"), request))
}

fn nothing(dry_run: bool) -> Value {
    json!({
        "dry_run": dry_run,
        "expired_files": 0,
        "orphaned_blobs": 0,
        "freed_bytes": 0,
        "deleted_rows": {
            "assistants": 0, "threads": 0, "messages": 0, "runs": 0, "steps": 0, "files": 0, "total": 0,
        },
        "expired_runs": 0,
    })
}

#[test]
fn there_may_be_nothing_to_collect() {
    let locum = Locum::new();
    assert_eq!(collect(&locum, "").json(), nothing(false));
    assert_eq!(collect(&locum, "?dry_run=false").json(), nothing(false));
    assert_eq!(collect(&locum, "?dry_run=true").json(), nothing(true));
}

#[test]
fn garbage_is_collected_and_a_dry_run_only_says_so() {
    let locum = Locum::new();
    let parts = "--cut\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nevals\r\n--cut\r\n\
        content-disposition: form-data; name=\"expires_after\"\r\n\r\n\
        {\"anchor\": \"created_at\", \"seconds\": 3600}\r\n--cut\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\n\r\nhello\r\n--cut--";
    let upload = request(Method::POST, "/v1/files", parts);
    let upload = with("content-type", "multipart/form-data; boundary=cut", upload);
    let file = locum.ask(upload).json();
    let assistant = locum.assistant();
    locum.delete(&format!("/v1/assistants/{assistant}")).json();
    assert_eq!(collect(&locum, "?dry_run=true").json()["expired_files"], 0);
    locum.wait(Duration::from_secs(3600));

    let mut expected = nothing(true);
    expected["expired_files"] = 1.into();
    expected["freed_bytes"] = 5.into();
    expected["deleted_rows"]["assistants"] = 1.into();
    expected["deleted_rows"]["files"] = 1.into();
    expected["deleted_rows"]["total"] = 2.into();
    for _ in 0..2 {
        assert_eq!(collect(&locum, "?dry_run=true").json(), expected);
    }
    assert_eq!(locum.world.blobs.names(), [file["id"].as_str().unwrap()]);
    expected["dry_run"] = false.into();
    assert_eq!(collect(&locum, "").json(), expected);
    assert_eq!(collect(&locum, "").json(), nothing(false));
    assert!(locum.world.blobs.names().is_empty());
}

#[test]
fn a_wrong_dry_run_collects_nothing() {
    let locum = Locum::new();
    for query in [
        "?dry_run=yes",
        "?dry_run",
        "?dry_run=",
        "?dry_run=TRUE",
        "?dry_run=true&dry_run=1",
    ] {
        let refusal = collect(&locum, query).refusal();
        assert_eq!(refusal.param.as_deref(), Some("dry_run"), "{query}");
    }
}

#[test]
fn it_has_a_key_of_its_own() {
    let locum = Locum::new();
    for key in [KEY, METRICS_KEY, "", "collect-"] {
        let request = request(Method::POST, PATH, "");
        let answer = locum.ask(with("authorization", &format!("Bearer {key}"), request));
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{key}");
    }
    let open = Locum::with(&[("ENABLE_AUTH", "false")]);
    let answer = open.ask(without_key(request(Method::POST, PATH, "")));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(collect(&open, "").status, StatusCode::OK);
}

#[test]
fn without_a_key_it_is_not_there() {
    let locum = Locum::with(&[("GC_ADMIN_KEY", "")]);
    let answer = collect(&locum, "");
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.error().message, "Invalid URL (POST /admin/gc)");
    assert_eq!(locum.get(PATH).status, StatusCode::METHOD_NOT_ALLOWED);
}
