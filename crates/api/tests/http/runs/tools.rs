//! Runs that wait for outputs of functions.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{MODELS, Scene, required, streamed, text};

const TWO_CALLS: &str = "please call get_weather and get_time";

fn submit(run: &str) -> String {
    format!("{run}/submit_tool_outputs")
}

#[test]
fn a_run_waits_for_outputs_and_goes_on() {
    for (provider, model) in MODELS {
        let scene = Scene::new(model, TWO_CALLS);
        let waiting = scene.settle(&scene.begin(&json!({})));
        assert_eq!(waiting.header("openai-poll-after-ms"), "1000");
        assert_eq!(waiting.header("x-locum-provider"), provider);
        let waiting = waiting.json();
        let calls = required(&waiting);
        let names: Vec<_> = calls.iter().map(|call| &call["function"]["name"]).collect();
        assert_eq!(names, ["get_weather", "get_time"]);
        assert!(
            calls
                .iter()
                .all(|call| call["type"] == "function" && call["function"].get("output").is_none())
        );
        assert!(
            calls
                .iter()
                .all(|call| !call["id"].as_str().unwrap().contains("thought"))
        );
        assert_eq!(waiting["usage"], Value::Null);
        let open = &scene.steps(&waiting)[0];
        assert_eq!(open["status"], "in_progress");
        assert_eq!(open["usage"], Value::Null);
        let made = open["step_details"]["tool_calls"].as_array().unwrap();
        assert!(
            made.iter()
                .all(|call| call["function"]["output"] == Value::Null)
        );

        let path = scene.path(&waiting);
        let goes_on = scene.locum.post(&submit(&path), &Scene::outputs(&waiting));
        assert_eq!(goes_on.header("openai-poll-after-ms"), "300");
        let goes_on = goes_on.json();
        assert_eq!(goes_on["status"], "queued");
        assert_eq!(goes_on["required_action"], Value::Null);
        let ended = scene.settle(&waiting).json();
        assert_eq!(ended["status"], "completed", "{ended:#}");
        assert!(text(&scene.written()[0]).contains("get_weather answered"));

        let steps = scene.steps(&ended);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0]["type"], "tool_calls");
        assert_eq!(steps[0]["status"], "completed");
        assert_eq!(
            steps[0]["step_details"]["tool_calls"][1]["function"]["output"],
            "get_time answered"
        );
        assert_eq!(steps[1]["type"], "message_creation");
        let total = |of: &Value| of["usage"]["total_tokens"].as_u64().unwrap();
        assert_eq!(total(&ended), total(&steps[0]) + total(&steps[1]));
        let complaints = scene.locum.world.upstream.complaints();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

#[test]
fn the_same_as_streams() {
    for (_, model) in MODELS {
        let scene = Scene::new(model, TWO_CALLS);
        let first = scene.stream(&json!({}));
        let waiting = first.run().clone();
        assert_eq!(required(&waiting).len(), 2);
        assert_eq!(
            first.names[..5],
            [
                "thread.run.created",
                "thread.run.queued",
                "thread.run.in_progress",
                "thread.run.step.created",
                "thread.run.step.in_progress"
            ]
        );
        assert_eq!(
            first.names[5..],
            [
                "thread.run.step.delta",
                "thread.run.requires_action",
                "done"
            ]
        );
        assert_eq!(first.calls().len(), 2);

        let mut outputs = Scene::outputs(&waiting);
        outputs["stream"] = true.into();
        let second = scene.locum.post(&submit(&scene.path(&waiting)), &outputs);
        let second = streamed(&second);
        assert_eq!(
            second.names,
            [
                "thread.run.step.completed",
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
                "done"
            ]
        );
        assert!(second.texts()[0].contains("get_time answered"));
        assert_eq!(second.run(), &scene.locum.get(&scene.path(&waiting)).json());
    }
}

#[test]
fn one_call_at_a_time_where_that_is_wanted() {
    for (_, model) in MODELS {
        let scene = Scene::new(model, TWO_CALLS);
        let run = scene.run(&json!({"parallel_tool_calls": false, "tool_choice": "required"}));
        // Gemini has no word for it; what it calls is called.
        assert!(!required(&run).is_empty());
        let named = json!({"type": "function", "function": {"name": "get_time"}});
        let scene = Scene::new(model, "hello");
        let run = scene.run(&json!({"tool_choice": named}));
        assert_eq!(run["tool_choice"], named);
        assert_eq!(required(&run)[0]["function"]["name"], "get_time");
    }
}

#[test]
fn outputs_that_are_not_wanted() {
    let scene = Scene::new("gpt-4.1-mini", TWO_CALLS);
    let run = scene.run(&json!({}));
    let path = submit(&scene.path(&run));
    let ids: Vec<&str> = required(&run)
        .iter()
        .map(|call| call["id"].as_str().unwrap())
        .collect();
    let expected = format!(
        "Expected tool outputs for call_ids ['{}', '{}'], got ",
        ids[0], ids[1]
    );
    let output = |id: &str| json!({"tool_call_id": id, "output": "x"});
    for (outputs, got) in [
        (json!([]), "[]".to_owned()),
        (json!([output(ids[0])]), format!("['{}']", ids[0])),
        (
            json!([output(ids[0]), output("call_x")]),
            format!("['{}', 'call_x']", ids[0]),
        ),
        (
            json!([output(ids[1]), output(ids[1])]),
            format!("['{0}', '{0}']", ids[1]),
        ),
    ] {
        for stream in [false, true] {
            let body = json!({"tool_outputs": outputs, "stream": stream});
            let refusal = scene.locum.post(&path, &body).refusal();
            assert_eq!(refusal.message, format!("{expected}{got}"));
        }
    }
    // Nothing has changed, and the order does not matter.
    let body = json!({"tool_outputs": [output(ids[1]), output(ids[0])]});
    assert_eq!(scene.locum.post(&path, &body).json()["status"], "queued");
    let ended = scene.settle(&run).json();
    assert_eq!(ended["status"], "completed");
    let refusal = scene.locum.post(&path, &Scene::outputs(&run)).refusal();
    assert_eq!(
        refusal.message,
        "Runs in status \"completed\" do not accept tool outputs."
    );
}

#[test]
fn outputs_that_come_too_late() {
    for attended in [false, true] {
        let scene = Scene::new("gpt-4.1-mini", TWO_CALLS);
        let run = scene.run(&json!({}));
        if attended {
            scene.attend();
        }
        scene.locum.wait(Duration::from_secs(602));
        let path = scene.path(&run);
        let refusal = scene
            .locum
            .post(&submit(&path), &Scene::outputs(&run))
            .refusal();
        assert_eq!(
            refusal.message,
            "Runs in status \"expired\" do not accept tool outputs."
        );
        if !attended {
            continue;
        }
        let expired = scene.locum.get(&path).json();
        assert_eq!(expired["status"], "expired");
        assert_eq!(expired["required_action"], Value::Null);
        let step = &scene.steps(&expired)[0];
        assert_eq!(step["status"], "expired");
        assert!(step["expired_at"].is_u64());
        assert_eq!(scene.begin(&json!({}))["status"], "queued");
    }
}

#[test]
fn large_outputs() {
    let scene = Scene::new("gpt-4.1-mini", TWO_CALLS);
    let run = scene.run(&json!({}));
    let outputs: Vec<Value> = required(&run)
        .iter()
        .map(|call| json!({"tool_call_id": call["id"], "output": "x".repeat(1 << 20)}))
        .collect();
    let path = submit(&scene.path(&run));
    scene
        .locum
        .post(&path, &json!({"tool_outputs": outputs}))
        .json();
    assert_eq!(scene.settle(&run).json()["status"], "completed");
}
