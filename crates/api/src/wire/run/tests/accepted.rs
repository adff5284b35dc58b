//! What is taken, and what it becomes.

use locum_domain::{
    assistant::{AnswerFormat, Tool, ToolResources},
    chat::{FunctionTool, ReasoningEffort, ResponseFormat, ToolChoice},
    id::AssistantId,
    message::{Content, NewMessage, Role},
    metadata::Metadata,
    run::{NewRun, ToolOutput, Truncation},
    thread::NewThread,
};
use serde_json::{Value, json};

use super::{body, parse, parse_with_thread, weather};
use crate::wire::run;

fn plain() -> NewRun {
    NewRun {
        assistant_id: AssistantId::from("asst_1"),
        model: None,
        instructions: None,
        additional_instructions: None,
        additional_messages: Vec::new(),
        tools: None,
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        response_format: None,
        reasoning_effort: None,
        temperature: None,
        top_p: None,
        max_prompt_tokens: None,
        max_completion_tokens: None,
        truncation: Truncation::Auto,
        metadata: Metadata::default(),
    }
}

fn says(role: Role, text: &str) -> NewMessage {
    NewMessage {
        role,
        content: vec![Content::Text(text.to_owned())],
        attachments: Vec::new(),
        metadata: Metadata::default(),
    }
}

/// Every member that OpenAI's document has, as null.
fn nulls() -> Value {
    let keys = [
        "model",
        "instructions",
        "additional_instructions",
        "additional_messages",
        "tools",
        "tool_resources",
        "thread",
        "metadata",
        "temperature",
        "top_p",
        "stream",
        "max_prompt_tokens",
        "max_completion_tokens",
        "truncation_strategy",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
    ];
    Value::Object(
        keys.map(|key| (key.to_owned(), Value::Null))
            .into_iter()
            .collect(),
    )
}

#[test]
fn an_assistant_is_enough() {
    assert_eq!(parse(&body(json!({}))).unwrap(), plain());
    let made = parse_with_thread(&body(json!({}))).unwrap();
    assert_eq!((made.run, made.thread), (plain(), NewThread::default()));
}

#[test]
fn null_is_as_good_as_absent() {
    assert_eq!(parse(&body(nulls())).unwrap(), plain());
    let made = parse_with_thread(&body(nulls())).unwrap();
    assert_eq!((made.run, made.thread), (plain(), NewThread::default()));
}

#[test]
fn members_that_openai_does_not_know_are_ignored() {
    let odd = json!({"x": 1, "user": {}, "stream_options": []});
    assert_eq!(parse(&body(odd)).unwrap(), plain());
}

#[test]
fn everything_at_once() {
    let run = parse(&body(json!({
        "model": "gemini-flash-latest",
        "instructions": "Be brief.",
        "additional_instructions": "And kind.",
        "additional_messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": [{"type": "text", "text": "two"}], "metadata": null},
        ],
        "tools": [weather()],
        "metadata": {"b": "2", "a": "1"},
        "temperature": 0,
        "top_p": 0.25,
        "stream": false,
        "max_prompt_tokens": 256,
        "max_completion_tokens": 4_294_967_295_u32,
        "truncation_strategy": {"type": "last_messages", "last_messages": 1},
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "high",
    })))
    .unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        run,
        NewRun {
            model: text("gemini-flash-latest"),
            instructions: text("Be brief."),
            additional_instructions: text("And kind."),
            additional_messages: vec![says(Role::User, "one"), says(Role::Assistant, "two")],
            tools: Some(vec![Tool::Function(FunctionTool {
                name: "weather".to_owned(),
                description: None,
                parameters: None,
                strict: false,
            })]),
            tool_choice: ToolChoice::Function("weather".to_owned()),
            parallel_tool_calls: false,
            response_format: Some(AnswerFormat::Exactly(ResponseFormat::JsonObject)),
            reasoning_effort: Some(ReasoningEffort::High),
            temperature: Some(0.0),
            top_p: Some(0.25),
            max_prompt_tokens: Some(256),
            max_completion_tokens: Some(u32::MAX),
            truncation: Truncation::LastMessages(1),
            metadata: Metadata(vec![
                ("b".to_owned(), "2".to_owned()),
                ("a".to_owned(), "1".to_owned())
            ]),
            ..plain()
        }
    );
}

#[test]
fn what_replaces_the_assistants_own_is_told_apart_from_nothing() {
    let run = parse(&body(
        json!({"tools": [], "instructions": "", "response_format": "auto"}),
    ));
    let run = run.unwrap();
    assert_eq!(run.tools, Some(Vec::new()));
    assert_eq!(run.instructions.as_deref(), Some(""));
    assert_eq!(run.response_format, Some(AnswerFormat::Auto));
}

#[test]
fn a_choice_may_name_a_tool_of_the_assistants() {
    let choice = json!({"type": "function", "function": {"name": "elsewhere"}});
    for (given, becomes) in [
        (json!("none"), ToolChoice::None),
        (json!("auto"), ToolChoice::Auto),
        (json!("required"), ToolChoice::Required),
        (choice, ToolChoice::Function("elsewhere".to_owned())),
    ] {
        let run = parse(&body(json!({"tool_choice": given}))).unwrap();
        assert_eq!(run.tool_choice, becomes);
    }
}

#[test]
fn truncations() {
    for (given, becomes) in [
        (json!({"type": "auto"}), Truncation::Auto),
        (
            json!({"type": "auto", "last_messages": null}),
            Truncation::Auto,
        ),
        (
            json!({"type": "auto", "last_messages": 3}),
            Truncation::Auto,
        ),
        (
            json!({"type": "last_messages", "last_messages": 3}),
            Truncation::LastMessages(3),
        ),
    ] {
        let run = parse(&body(json!({"truncation_strategy": given}))).unwrap();
        assert_eq!(run.truncation, becomes, "{given}");
    }
}

#[test]
fn as_many_tools_as_an_assistant_may_have() {
    let tools: Vec<_> = (0..128)
        .map(|n| json!({"type": "function", "function": {"name": format!("f{n}")}}))
        .collect();
    let run = parse(&body(json!({"tools": tools}))).unwrap();
    assert_eq!(run.tools.unwrap().len(), 128);
}

#[test]
fn the_runs_own_resources_go_first() {
    let files = |id: &str| json!({"code_interpreter": {"file_ids": [id]}});
    let thread = json!({
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"of": "the thread"},
        "tool_resources": files("file-of-thread"),
    });
    let resources = |id: &str| {
        Some(ToolResources {
            code_interpreter_file_ids: Some(vec![id.to_owned()]),
            file_search_vector_store_ids: None,
        })
    };
    let made = parse_with_thread(&body(
        json!({"thread": thread, "metadata": {"of": "the run"}}),
    ));
    let made = made.unwrap();
    assert_eq!(made.thread.messages, [says(Role::User, "hi")]);
    assert_eq!(made.thread.tool_resources, resources("file-of-thread"));
    assert_eq!(made.thread.metadata.0[0].1, "the thread");
    assert_eq!(made.run.metadata.0[0].1, "the run");

    let both = body(json!({"thread": thread, "tool_resources": files("file-of-run")}));
    let made = parse_with_thread(&both).unwrap();
    assert_eq!(made.thread.tool_resources, resources("file-of-run"));
}

#[test]
fn streams_are_wanted_or_not() {
    for (members, wanted) in [
        (json!({}), false),
        (json!({"stream": null}), false),
        (json!({"stream": false}), false),
        (json!({"stream": true}), true),
    ] {
        let bytes = body(members.clone()).to_string();
        assert_eq!(run::parse(bytes.as_bytes()).unwrap().stream, wanted);
        let asked = run::parse_with_thread(bytes.as_bytes()).unwrap();
        assert_eq!(asked.stream, wanted);
        let mut outputs = members;
        outputs["tool_outputs"] = json!([]);
        let asked = run::parse_outputs(outputs.to_string().as_bytes()).unwrap();
        assert_eq!(asked.stream, wanted);
    }
}

#[test]
fn outputs_of_tools() {
    let large = "é".repeat(512 * 1024);
    let body = json!({"tool_outputs": [
        {"tool_call_id": "call_1", "output": "70 and sunny"},
        {"tool_call_id": "call_2", "output": large},
        {"tool_call_id": "call_3", "output": ""},
        {"tool_call_id": "call_4", "output": null},
        {"tool_call_id": "call_5"},
    ]});
    let asked = run::parse_outputs(body.to_string().as_bytes()).unwrap();
    let expected = [
        ("call_1", "70 and sunny"),
        ("call_2", &*large),
        ("call_3", ""),
        ("call_4", ""),
        ("call_5", ""),
    ];
    let expected = expected.map(|(call_id, output)| ToolOutput {
        call_id: call_id.to_owned(),
        output: output.to_owned(),
    });
    assert_eq!(asked.outputs, expected);
}

#[test]
fn changes_of_metadata() {
    for (body, change) in [
        ("", None),
        ("{}", None),
        (r#"{"x":1}"#, None),
        (r#"{"metadata":null}"#, Some(Vec::new())),
        (r#"{"metadata":{}}"#, Some(Vec::new())),
        (
            r#"{"metadata":{"a":"b"}}"#,
            Some(vec![("a".to_owned(), "b".to_owned())]),
        ),
    ] {
        let parsed = run::parse_change(body.as_bytes()).unwrap();
        assert_eq!(parsed, change.map(Metadata), "{body}");
    }
}
