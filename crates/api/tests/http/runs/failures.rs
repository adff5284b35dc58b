//! Providers that fail at each point of a run.

use std::time::Duration;

use locum_testkit::Fault;
use serde_json::{Value, json};

use super::scene::{MODELS, ONE_TRY, Scene, text};

/// The last events of a stream, without what was told before.
fn ending(names: &[String], count: usize) -> Vec<&str> {
    let from = names.len().saturating_sub(count);
    names[from..].iter().map(String::as_str).collect()
}

const SAID: &str = "one two three four five six seven eight";

#[test]
fn nobody_answers() {
    for (_, model) in MODELS {
        for (fault, code) in [
            (Fault::Refuse, "server_error"),
            (Fault::Reset, "server_error"),
            (Fault::Silent, "server_error"),
            (Fault::Html, "server_error"),
            (Fault::Status(500), "server_error"),
            (Fault::Status(503), "server_error"),
            (Fault::BadKey, "server_error"),
            (Fault::RetryAfter(3600), "rate_limit_exceeded"),
            (Fault::OutOfQuota, "rate_limit_exceeded"),
            (Fault::Status(400), "invalid_prompt"),
        ] {
            let scene = Scene::with(ONE_TRY, model, SAID);
            scene
                .locum
                .world
                .upstream
                .script([fault.clone().times(100)]);
            let watcher = scene.stream(&json!({}));
            assert_eq!(
                watcher.names,
                [
                    "thread.run.created",
                    "thread.run.queued",
                    "thread.run.in_progress",
                    "thread.run.failed",
                    "done"
                ],
                "{fault:?}"
            );
            let run = watcher.run();
            assert_eq!(run["last_error"]["code"], code, "{fault:?}");
            assert!(!run["last_error"]["message"].as_str().unwrap().is_empty());
            assert!(run["failed_at"].is_u64());
            let polled = scene.run(&json!({}));
            assert_eq!(polled["last_error"]["code"], code, "{fault:?}");
        }
    }
}

#[test]
fn somebody_else_answers() {
    let scene = Scene::new("gpt-4.1-mini", SAID);
    scene
        .locum
        .world
        .upstream
        .openai([Fault::Status(500).times(10)]);
    let answer = scene.settle(&scene.begin(&json!({})));
    assert_eq!(answer.header("x-locum-provider"), "gemini");
    assert_eq!(answer.header("x-locum-fallback"), "true");
    let run = answer.json();
    assert_eq!(run["status"], "completed");
    assert_eq!(run["model"], "gpt-4.1-mini");
    let metadata = &scene.steps(&run)[0]["metadata"];
    assert_eq!(metadata["locum_provider"], "gemini");
    assert_eq!(metadata["locum_model"], answer.header("x-locum-model"));
    assert_eq!(metadata["locum_fallback"], "true");
}

#[test]
fn an_answer_that_breaks_off_before_somebody_who_watches() {
    for (_, model) in MODELS {
        for fault in [
            Fault::Cut(4),
            Fault::Stall(4),
            Fault::Truncate(4),
            Fault::MalformedChunk(4),
            Fault::ErrorChunk(4),
        ] {
            let scene = Scene::new(model, SAID);
            scene.locum.world.upstream.pace(Duration::from_millis(10));
            scene.locum.world.upstream.script([fault.clone()]);
            let watcher = scene.stream(&json!({}));
            assert_eq!(
                ending(&watcher.names, 4),
                [
                    "thread.message.incomplete",
                    "thread.run.step.failed",
                    "thread.run.failed",
                    "done"
                ],
                "{fault:?}"
            );
            let run = watcher.run();
            assert_eq!(run["last_error"]["code"], "server_error");
            let written = &scene.written()[0];
            assert_eq!(
                written["incomplete_details"],
                json!({"reason": "run_failed"})
            );
            assert_eq!(text(written), watcher.texts()[0]);
            assert!(text(written).starts_with("echo: one"));
            assert_eq!(scene.locum.world.upstream.requests().len(), 1);
        }
    }
}

#[test]
fn an_answer_that_breaks_off_unseen_is_asked_for_again() {
    for (provider, model) in MODELS {
        for fault in [
            Fault::Cut(4),
            Fault::Stall(4),
            Fault::Truncate(4),
            Fault::ErrorChunk(4),
        ] {
            let scene = Scene::new(model, SAID);
            scene.locum.world.upstream.script([fault.clone()]);
            let answer = scene.settle(&scene.begin(&json!({})));
            assert_eq!(answer.json()["status"], "completed", "{fault:?}");
            assert_ne!(answer.header("x-locum-provider"), provider);
            let written = scene.written();
            assert_eq!(written.len(), 1);
            assert_eq!(text(&written[0]), format!("echo: {SAID}"));
            assert_eq!(scene.steps(&answer.json()).len(), 1);
        }
    }
}

#[test]
fn an_answer_that_never_ends_is_ended_by_the_runs_expiry() {
    let scene = Scene::with(
        &[("RUN_EXPIRY", "30"), ("PROVIDER_TIMEOUT", "600000")],
        "gpt-4.1-mini",
        SAID,
    );
    scene.locum.world.upstream.pace(Duration::from_secs(20));
    let watcher = scene.stream(&json!({}));
    let run = watcher.run();
    assert_eq!(run["status"], "expired");
    assert_eq!(run["expires_at"], Value::Null);
    assert_eq!(ending(&watcher.names, 2), ["thread.run.expired", "done"]);
    assert!(watcher.comments >= 1);
}

#[test]
fn a_second_turn_that_fails() {
    for (_, model) in MODELS {
        let scene = Scene::with(ONE_TRY, model, "please call get_time");
        let run = scene.run(&json!({}));
        scene
            .locum
            .world
            .upstream
            .script([Fault::Status(500).times(10)]);
        let mut outputs = Scene::outputs(&run);
        outputs["stream"] = true.into();
        let path = format!("{}/submit_tool_outputs", scene.path(&run));
        let watcher = super::scene::streamed(&scene.locum.post(&path, &outputs));
        assert_eq!(
            watcher.names,
            [
                "thread.run.step.completed",
                "thread.run.queued",
                "thread.run.in_progress",
                "thread.run.failed",
                "done"
            ]
        );
        assert_eq!(scene.steps(&run).len(), 1);
        assert_eq!(scene.steps(&run)[0]["status"], "completed");
    }
}
