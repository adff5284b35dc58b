//! Runs that are stopped.

use std::time::Duration;

use locum_testkit::Fault;
use serde_json::{Value, json};

use super::scene::{MODELS, Scene, text};
use crate::{run_stream::watcher::Watcher, support::post};

fn cancel(run: &str) -> String {
    format!("{run}/cancel")
}

#[test]
fn a_run_that_is_watched() {
    for (_, model) in MODELS {
        let scene = Scene::new(model, "one two three four five six seven");
        scene.locum.world.upstream.pace(Duration::from_secs(1));
        let stream = scene.locum.world.clock.run(async {
            let mut body = scene.begin_stream().await;
            let mut read = Scene::read_until(&mut body, "thread.message.delta").await;
            let data = read.split("data: ").nth(1).unwrap();
            let run: Value = serde_json::from_str(data.lines().next().unwrap()).unwrap();
            let path = cancel(&scene.path(&run));
            let cancelling = scene.ask(post(&path, &json!({}))).await;
            assert_eq!(cancelling["status"], "cancelling");
            read.push_str(&Scene::read_on(body).await);
            read
        });
        let watcher = Watcher::of(&stream);
        let ending: Vec<_> = watcher.names.iter().rev().take(5).rev().collect();
        assert_eq!(
            ending,
            [
                "thread.run.cancelling",
                "thread.message.incomplete",
                "thread.run.step.cancelled",
                "thread.run.cancelled",
                "done"
            ]
        );
        let run = watcher.run();
        assert!(run["cancelled_at"].is_u64());
        let written = &scene.written()[0];
        assert_eq!(
            written["incomplete_details"],
            json!({"reason": "run_cancelled"})
        );
        assert_eq!(text(written), watcher.texts()[0]);
        let upstream = &scene.locum.world.upstream;
        assert!(upstream.requests()[0].is_cancelled());
        assert_eq!(scene.steps(run)[0]["status"], "cancelled");
    }
}

#[test]
fn a_run_whose_model_has_not_answered() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    scene.locum.world.upstream.openai([Fault::Silent]);
    let run = scene.begin(&json!({}));
    scene.locum.wait(Duration::from_secs(5));
    let answer = scene.locum.post(&cancel(&scene.path(&run)), &json!({}));
    assert_eq!(answer.header("openai-poll-after-ms"), "300");
    assert_eq!(answer.json()["status"], "cancelling");
    let ended = scene.settle(&run).json();
    assert_eq!(ended["status"], "cancelled");
    assert!(ended["cancelled_at"].is_u64());
    assert!(scene.written().is_empty());
    assert!(scene.steps(&ended).is_empty());
}

#[test]
fn a_run_that_waits_for_outputs() {
    let scene = Scene::new("gpt-4.1-mini", "please call get_time");
    let run = scene.run(&json!({}));
    let path = scene.path(&run);
    let cancelling = scene.locum.post(&cancel(&path), &json!({})).json();
    assert_eq!(cancelling["status"], "cancelling");
    assert_eq!(cancelling["required_action"], Value::Null);
    let ended = scene.settle(&run).json();
    assert_eq!(ended["status"], "cancelled");
    assert_eq!(scene.steps(&ended)[0]["status"], "cancelled");
    let outputs = scene.locum.post(
        &format!("{path}/submit_tool_outputs"),
        &Scene::outputs(&run),
    );
    assert_eq!(
        outputs.refusal().message,
        "Runs in status \"cancelled\" do not accept tool outputs."
    );
}

#[test]
fn a_run_that_has_ended() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    let run = scene.run(&json!({}));
    let refused = scene.locum.post(&cancel(&scene.path(&run)), &json!({}));
    assert_eq!(
        refused.refusal().message,
        "Cannot cancel run with status 'completed'."
    );
}
