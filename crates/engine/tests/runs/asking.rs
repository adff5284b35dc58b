//! What the model is asked besides the conversation.

use locum_domain::{
    assistant::AnswerFormat,
    chat::{ReasoningEffort, ResponseFormat, ToolChoice},
    run::RunStatus,
};
use serde_json::json;

use crate::desk::{Desk, new_run, profile, with_tools};

#[test]
fn the_plan_reaches_the_model() {
    let desk = Desk::new();
    let mut about = with_tools("gpt-5.1", &["get_weather"]);
    about.reasoning_effort = Some(ReasoningEffort::Low);
    about.response_format = AnswerFormat::Exactly(ResponseFormat::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: Some(
            json!({"type": "object", "properties": {"a": {"type": "string"}},
                            "required": ["a"], "additionalProperties": false}),
        ),
        strict: Some(true),
    });
    let assistant = desk.assistant(about);
    let thread = desk.thread(&["hello"]);
    let mut new = new_run(&assistant);
    new.parallel_tool_calls = false;
    new.max_completion_tokens = Some(256);
    desk.follow(&thread, new);
    let body = desk.openai();
    assert_eq!(body["reasoning_effort"], "low");
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(body["max_completion_tokens"], 256);
    assert_eq!(body["stream"], true);
    desk.no_complaints();
}

#[test]
fn without_tools_nothing_is_said_of_them() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let mut new = new_run(&assistant);
    new.tool_choice = ToolChoice::None;
    new.parallel_tool_calls = false;
    assert_eq!(desk.follow(&thread, new).run().status, RunStatus::Completed);
    let body = desk.openai();
    for field in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert!(body.get(field).is_none(), "{field}");
    }
    desk.no_complaints();
}
