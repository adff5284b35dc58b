//! An assistant and a thread, and what a test does with them.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use locum_engine::ports::Spawn;
use serde_json::{Value, json};

use crate::{
    run_stream::watcher::Watcher,
    support::{Answer, Locum, next_bytes, post},
};

/// The models that each provider serves.
pub const MODELS: [(&str, &str); 2] = [("openai", "gpt-4.1-mini"), ("gemini", "gemini-2.5-flash")];

/// No provider stands in for another, and none is asked twice.
pub const ONE_TRY: &[(&str, &str)] = &[
    ("PROVIDER_FALLBACK_ENABLED", "false"),
    ("PROVIDER_MAX_RETRIES", "0"),
];

/// How often a run is asked for before a test gives it up.
const MOST_POLLS: u32 = 2000;

/// A Locum with an assistant and a thread.
pub struct Scene {
    pub locum: Locum,
    pub assistant: String,
    pub thread: String,
}

impl Scene {
    /// An assistant of `model`, and a thread in which the user says `said`.
    pub fn new(model: &str, said: &str) -> Self {
        Self::with(&[], model, said)
    }

    /// With these settings besides.
    pub fn with(settings: &[(&str, &str)], model: &str, said: &str) -> Self {
        let locum = Locum::with(settings);
        let assistant = locum.make(
            "/v1/assistants",
            &json!({"model": model, "instructions": "Be kind.", "tools": [tool("get_weather"), tool("get_time")]}),
        );
        let messages = json!([{"role": "user", "content": said}]);
        let thread = locum.make("/v1/threads", &json!({"messages": messages}));
        Self {
            locum,
            assistant,
            thread,
        }
    }

    /// The path of the thread's runs.
    pub fn runs(&self) -> String {
        format!("/v1/threads/{}/runs", self.thread)
    }

    /// The path of a run.
    pub fn path(&self, run: &Value) -> String {
        format!("{}/{}", self.runs(), run["id"].as_str().unwrap())
    }

    /// A request for a run, with `members` besides the assistant.
    pub fn asked(&self, members: &Value) -> Value {
        let mut body = json!({"assistant_id": self.assistant});
        let members = members.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        body
    }

    /// Begins a run.
    pub fn begin(&self, members: &Value) -> Value {
        self.locum.post(&self.runs(), &self.asked(members)).json()
    }

    /// Asks for a run until nothing happens to it by itself.
    pub fn settle(&self, run: &Value) -> Answer {
        let path = self.path(run);
        for _ in 0..MOST_POLLS {
            let answer = self.locum.get(&path);
            let run = answer.json();
            if !matches!(
                run["status"].as_str().unwrap(),
                "queued" | "in_progress" | "cancelling"
            ) {
                return answer;
            }
            assert_eq!(answer.header("openai-poll-after-ms"), "300");
            self.locum.wait(Duration::from_millis(300));
        }
        panic!("the run never ends");
    }

    /// Begins a run and waits for what becomes of it.
    pub fn run(&self, members: &Value) -> Value {
        self.settle(&self.begin(members)).json()
    }

    /// Streams a run to its end.
    pub fn stream(&self, members: &Value) -> Watcher {
        let mut body = self.asked(members);
        body["stream"] = true.into();
        streamed(&self.locum.post(&self.runs(), &body))
    }

    /// Begins a streamed run, and leaves the stream to the test.
    pub async fn begin_stream(&self) -> Body {
        let body = self.asked(&json!({"stream": true}));
        let response = self.locum.begin(post(&self.runs(), &body)).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }

    /// Asks beside what else goes on.
    pub async fn ask(&self, request: Request<Body>) -> Value {
        let response = self.locum.begin(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    /// Hands the outputs of `run`'s calls in: what was called, and that it was.
    pub fn outputs(run: &Value) -> Value {
        let calls = required(run).iter().map(|call| {
            let output = format!("{} answered", call["function"]["name"].as_str().unwrap());
            json!({"tool_call_id": call["id"], "output": output})
        });
        json!({"tool_outputs": calls.collect::<Vec<_>>()})
    }

    /// The messages of the thread that runs wrote, newest first.
    pub fn written(&self) -> Vec<Value> {
        let list = self
            .locum
            .get(&format!("/v1/threads/{}/messages", self.thread));
        let messages = list.json()["data"].as_array().unwrap().clone();
        let by_run = |message: &Value| message["role"] == "assistant";
        messages.into_iter().filter(by_run).collect()
    }

    /// The steps of a run, oldest first.
    pub fn steps(&self, run: &Value) -> Vec<Value> {
        let list = self
            .locum
            .get(&format!("{}/steps?order=asc", self.path(run)));
        list.json()["data"].as_array().unwrap().clone()
    }

    /// Has runs attended to that nobody drives, as a host does.
    pub fn attend(&self) {
        let assistants = Arc::clone(&self.locum.app.assistants);
        let attending = assistants.attend(true);
        self.locum.world.tasks.spawn(Box::pin(attending));
    }

    /// Reads a stream up to where `text` has come; the whole of it if it ends before that.
    pub async fn read_until(body: &mut Body, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let Some(bytes) = next_bytes(body).await else {
                break;
            };
            read.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        read
    }

    /// Reads a stream to its end.
    pub async fn read_on(body: Body) -> String {
        let rest = body.collect().await.unwrap().to_bytes();
        String::from_utf8(rest.to_vec()).unwrap()
    }
}

/// A function without arguments.
pub fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

/// The calls that a run waits for.
pub fn required(run: &Value) -> &[Value] {
    assert_eq!(run["status"], "requires_action", "{run:#}");
    let calls = &run["required_action"]["submit_tool_outputs"]["tool_calls"];
    calls.as_array().unwrap()
}

/// What a whole stream tells.
pub fn streamed(answer: &Answer) -> Watcher {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(answer.header("cache-control"), "no-cache");
    Watcher::of(answer.text())
}

/// The text of a message.
pub fn text(message: &Value) -> &str {
    message["content"][0]["text"]["value"].as_str().unwrap()
}
