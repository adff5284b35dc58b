//! Runs that are watched.

use std::time::Duration;

use http::StatusCode;
use locum_testkit::Fault;
use serde_json::json;

use super::scene::{MODELS, Scene, streamed, text};
use crate::{
    run_stream::watcher::Watcher,
    support::{get, next_bytes, post},
};

const WHOLE: [&str; 12] = [
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.message.created",
    "thread.message.in_progress",
    "thread.message.delta",
    "thread.message.completed",
    "thread.run.step.completed",
    "thread.run.completed",
    "done",
];

#[test]
fn a_run_that_answers() {
    for (provider, model) in MODELS {
        let scene = Scene::new(model, "good morning to you all");
        let watcher = scene.stream(&json!({}));
        assert_eq!(watcher.names, WHOLE);
        assert_eq!(watcher.texts(), ["echo: good morning to you all"]);
        // What was told is what is stored.
        let path = scene.path(watcher.run());
        let stored = scene.locum.get(&path);
        assert_eq!(stored.header("x-locum-provider"), provider);
        assert_eq!(watcher.run(), &stored.json());
        assert_eq!(text(&scene.written()[0]), "echo: good morning to you all");
    }
}

#[test]
fn a_thread_is_told_before_its_run() {
    let scene = Scene::new("gpt-4.1-mini", "elsewhere");
    let body = json!({
        "assistant_id": scene.assistant,
        "thread": {"messages": [{"role": "user", "content": "hello"}]},
        "stream": true,
    });
    let watcher = streamed(&scene.locum.post("/v1/threads/runs", &body));
    assert_eq!(watcher.names[0], "thread.created");
    assert_eq!(watcher.names[1..], WHOLE);
}

#[test]
fn a_stream_counts_when_it_has_ended() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    let series = |status: u16| {
        format!(
            "locum_requests_total{{route=\"/v1/threads/{{thread_id}}/runs\",method=\"POST\",status=\"{status}\"}}"
        )
    };
    scene.stream(&json!({}));
    assert_eq!(scene.locum.metric(&series(200)), 1.0);
    scene.locum.world.clock.run(async {
        let mut body = scene.begin_stream().await;
        next_bytes(&mut body).await.unwrap();
        assert_eq!(scene.locum.metric("locum_requests_in_flight"), 1.0);
    });
    assert_eq!(scene.locum.metric(&series(200)), 1.0);
    assert_eq!(scene.locum.metric(&series(499)), 1.0);
    assert_eq!(scene.locum.metric("locum_requests_in_flight"), 0.0);
}

#[test]
fn a_client_that_leaves_does_not_stop_its_run() {
    let scene = Scene::new("gpt-4.1-mini", "one two three four five six seven");
    scene.locum.world.upstream.pace(Duration::from_secs(1));
    let id = scene.locum.world.clock.run(async {
        let mut body = scene.begin_stream().await;
        let read = Scene::read_until(&mut body, "thread.message.delta").await;
        drop(body);
        let data = read.split("data: ").nth(1).unwrap();
        let run: serde_json::Value = serde_json::from_str(data.lines().next().unwrap()).unwrap();
        run
    });
    let run = scene.settle(&id).json();
    assert_eq!(run["status"], "completed");
    assert_eq!(
        text(&scene.written()[0]),
        "echo: one two three four five six seven"
    );
}

#[test]
fn pauses_are_filled() {
    let scene = Scene::with(&[("PROVIDER_TIMEOUT", "60000")], "gpt-4.1-mini", "hello");
    let upstream = &scene.locum.world.upstream;
    upstream.openai([Fault::Good.after(Duration::from_secs(35))]);
    let watcher = scene.stream(&json!({}));
    assert_eq!(watcher.names, WHOLE);
    assert_eq!(watcher.comments, 3);
}

#[test]
fn a_watched_run_is_what_a_poller_sees() {
    let scene = Scene::new("gpt-4.1-mini", "one two three four five six seven");
    scene.locum.world.upstream.pace(Duration::from_secs(1));
    let stream = scene.locum.world.clock.run(async {
        let mut body = scene.begin_stream().await;
        let mut read = Scene::read_until(&mut body, "thread.message.delta").await;
        let list = scene.ask(get(&scene.runs())).await;
        assert_eq!(list["data"][0]["status"], "in_progress");
        // A second run, or a message, is refused meanwhile.
        let messages = format!("/v1/threads/{}/messages", scene.thread);
        let said = json!({"role": "user", "content": "more"});
        let refused = scene.locum.begin(post(&messages, &said)).await;
        assert_eq!(refused.status(), 400);
        read.push_str(&Scene::read_on(body).await);
        read
    });
    assert_eq!(Watcher::of(&stream).names, WHOLE);
}

#[test]
fn a_run_can_be_watched_by_who_did_not_begin_it() {
    let scene = Scene::new("gpt-4.1-mini", "one two three four");
    let upstream = &scene.locum.world.upstream;
    upstream.openai([Fault::Good.after(Duration::from_secs(5))]);
    let run = scene.begin(&json!({}));
    let path = format!("{}?stream=true", scene.path(&run));
    let watcher = streamed(&scene.locum.get(&path));
    assert_eq!(watcher.names, WHOLE[2..]);
    assert_eq!(watcher.texts(), ["echo: one two three four"]);
    assert_eq!(watcher.run(), &scene.locum.get(&scene.path(&run)).json());
    // Once it has ended, all of it is told at once.
    let again = streamed(&scene.locum.get(&path));
    assert_eq!(again.names, WHOLE[3..]);
}

#[test]
fn what_cannot_be_watched_is_refused_by_a_status() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    let nowhere = scene
        .locum
        .get(&format!("{}/run_none?stream=true", scene.runs()));
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    let run = scene.run(&json!({}));
    let whole = scene
        .locum
        .get(&format!("{}?stream=false", scene.path(&run)));
    assert_eq!(whole.json(), run);
    let unclear = scene.locum.get(&format!("{}?stream=yes", scene.path(&run)));
    assert_eq!(unclear.status, StatusCode::BAD_REQUEST);
    assert_eq!(unclear.error().param.as_deref(), Some("stream"));
}
