//! Ids in paths that are no ids.

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Locum, delete, get, post, request};

#[test]
fn ids_of_other_kinds_find_nothing() {
    let locum = Locum::new();
    let (assistant, thread) = (locum.assistant(), locum.thread());
    let messages = format!("/v1/threads/{thread}/messages");
    let message = locum.make(&messages, &json!({"role": "user", "content": "a"}));
    for (path, noun, id) in [
        (format!("/v1/assistants/{thread}"), "assistant", &thread),
        (format!("/v1/assistants/{message}"), "assistant", &message),
        (format!("/v1/threads/{assistant}"), "thread", &assistant),
        (format!("/v1/threads/{message}"), "thread", &message),
        (format!("{messages}/{thread}"), "message", &thread),
        (
            format!("/v1/threads/{assistant}/messages"),
            "thread",
            &assistant,
        ),
    ] {
        let sentence = format!("No {noun} found with id '{id}'.");
        assert_eq!(locum.get(&path).not_found(), sentence);
    }
}

#[test]
fn tricks_in_paths_find_nothing() {
    let locum = Locum::new();
    let thread = locum.thread();
    let long = "a".repeat(10_000);
    for (written, read) in [
        ("..%2f..%2fetc%2fpasswd", "../../etc/passwd"),
        ("%2e%2e", ".."),
        ("..", ".."),
        (".", "."),
        ("asst_1%00", "asst_1\u{fffd}"),
        ("a%0d%0ab", "a\u{fffd}\u{fffd}b"),
        ("'%20OR%201=1--", "' OR 1=1--"),
        ("%F0%9F%A6%80", "🦀"),
        ("%25", "%"),
        ("*", "*"),
        (&long, &long[..256]),
    ] {
        for (path, noun) in [
            (format!("/v1/assistants/{written}"), "assistant"),
            (format!("/v1/threads/{written}"), "thread"),
            (format!("/v1/threads/{written}/messages"), "thread"),
            (
                format!("/v1/threads/{thread}/messages/{written}"),
                "message",
            ),
            (format!("/v1/threads/{thread}/runs/{written}"), "run"),
        ] {
            let sentence = format!("No {noun} found with id '{read}'.");
            assert_eq!(locum.get(&path).not_found(), sentence);
            if path.ends_with("/messages") {
                let said = json!({"role": "user", "content": "a"});
                assert_eq!(locum.post(&path, &said).not_found(), sentence);
            } else {
                let change = json!({"metadata": {"a": "b"}});
                assert_eq!(locum.post(&path, &change).not_found(), sentence);
                if noun != "run" {
                    assert_eq!(locum.delete(&path).not_found(), sentence);
                }
            }
        }
    }
    assert_eq!(
        locum.get("/v1/threads").json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_id_that_is_no_text_is_refused_in_openais_shape() {
    let locum = Locum::new();
    let thread = locum.thread();
    for (path, param) in [
        ("/v1/assistants/%ff".to_owned(), "assistant_id"),
        ("/v1/threads/%ff/messages".to_owned(), "thread_id"),
        (
            format!("/v1/threads/{thread}/messages/%c3%28"),
            "message_id",
        ),
        (format!("/v1/threads/{thread}/runs/%ff"), "run_id"),
        (
            format!("/v1/threads/{thread}/runs/run_1/steps/%ff"),
            "step_id",
        ),
        ("/v1/files/%ff".to_owned(), "file_id"),
    ] {
        let error = locum.get(&path).refusal();
        assert_eq!(error.param.as_deref(), Some(param));
    }
}

#[test]
fn the_word_runs_is_no_thread() {
    let locum = Locum::new();
    for wrong in [get("/v1/threads/runs"), delete("/v1/threads/runs")] {
        let answer = locum.ask(wrong);
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "POST");
    }
    let answer = locum.ask(post(
        "/v1/threads/runs/messages",
        &json!({"role": "user", "content": "a"}),
    ));
    assert_eq!(answer.not_found(), "No thread found with id 'runs'.");
    let answer = locum.ask(request(Method::PATCH, "/v1/threads/x/messages", "{}"));
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.error().code.as_deref(), Some("method_not_supported"));
}
