//! Runs that are begun, asked for, and complete.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{MODELS, Scene, text};

#[test]
fn a_run_answers_the_thread() {
    for (provider, model) in MODELS {
        let scene = Scene::new(model, "good morning");
        let begun = scene.locum.post(&scene.runs(), &scene.asked(&json!({})));
        assert_eq!(begun.header("openai-poll-after-ms"), "300");
        assert_eq!(begun.header("x-locum-provider"), "");
        let begun = begun.json();
        assert_eq!(begun["status"], "queued");
        assert_eq!(begun["thread_id"], scene.thread);
        assert_eq!(begun["started_at"], Value::Null);
        assert_eq!(
            begun["expires_at"].as_u64().unwrap(),
            begun["created_at"].as_u64().unwrap() + 600
        );

        let answer = scene.settle(&begun);
        assert_eq!(answer.header("openai-poll-after-ms"), "");
        assert_eq!(answer.header("x-locum-provider"), provider);
        assert!(answer.header("x-locum-model").starts_with(model));
        assert_eq!(answer.header("x-locum-fallback"), "");
        let run = answer.json();
        assert_eq!(run["status"], "completed", "{run:#}");
        assert_eq!(run["instructions"], "Be kind.");
        assert_eq!(run["model"], model);
        assert_eq!(run["expires_at"], Value::Null);
        assert_eq!(run["last_error"], Value::Null);
        assert!(run["completed_at"].is_u64() && run["started_at"].is_u64());
        let usage = &run["usage"];
        assert_eq!(
            usage["total_tokens"].as_u64().unwrap(),
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
        );

        let written = scene.written();
        assert_eq!(written.len(), 1);
        assert_eq!(text(&written[0]), "echo: good morning");
        assert_eq!(written[0]["run_id"], run["id"]);
        assert_eq!(written[0]["assistant_id"], scene.assistant);
        assert_eq!(written[0]["status"], "completed");
        let steps = scene.steps(&run);
        assert_eq!(steps.len(), 1);
        assert_eq!(
            steps[0]["step_details"]["message_creation"]["message_id"],
            written[0]["id"]
        );
        assert_eq!(steps[0]["usage"], *usage);
        assert_eq!(steps[0]["metadata"]["locum_provider"], provider);
        assert!(steps[0]["metadata"].get("locum_fallback").is_none());
        assert!(scene.locum.world.upstream.complaints().is_empty());
    }
}

#[test]
fn what_the_request_says_goes_before_the_assistant() {
    let scene = Scene::new("gpt-4.1-mini", "one");
    let run = scene.run(&json!({
        "model": "gpt-4.1",
        "instructions": "Be brief.",
        "additional_instructions": "And bold.",
        "additional_messages": [{"role": "user", "content": "two"}],
        "tools": [],
        "temperature": 0.5,
        "top_p": 0.25,
        "max_prompt_tokens": 5000,
        "max_completion_tokens": 300,
        "truncation_strategy": {"type": "last_messages", "last_messages": 1},
        "parallel_tool_calls": false,
        "response_format": {"type": "text"},
        "metadata": {"of": "the run"},
    }));
    assert_eq!(run["status"], "completed", "{run:#}");
    for (key, value) in [
        ("model", json!("gpt-4.1")),
        ("instructions", json!("Be brief.\n\nAnd bold.")),
        ("tools", json!([])),
        ("temperature", json!(0.5)),
        ("top_p", json!(0.25)),
        ("max_prompt_tokens", json!(5000)),
        ("max_completion_tokens", json!(300)),
        (
            "truncation_strategy",
            json!({"type": "last_messages", "last_messages": 1}),
        ),
        ("parallel_tool_calls", json!(false)),
        ("response_format", json!({"type": "text"})),
        ("metadata", json!({"of": "the run"})),
    ] {
        assert_eq!(run[key], value, "{key}");
    }
    let request = scene.locum.world.upstream.requests().pop().unwrap().json();
    assert_eq!(request["model"], "gpt-4.1");
    assert_eq!(request["temperature"], 0.5);
    let said = serde_json::to_string(&request["messages"]).unwrap();
    assert!(said.contains("And bold.") && said.contains("two"));
    assert!(!said.contains("one"), "{said}");
    assert_eq!(text(&scene.written()[0]), "echo: two");
}

#[test]
fn a_thread_and_a_run_in_one() {
    for (_, model) in MODELS {
        let scene = Scene::new(model, "elsewhere");
        let files = |store: &str| json!({"file_search": {"vector_store_ids": [store]}});
        let body = json!({
            "assistant_id": scene.assistant,
            "thread": {
                "messages": [{"role": "user", "content": "hello"}],
                "metadata": {"of": "the thread"},
                "tool_resources": files("vs_1"),
            },
            "tool_resources": files("vs_2"),
        });
        let run = scene.locum.post("/v1/threads/runs", &body).json();
        assert_eq!(run["status"], "queued");
        assert_ne!(run["thread_id"], scene.thread);
        let thread = format!("/v1/threads/{}", run["thread_id"].as_str().unwrap());
        let made = scene.locum.get(&thread).json();
        assert_eq!(made["metadata"], json!({"of": "the thread"}));
        assert_eq!(made["tool_resources"], files("vs_2"));
        scene.locum.wait(Duration::from_secs(1));
        let messages = scene.locum.get(&format!("{thread}/messages")).json();
        assert_eq!(text(&messages["data"][0]), "echo: hello");
    }
}

#[test]
fn metadata_is_replaced_whatever_the_run_does() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    scene.locum.world.upstream.pace(Duration::from_millis(500));
    let run = scene.begin(&json!({"metadata": {"a": "1", "b": "2"}}));
    let path = scene.path(&run);
    let change = |body: Value| scene.locum.post(&path, &body).json()["metadata"].clone();
    assert_eq!(change(json!({})), json!({"a": "1", "b": "2"}));
    assert_eq!(change(json!({"metadata": {"c": "3"}})), json!({"c": "3"}));
    let ended = scene.settle(&run).json();
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["metadata"], json!({"c": "3"}));
    assert_eq!(change(json!({"metadata": {"d": "4"}})), json!({"d": "4"}));
    assert_eq!(scene.locum.get(&path).json()["metadata"], json!({"d": "4"}));
    assert_eq!(change(json!({"metadata": null})), json!({}));
}

#[test]
fn runs_are_listed() {
    let scene = Scene::new("gpt-4.1-mini", "hello");
    assert_eq!(scene.locum.get(&scene.runs()).json()["data"], json!([]));
    let mut ids: Vec<Value> = (0..5)
        .map(|_| scene.run(&json!({}))["id"].clone())
        .collect();
    let page = scene
        .locum
        .get(&format!("{}?limit=2&order=asc", scene.runs()));
    let page = page.json();
    assert_eq!(page["object"], "list");
    assert_eq!(page["has_more"], true);
    assert_eq!([&page["first_id"], &page["last_id"]], [&ids[0], &ids[1]]);
    let after = ids[1].as_str().unwrap();
    let rest = format!("{}?order=asc&after={after}", scene.runs());
    let rest = scene.locum.get(&rest).json();
    assert_eq!(rest["has_more"], false);
    assert_eq!(rest["data"].as_array().unwrap().len(), 3);
    ids.reverse();
    let newest = scene.locum.get(&scene.runs()).json();
    let listed: Vec<_> = newest["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["id"])
        .collect();
    assert_eq!(listed, ids.iter().collect::<Vec<_>>());
    assert_eq!(
        newest["data"][0],
        scene
            .locum
            .get(&format!("{}/{}", scene.runs(), ids[0].as_str().unwrap()))
            .json()
    );
}

#[test]
fn a_limit_of_tokens_leaves_a_run_incomplete() {
    for (_, model) in MODELS {
        let scene = Scene::new(model, &"word ".repeat(400));
        let run = scene.run(&json!({"max_completion_tokens": 256}));
        assert_eq!(run["status"], "incomplete", "{run:#}");
        assert_eq!(
            run["incomplete_details"],
            json!({"reason": "max_completion_tokens"})
        );
        let written = scene.written();
        assert_eq!(written[0]["status"], "incomplete");
        assert_eq!(
            written[0]["incomplete_details"],
            json!({"reason": "max_tokens"})
        );
        assert!(text(&written[0]).starts_with("echo: word word"));
        assert_eq!(scene.steps(&run)[0]["status"], "completed");
        // The thread is free again.
        assert_eq!(scene.begin(&json!({}))["status"], "queued");
    }
}
