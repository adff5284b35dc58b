//! `/v1/threads/{thread_id}/runs/{run_id}/steps`

use serde_json::{Value, json};

use crate::runs::scene::Scene;

/// A run of four steps, and their ids, oldest first.
fn four_steps(scene: &Scene) -> (String, Vec<String>) {
    let mut run = scene.run(&json!({}));
    let path = scene.path(&run);
    for _ in 0..3 {
        let outputs = Scene::outputs(&run);
        let submit = format!("{path}/submit_tool_outputs");
        // The model would be content with the first output.
        scene.locum.world.upstream.openai([call_again()]);
        scene.locum.post(&submit, &outputs).json();
        run = scene.settle(&run).json();
    }
    let steps = scene.steps(&run);
    let ids = steps
        .iter()
        .map(|step| step["id"].as_str().unwrap().to_owned());
    (format!("{path}/steps"), ids.collect())
}

/// An answer that calls `get_time`, whatever was asked.
fn call_again() -> locum_testkit::Fault {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-mini",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    let call = json!({"index": 0, "id": "call_again", "type": "function", "function": {"name": "get_time", "arguments": "{}"}});
    locum_testkit::Fault::Chunks(vec![
        chunk(
            json!({"role": "assistant", "tool_calls": [call]}),
            Value::Null,
        ),
        chunk(json!({}), json!("tool_calls")),
    ])
}

fn ids(page: &Value) -> Vec<&str> {
    let steps = page["data"].as_array().unwrap().iter();
    steps.map(|step| step["id"].as_str().unwrap()).collect()
}

#[test]
fn steps_come_in_pages() {
    let scene = Scene::new("gpt-4.1-mini", "please call get_time");
    let (path, oldest_first) = four_steps(&scene);
    assert_eq!(oldest_first.len(), 4);
    let get = |query: &str| scene.locum.get(&format!("{path}?{query}")).json();
    let all = get("");
    let newest_first: Vec<_> = oldest_first.iter().rev().map(String::as_str).collect();
    assert_eq!(ids(&all), newest_first);
    assert_eq!(all["has_more"], false);
    let first = get("limit=3&order=asc");
    assert_eq!(ids(&first), oldest_first[..3]);
    assert_eq!(first["has_more"], true);
    let rest = get(&format!("order=asc&after={}", oldest_first[2]));
    assert_eq!(ids(&rest), oldest_first[3..]);
    let before = get(&format!("order=asc&before={}", oldest_first[2]));
    assert_eq!(ids(&before), oldest_first[..2]);
    let refused = scene
        .locum
        .get(&format!("{path}?after=step_none"))
        .refusal();
    assert_eq!(refused.param.as_deref(), Some("after"));
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("order=up", "order"),
    ] {
        let refused = scene.locum.get(&format!("{path}?{query}")).refusal();
        assert_eq!(refused.param.as_deref(), Some(param));
    }
}

#[test]
fn a_step_by_itself() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    let run = scene.run(&json!({}));
    let step = &scene.steps(&run)[0];
    let steps = format!("{}/steps", scene.path(&run));
    let path = format!("{steps}/{}", step["id"].as_str().unwrap());
    assert_eq!(&scene.locum.get(&path).json(), step);
    assert_eq!(step["run_id"], run["id"]);
    assert_eq!(step["thread_id"], scene.thread);
    assert_eq!(step["assistant_id"], scene.assistant);
    for other in ["step_none", run["id"].as_str().unwrap(), "%00"] {
        let sentence = scene.locum.get(&format!("{steps}/{other}")).not_found();
        let read = other.replace("%00", "\u{fffd}");
        assert_eq!(sentence, format!("No run step found with id '{read}'."));
    }
}
