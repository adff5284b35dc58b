//! Data points: one for each request and each run, for hosts that want them.

use std::sync::{Arc, Mutex};

use locum_engine::ports::{Analytics, RequestPoint, RunPoint, World};
use locum_testkit::Fault;
use serde_json::json;

use crate::support::{Locum, chat, get, post, without_key};

/// What was taken, in a line each.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<String>>>);

impl Taken {
    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Analytics for Taken {
    fn request(&self, point: &RequestPoint<'_>) {
        let usage = point.notes.usage.unwrap_or_default();
        self.0.lock().unwrap().push(format!(
            "{} {} {} {} {:?} {}+{}",
            point.method,
            point.route,
            point.status,
            point.notes.provider.unwrap_or("-"),
            point.error,
            usage.prompt,
            usage.completion,
        ));
    }

    fn run(&self, point: &RunPoint<'_>) {
        let run = point.run;
        let usage = run.usage;
        self.0.lock().unwrap().push(format!(
            "run {} {} {}",
            run.status.as_str(),
            run.served.as_ref().map_or("-", |by| &by.model),
            usage.prompt > 0 && usage.completion > 0,
        ));
    }
}

fn watched() -> (Locum, Taken) {
    let taken = Taken::default();
    let analytics = taken.clone();
    let locum = Locum::in_world(&[("PROVIDER_MAX_RETRIES", "0")], |world| World {
        analytics: Some(Arc::new(analytics)),
        ..world
    });
    (locum, taken)
}

#[test]
fn a_request_gives_one_point_whatever_comes_of_it() {
    let (locum, taken) = watched();
    locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    let line = "POST /v1/chat/completions 200 openai None 11+7";
    let lines = taken.lines();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with(line.trim_end_matches("11+7")) && !lines[0].ends_with("0+0"),
        "{lines:?}"
    );
    locum.ask(without_key(get("/v1/models")));
    locum.get("/v1/nothing/that/exists");
    locum.world.upstream.openai([Fault::Status(500)]);
    locum.world.upstream.gemini([Fault::Status(500)]);
    locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    let lines = taken.lines();
    assert_eq!(
        lines[0],
        "GET /v1/models 401 - Some(\"invalid_request_error\") 0+0"
    );
    assert_eq!(lines[1], "GET unknown 404 - Some(\"unknown_url\") 0+0");
    assert!(
        lines[2].starts_with("POST /v1/chat/completions 50"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_run_gives_one_point_at_its_end() {
    let (locum, taken) = watched();
    let assistant = locum.assistant();
    let thread = locum.make(
        "/v1/threads",
        &json!({"messages": [{"role": "user", "content": "hello"}]}),
    );
    let runs = format!("/v1/threads/{thread}/runs");
    locum.ask(post(
        &runs,
        &json!({"assistant_id": assistant, "stream": true}),
    ));
    let lines = taken.lines();
    let runs: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("run"))
        .collect();
    assert_eq!(runs, ["run completed gpt-4.1-mini-2025-04-14 true"]);
}
