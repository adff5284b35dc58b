//! What is refused, and in which words.

use axum::body::Body;
use futures_util::future::join_all;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::scene::{Scene, tool};
use crate::support::{error_of, get, post, request};

#[test]
fn one_of_many_who_want_the_thread_gets_it() {
    for stream in [false, true] {
        let scene = Scene::new("gpt-4.1-mini", "hello");
        let body = scene.asked(&json!({"stream": stream}));
        let answers = scene.locum.world.clock.run(join_all((0..16).map(|_| async {
            let response = scene.locum.begin(post(&scene.runs(), &body)).await;
            let status = response.status();
            (
                status,
                response.into_body().collect().await.unwrap().to_bytes(),
            )
        })));
        let (won, lost): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|(status, _)| *status == StatusCode::OK);
        assert_eq!((won.len(), lost.len()), (1, 15));
        let runs = scene.locum.get(&scene.runs()).json();
        assert_eq!(runs["data"].as_array().unwrap().len(), 1);
        let sentence = format!(
            "Thread {} already has an active run {}.",
            scene.thread,
            runs["first_id"].as_str().unwrap()
        );
        for (status, body) in lost {
            assert_eq!(*status, StatusCode::BAD_REQUEST);
            let error = error_of(&serde_json::from_slice(body).unwrap());
            assert_eq!(error.message, sentence);
            assert_eq!(error.kind, "invalid_request_error");
        }
        scene.settle(&json!({"id": runs["first_id"]}));
        assert_eq!(scene.written().len(), 1);
    }
}

#[test]
fn a_thread_at_work_takes_neither_runs_nor_messages() {
    let scene = Scene::new("gpt-4.1-mini", "please call get_time");
    let run = scene.run(&json!({}));
    let id = run["id"].as_str().unwrap();
    let thread = &scene.thread;
    let messages = format!("/v1/threads/{thread}/messages");
    let said = json!({"role": "user", "content": "more"});
    assert_eq!(
        scene.locum.post(&messages, &said).refusal().message,
        format!("Can't add messages to {thread} while a run {id} is active.")
    );
    let body = scene.asked(&json!({"additional_messages": [said]}));
    assert_eq!(
        scene.locum.post(&scene.runs(), &body).refusal().message,
        format!("Thread {thread} already has an active run {id}.")
    );
    // Of the refused run nothing is left.
    let list = scene.locum.get(&messages).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[test]
fn bodies_that_are_wrong() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    for (members, param, code) in [
        (
            json!({"assistant_id": null}),
            "assistant_id",
            "invalid_type",
        ),
        (
            json!({"max_prompt_tokens": 255}),
            "max_prompt_tokens",
            "integer_below_min_value",
        ),
        (
            json!({"temperature": 2.1}),
            "temperature",
            "decimal_above_max_value",
        ),
        (
            json!({"truncation_strategy": {"type": "last_messages"}}),
            "truncation_strategy.last_messages",
            "missing_required_parameter",
        ),
        (
            json!({"tools": [{"type": "file_search"}]}),
            "tools[0].type",
            "unsupported_parameter",
        ),
        (
            json!({"tool_choice": "all"}),
            "tool_choice",
            "invalid_value",
        ),
        (json!({"metadata": {"a": 1}}), "metadata.a", "invalid_type"),
    ] {
        let body = scene.asked(&members);
        for path in [&scene.runs(), "/v1/threads/runs"] {
            let refusal = scene.locum.post(path, &body).refusal();
            assert_eq!(refusal.param.as_deref(), Some(param));
            assert_eq!(refusal.code.as_deref(), Some(code));
        }
    }
    let tools: Vec<Value> = (0..129).map(|n| tool(&format!("f{n}"))).collect();
    let refusal = scene
        .locum
        .post(&scene.runs(), &scene.asked(&json!({"tools": tools})));
    assert_eq!(refusal.refusal().param.as_deref(), Some("tools"));
    assert!(scene.locum.world.upstream.requests().is_empty());
    let none = scene.locum.get(&scene.runs()).json();
    assert_eq!(none["data"], json!([]));
}

#[test]
fn as_many_tools_as_there_may_be() {
    let scene = Scene::new("gpt-4.1-mini", "please call f127");
    let tools: Vec<Value> = (0..128).map(|n| tool(&format!("f{n}"))).collect();
    let run = scene.run(&json!({"tools": tools}));
    assert_eq!(run["tools"].as_array().unwrap().len(), 128);
    let calls = super::scene::required(&run);
    assert_eq!(calls[0]["function"]["name"], "f127");
}

fn paths(thread: &str, run: &str) -> Vec<Request<Body>> {
    let runs = format!("/v1/threads/{thread}/runs");
    vec![
        get(&format!("{runs}/{run}")),
        post(&format!("{runs}/{run}"), &json!({"metadata": {}})),
        post(&format!("{runs}/{run}/cancel"), &json!({})),
        post(
            &format!("{runs}/{run}/submit_tool_outputs"),
            &json!({"tool_outputs": []}),
        ),
        get(&format!("{runs}/{run}/steps")),
        get(&format!("{runs}/{run}/steps/step_1")),
    ]
}

#[test]
fn ids_of_other_kinds_and_of_nothing_find_nothing() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    let run = scene.run(&json!({}));
    let run = run["id"].as_str().unwrap();
    let (thread, assistant) = (scene.thread.as_str(), scene.assistant.as_str());
    let other = scene.locum.thread();
    for (thread, run, noun, missing) in [
        (thread, "run_none", "run", "run_none"),
        (thread, thread, "run", thread),
        (thread, assistant, "run", assistant),
        (other.as_str(), run, "run", run),
        ("thread_none", run, "thread", "thread_none"),
        (assistant, run, "thread", assistant),
        (run, run, "thread", run),
    ] {
        for request in paths(thread, run) {
            let sentence = format!("No {noun} found with id '{missing}'.");
            assert_eq!(scene.locum.ask(request).not_found(), sentence);
        }
    }
    let runs = "/v1/threads/thread_none/runs";
    assert_eq!(
        scene.locum.get(runs).not_found(),
        "No thread found with id 'thread_none'."
    );
    let asked = scene.asked(&json!({}));
    let sentence = scene.locum.post(runs, &asked).not_found();
    assert_eq!(sentence, "No thread found with id 'thread_none'.");
    for path in [&scene.runs(), "/v1/threads/runs"] {
        for (id, read) in [
            ("asst_none", "asst_none"),
            (thread, thread),
            ("a\u{0}b", "a\u{fffd}b"),
        ] {
            let body = json!({"assistant_id": id});
            let sentence = format!("No assistant found with id '{read}'.");
            assert_eq!(scene.locum.post(path, &body).not_found(), sentence);
        }
    }
}

#[test]
fn a_cancel_needs_no_body_and_a_change_neither() {
    let scene = Scene::new("gpt-4.1-mini", "please call get_time");
    let run = scene.run(&json!({}));
    let path = scene.path(&run);
    let changed = scene.locum.ask(request(Method::POST, &path, Body::empty()));
    assert_eq!(changed.json()["status"], "requires_action");
    let cancel = format!("{path}/cancel");
    let cancelled = scene
        .locum
        .ask(request(Method::POST, &cancel, Body::empty()));
    assert_eq!(cancelled.json()["status"], "cancelling");
}

#[test]
fn what_can_be_included() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    let known = "step_details.tool_calls[*].file_search.results[*].content";
    let run = scene.run(&json!({}));
    let steps = format!("{}/steps", scene.path(&run));
    let step = scene.steps(&run)[0]["id"].as_str().unwrap().to_owned();
    let encoded =
        "include%5B%5D=step_details.tool_calls%5B%2A%5D.file_search.results%5B%2A%5D.content";
    for path in [
        format!("{steps}?{encoded}"),
        format!("{steps}/{step}?include[]={known}"),
    ] {
        scene.locum.get(&path).json();
    }
    let begun = format!("{}?{encoded}", scene.runs());
    assert_eq!(
        scene.locum.post(&begun, &scene.asked(&json!({}))).json()["status"],
        "queued"
    );
    for request in [
        get(&format!("{steps}?include[]=all")),
        get(&format!(
            "{steps}?include[]={known}&include[]=x&include[]={known}"
        )),
        get(&format!("{steps}/{step}?include[]=")),
        post(
            &format!("{}?include[]=x", scene.runs()),
            &scene.asked(&json!({})),
        ),
    ] {
        let refusal = scene.locum.ask(request).refusal();
        assert_eq!(refusal.param.as_deref(), Some("include[]"));
        assert!(
            refusal
                .message
                .ends_with(&format!("Supported values are: '{known}'."))
        );
    }
}
