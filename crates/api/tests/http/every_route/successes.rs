//! For every operation a request that succeeds.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::{GC_KEY, Locum, chat, delete, get, post, with};

/// An operation, and a request for it that succeeds, once what it needs is there.
pub struct Success {
    pub operation: &'static str,
    pub request: fn(&Locum) -> Request<Body>,
}

const fn success(operation: &'static str, request: fn(&Locum) -> Request<Body>) -> Success {
    Success { operation, request }
}

pub const SUCCESSES: &[Success] = &[
    success("create_chat_completion", |_| {
        post("/v1/chat/completions", &chat("gpt-4.1-mini"))
    }),
    success("create_completion", |_| {
        let body = json!({"model": "gpt-4.1-mini", "prompt": "Say hello"});
        post("/v1/completions", &body)
    }),
    success("create_embedding", |_| {
        let body = json!({"model": "text-embedding-3-small", "input": "hello"});
        post("/v1/embeddings", &body)
    }),
    success("list_models", |_| get("/v1/models")),
    success("retrieve_model", |_| get("/v1/models/gpt-4.1-mini")),
    success("create_assistant", |_| {
        post("/v1/assistants", &json!({"model": "gpt-4.1-mini"}))
    }),
    success("list_assistants", |locum| {
        locum.assistant();
        get("/v1/assistants")
    }),
    success("retrieve_assistant", |locum| get(&assistant(locum))),
    success("modify_assistant", |locum| {
        post(&assistant(locum), &json!({"name": "Ada"}))
    }),
    success("delete_assistant", |locum| delete(&assistant(locum))),
    success("create_thread", |_| post("/v1/threads", &json!({}))),
    success("list_threads", |locum| {
        locum.thread();
        get("/v1/threads")
    }),
    success("retrieve_thread", |locum| get(&thread(locum))),
    success("modify_thread", |locum| {
        post(&thread(locum), &json!({"metadata": {"a": "b"}}))
    }),
    success("delete_thread", |locum| delete(&thread(locum))),
    success("create_message", |locum| {
        post(&format!("{}/messages", thread(locum)), &said("hello"))
    }),
    success("list_messages", |locum| get(folder(&message(locum)))),
    success("retrieve_message", |locum| get(&message(locum))),
    success("modify_message", |locum| {
        post(&message(locum), &json!({"metadata": {"a": "b"}}))
    }),
    success("delete_message", |locum| delete(&message(locum))),
    success("create_thread_and_run", |locum| {
        let body =
            json!({"assistant_id": locum.assistant(), "thread": {"messages": [said("hello")]}});
        post("/v1/threads/runs", &body)
    }),
    success("create_run", |locum| {
        let body = json!({"assistant_id": locum.assistant()});
        post(&format!("{}/runs", thread(locum)), &body)
    }),
    success("list_runs", |locum| get(folder(&waiting_run(locum).path))),
    success("retrieve_run", |locum| get(&waiting_run(locum).path)),
    success("modify_run", |locum| {
        post(&waiting_run(locum).path, &json!({"metadata": {"a": "b"}}))
    }),
    success("cancel_run", |locum| {
        let path = format!("{}/cancel", waiting_run(locum).path);
        post(&path, &json!({}))
    }),
    success("submit_tool_outputs", |locum| {
        let run = waiting_run(locum);
        let path = format!("{}/submit_tool_outputs", run.path);
        let output = json!({"tool_call_id": run.call, "output": "12 degrees"});
        post(&path, &json!({"tool_outputs": [output]}))
    }),
    success("list_run_steps", |locum| {
        get(&format!("{}/steps", waiting_run(locum).path))
    }),
    success("retrieve_run_step", |locum| {
        let steps = format!("{}/steps", waiting_run(locum).path);
        let list = locum.get(&steps).json();
        get(&format!("{steps}/{}", text(&list["first_id"])))
    }),
    success("create_file", |_| upload()),
    success("list_files", |locum| get(folder(&file(locum)))),
    success("retrieve_file", |locum| get(&file(locum))),
    success("delete_file", |locum| delete(&file(locum))),
    success("download_file", |locum| {
        get(&format!("{}/content", file(locum)))
    }),
    success("collect_garbage", |_| {
        let request = post("/admin/gc", &json!({}));
        with("authorization", &format!("Bearer {GC_KEY}"), request)
    }),
    success("health", |_| get("/health")),
    success("health_live", |_| get("/health/live")),
    success("health_ready", |_| get("/health/ready")),
    success("metrics", |_| get("/metrics")),
    success("index", |_| get("/")),
];

/// A request that succeeds for `operation`, once what it needs is there in `locum`.
pub fn request(operation: &str, locum: &Locum) -> Request<Body> {
    let success = SUCCESSES
        .iter()
        .find(|success| success.operation == operation)
        .unwrap_or_else(|| panic!("no test asks for {operation}"));
    (success.request)(locum)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The list that an object is in.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').unwrap().0
}

fn said(content: &str) -> Value {
    json!({"role": "user", "content": content})
}

fn assistant(locum: &Locum) -> String {
    format!("/v1/assistants/{}", locum.assistant())
}

fn thread(locum: &Locum) -> String {
    format!("/v1/threads/{}", locum.thread())
}

fn message(locum: &Locum) -> String {
    let messages = format!("{}/messages", thread(locum));
    let id = locum.make(&messages, &said("hello"));
    format!("{messages}/{id}")
}

struct WaitingRun {
    path: String,
    /// The id of the call whose output it waits for.
    call: String,
}

/// A run that waits for the output of a function.
fn waiting_run(locum: &Locum) -> WaitingRun {
    let tool = json!({"type": "function", "function": {"name": "get_weather"}});
    let assistant = locum.make(
        "/v1/assistants",
        &json!({"model": "gpt-4.1-mini", "tools": [tool]}),
    );
    let thread = json!({"messages": [said("Please call get_weather")]});
    let run = locum.post(
        "/v1/threads/runs",
        &json!({"assistant_id": assistant, "thread": thread}),
    );
    let run = run.json();
    let path = format!(
        "/v1/threads/{}/runs/{}",
        text(&run["thread_id"]),
        text(&run["id"])
    );
    // What was begun goes on while time passes.
    locum.wait(std::time::Duration::from_secs(1));
    let run = locum.get(&path).json();
    assert_eq!(run["status"], "requires_action");
    let calls = &run["required_action"]["submit_tool_outputs"]["tool_calls"];
    WaitingRun {
        path,
        call: text(&calls[0]["id"]),
    }
}

fn upload() -> Request<Body> {
    let body = "--cut\r\n\
        content-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--cut\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\n\
        content-type: text/plain\r\n\r\nhello\r\n--cut--\r\n";
    let request = crate::support::request(http::Method::POST, "/v1/files", body);
    with("content-type", "multipart/form-data; boundary=cut", request)
}

fn file(locum: &Locum) -> String {
    let file = locum.ask(upload()).json();
    format!("/v1/files/{}", text(&file["id"]))
}
