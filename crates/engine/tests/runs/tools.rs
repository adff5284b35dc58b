//! Runs that call functions.

use locum_domain::{
    chat::ToolChoice,
    run::{RunStatus, StepDetails},
};
use locum_testkit::Dialect;
use serde_json::{Value, json};

use crate::desk::{Desk, new_run, profile, says, with_tools};

const CALLED: [&str; 5] = [
    "step.created calls",
    "call get_weather",
    "call.delta",
    "run.requires_action",
    "",
];

#[test]
fn functions_are_called_and_their_outputs_go_back() {
    for model in ["gpt-4.1-mini", "gemini-3.8-flash", "gemini-2.5-flash"] {
        let desk = Desk::new();
        let assistant = desk.assistant(with_tools(model, &["get_weather", "get_time"]));
        let thread = desk.thread(&["please call get_weather"]);
        let seen = desk.follow(&thread, new_run(&assistant));
        assert_eq!(seen.told()[3..], CALLED[..4], "{model}");
        let run = seen.run();
        assert_eq!(run.required_calls.len(), 1);
        let call = &run.required_calls[0];
        assert_eq!(call.name, "get_weather");
        assert_eq!(call.signature, None);
        assert_eq!(desk.status(&run), RunStatus::RequiresAction);

        let started = desk.submit(&run, &[(&call.id, "22 degrees")]).unwrap();
        assert_eq!(started.run.status, RunStatus::Queued);
        let seen = desk.watch(started);
        assert_eq!(
            seen.told(),
            [
                "step.Completed",
                "run.queued",
                "run.in_progress",
                "step.created message",
                "message.created",
                "message.delta",
                "message.Completed",
                "step.Completed",
                "run.completed",
            ]
        );
        assert_eq!(seen.text(), "echo: 22 degrees");
        let steps = desk.steps(&run);
        assert_eq!(steps.len(), 2);
        let StepDetails::Calls(calls) = &steps[0].details else {
            panic!("{:?}", steps[0]);
        };
        assert_eq!(calls[0].output.as_deref(), Some("22 degrees"));
        let sum = steps[0].usage.unwrap().plus(&steps[1].usage.unwrap());
        assert_eq!(seen.run().usage, sum);

        // The next run is shown what this one has done.
        desk.say(&thread, says("and now?"));
        let seen = desk.follow(&thread, new_run(&assistant));
        assert_eq!(seen.text(), "echo: and now?");
        desk.no_complaints();
    }
}

#[test]
fn signatures_go_back_to_whom_they_came_from() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gemini-3.8-flash", &["get_weather", "get_time"]));
    let thread = desk.thread(&["call get_weather and get_time"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    let calls = &run.required_calls;
    assert_eq!(calls.len(), 2);
    let outputs = [
        (calls[1].id.as_str(), "noon"),
        (calls[0].id.as_str(), "hot"),
    ];
    let started = desk.submit(&run, &outputs).unwrap();
    desk.watch(started);
    let body = desk.handles.upstream.last(Dialect::Gemini).json();
    let contents = body["contents"].as_array().unwrap();
    assert_eq!(contents.len(), 3);
    let parts = contents[1]["parts"].as_array().unwrap();
    let signature = &parts[0]["thoughtSignature"];
    assert!(signature.as_str().unwrap().len() > 20, "{parts:?}");
    assert_ne!(*signature, json!("skip_thought_signature_validator"));
    assert!(parts[1].get("thoughtSignature").is_none());
    let outputs: Vec<&Value> = contents[2]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["functionResponse"]["response"]["output"])
        .collect();
    assert_eq!(outputs, ["hot", "noon"]);

    // A turn later they are still there, and so is the text's own.
    desk.say(&thread, says("thanks"));
    desk.follow(&thread, new_run(&assistant));
    let body = desk.handles.upstream.last(Dialect::Gemini).json();
    let contents = body["contents"].as_array().unwrap();
    assert_eq!(contents[1]["parts"][0]["thoughtSignature"], *signature);
    assert!(contents[3]["parts"][0]["thoughtSignature"].is_string());
    desk.no_complaints();
}

#[test]
fn tool_turns_of_the_past_are_shown_to_openai() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    let call = run.required_calls[0].clone();
    let started = desk.submit(&run, &[(&call.id, "hot")]).unwrap();
    desk.watch(started);
    desk.say(&thread, says("thanks"));
    desk.follow(&thread, new_run(&assistant));
    let roles: Vec<_> = desk.conversation();
    let expected = [
        ("user", "call get_weather"),
        ("assistant", ""),
        ("tool", "hot"),
        ("assistant", "echo: hot"),
        ("user", "thanks"),
    ];
    let roles: Vec<_> = roles
        .iter()
        .map(|(role, text)| (role.as_str(), text.as_str()))
        .collect();
    assert_eq!(roles, expected);
    let body = desk.openai();
    assert_eq!(body["messages"][1]["tool_calls"][0]["id"], call.id.as_str());
    assert_eq!(body["messages"][2]["tool_call_id"], call.id.as_str());
    desk.no_complaints();
}

/// A chunk of OpenAI's stream.
fn chunk(delta: Value, finish: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-mini",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
}

#[test]
fn text_ahead_of_a_call_stays_one_turn_with_it() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["how is it?"]);
    let call = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                     "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}}]});
    desk.handles
        .upstream
        .openai([locum_testkit::Fault::Chunks(vec![
            chunk(json!({"role": "assistant", "content": "Let me "}), None),
            chunk(json!({"content": "look."}), None),
            chunk(call, None),
            chunk(json!({}), Some("tool_calls")),
        ])]);
    let seen = desk.follow(&thread, new_run(&assistant));
    assert_eq!(
        seen.told()[3..],
        [
            "step.created message",
            "message.created",
            "message.delta",
            "message.Completed",
            "step.Completed",
            "step.created calls",
            "call get_weather",
            "call.delta",
            "run.requires_action",
        ]
    );
    let started = desk.submit(&seen.run(), &[("call_1", "hot")]).unwrap();
    desk.watch(started);
    let body = desk.openai();
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1]["content"], "Let me look.");
    assert_eq!(messages[1]["tool_calls"][0]["id"], "call_1");
    assert_eq!(
        desk.said(&thread),
        ["how is it?", "Let me look.", "echo: hot"]
    );
    desk.no_complaints();
}

#[test]
fn a_run_that_must_call_is_held_to_it_once() {
    for (model, dialect) in [
        ("gpt-4.1-mini", Dialect::OpenAi),
        ("gemini-3.8-flash", Dialect::Gemini),
    ] {
        let desk = Desk::new();
        let assistant = desk.assistant(with_tools(model, &["get_weather"]));
        let thread = desk.thread(&["hello"]);
        let mut new = new_run(&assistant);
        new.tool_choice = ToolChoice::Required;
        let run = desk.follow(&thread, new).run();
        assert_eq!(run.status, RunStatus::RequiresAction);
        let started = desk
            .submit(&run, &[(&run.required_calls[0].id, "hot")])
            .unwrap();
        assert_eq!(desk.watch(started).run().status, RunStatus::Completed);
        assert_eq!(desk.asked(dialect), 2);
    }
}

#[test]
fn outputs_that_are_not_wanted_are_refused() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather", "get_time"]));
    let thread = desk.thread(&["call get_weather and get_time"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    let ids: Vec<&str> = run
        .required_calls
        .iter()
        .map(|call| call.id.as_str())
        .collect();
    let error = desk.submit(&run, &[(ids[0], "x")]).map(|_| ()).unwrap_err();
    assert_eq!(error.status, 400);
    assert_eq!(
        error.message,
        format!(
            "Expected tool outputs for call_ids ['{}', '{}'], got ['{}']",
            ids[0], ids[1], ids[0]
        )
    );
    let both = [(ids[0], "x"), (ids[1], "y")];
    let racing = (0..4).map(|_| {
        let outputs = both.map(|(id, output)| locum_domain::run::ToolOutput {
            call_id: id.to_owned(),
            output: output.to_owned(),
        });
        desk.assistants.submit_tool_outputs(
            &desk.project,
            &thread.id,
            &run.id,
            outputs.to_vec(),
            false,
        )
    });
    let results = desk.run(futures_util::future::join_all(racing));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    desk.settle();
    assert_eq!(desk.status(&run), RunStatus::Completed);
    assert_eq!(desk.asked(Dialect::OpenAi), 2);
    let error = desk.submit(&run, &both).map(|_| ()).unwrap_err();
    assert_eq!(
        error.message,
        "Runs in status \"completed\" do not accept tool outputs."
    );
}

#[test]
fn calls_that_nobody_answered_are_not_shown() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    desk.cancel(&run).unwrap();
    desk.settle();
    assert_eq!(desk.status(&run), RunStatus::Cancelled);
    desk.say(&thread, says("never mind"));
    let plain = desk.assistant(profile("gpt-4.1-mini"));
    let seen = desk.follow(&thread, new_run(&plain));
    assert_eq!(seen.text(), "echo: never mind");
    assert_eq!(desk.conversation().len(), 2);
    desk.no_complaints();
}
