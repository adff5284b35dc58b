//! What is refused, and over which field.

use serde_json::{Value, json};

use super::{body, parse, parse_with_thread, weather};
use crate::wire::run;

/// Asserts that `members` are refused over `param` by both requests for runs.
#[track_caller]
fn refused(members: Value, param: &str, code: &str, sentence: &str) {
    let body = body(members);
    let alone = parse(&body).unwrap_err();
    let with_thread = parse_with_thread(&body).unwrap_err();
    assert_eq!(alone, with_thread);
    assert_eq!(
        (
            alone.status,
            alone.param.as_deref(),
            alone.code.as_deref().unwrap_or_default(),
            alone.message.as_str()
        ),
        (400, Some(param), code, sentence),
    );
}

#[test]
fn an_assistant_is_needed() {
    let missing = "Missing required parameter: 'assistant_id'.";
    for (body, code, sentence) in [
        (json!({}), "missing_required_parameter", missing),
        (
            json!({"assistant_id": null}),
            "invalid_type",
            "Invalid type for 'assistant_id': expected a string, but got null instead.",
        ),
        (
            json!({"assistant_id": 7}),
            "invalid_type",
            "Invalid type for 'assistant_id': expected a string, but got an integer instead.",
        ),
        (
            json!({"assistant_id": ""}),
            "empty_string",
            "Invalid 'assistant_id': empty string. Expected a string with minimum length 1, but got an empty string instead.",
        ),
    ] {
        for error in [
            parse(&body).unwrap_err(),
            parse_with_thread(&body).unwrap_err(),
        ] {
            assert_eq!(error.param.as_deref(), Some("assistant_id"));
            assert_eq!(error.code.as_deref(), Some(code));
            assert_eq!(error.message, sentence);
        }
    }
}

#[test]
fn numbers_have_bounds() {
    for (key, kind, bound, expected, got) in [
        ("temperature", "decimal", "minimum", ">= 0", json!(-0.5)),
        ("temperature", "decimal", "maximum", "<= 2", json!(2.5)),
        ("top_p", "decimal", "minimum", ">= 0", json!(-1)),
        ("top_p", "decimal", "maximum", "<= 1", json!(1.5)),
        (
            "max_prompt_tokens",
            "integer",
            "minimum",
            ">= 256",
            json!(255),
        ),
        (
            "max_completion_tokens",
            "integer",
            "minimum",
            ">= 256",
            json!(0),
        ),
    ] {
        let (side, word) = match bound {
            "minimum" => ("below", "min"),
            _ => ("above", "max"),
        };
        refused(
            json!({key: got}),
            key,
            &format!("{kind}_{side}_{word}_value"),
            &format!(
                "Invalid '{key}': {kind} {side} {bound} value. Expected a value {expected}, but got {got} instead."
            ),
        );
    }
    refused(
        json!({"truncation_strategy": {"type": "last_messages", "last_messages": 0}}),
        "truncation_strategy.last_messages",
        "integer_below_min_value",
        "Invalid 'truncation_strategy.last_messages': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    );
}

#[test]
fn types() {
    for (key, value, expected, got) in [
        ("model", json!(1), "a string", "an integer"),
        ("instructions", json!([]), "a string", "an array"),
        ("tools", json!({}), "an array of objects", "an object"),
        ("metadata", json!("a"), "an object", "a string"),
        ("temperature", json!("1"), "a decimal", "a string"),
        ("top_p", json!(true), "a decimal", "a boolean"),
        ("stream", json!("true"), "a boolean", "a string"),
        ("max_prompt_tokens", json!(300.5), "an integer", "a decimal"),
        (
            "truncation_strategy",
            json!("auto"),
            "an object",
            "a string",
        ),
        (
            "tool_choice",
            json!(1),
            "one of a string or an object",
            "an integer",
        ),
        ("parallel_tool_calls", json!(1), "a boolean", "an integer"),
        (
            "response_format",
            json!(1),
            "one of a string or an object",
            "an integer",
        ),
        ("reasoning_effort", json!(1), "a string", "an integer"),
    ] {
        refused(
            json!({key: value}),
            key,
            "invalid_type",
            &format!("Invalid type for '{key}': expected {expected}, but got {got} instead."),
        );
    }
    for (members, param) in [
        (
            json!({"additional_instructions": 1}),
            "additional_instructions",
        ),
        (json!({"additional_messages": {}}), "additional_messages"),
        (
            json!({"additional_messages": ["hi"]}),
            "additional_messages[0]",
        ),
        (
            json!({"additional_messages": [{"role": "user", "content": ""}]}),
            "additional_messages[0].content",
        ),
        (
            json!({"additional_messages": [{"content": "hi"}]}),
            "additional_messages[0].role",
        ),
    ] {
        let error = parse(&body(members)).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
    }
    for (members, param) in [
        (json!({"thread": "thread_1"}), "thread"),
        (
            json!({"thread": {"messages": [{"role": "x"}]}}),
            "thread.messages[0].role",
        ),
        (
            json!({"thread": {"metadata": {"a": 1}}}),
            "thread.metadata.a",
        ),
        (json!({"tool_resources": []}), "tool_resources"),
    ] {
        let error = parse_with_thread(&body(members)).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
    }
}

#[test]
fn words() {
    for (members, param, got, supported) in [
        (
            json!({"tool_choice": "any"}),
            "tool_choice",
            "any",
            "'none', 'auto', and 'required'",
        ),
        (
            json!({"tool_choice": {"type": "custom"}}),
            "tool_choice.type",
            "custom",
            "'code_interpreter', 'file_search', and 'function'",
        ),
        (
            json!({"truncation_strategy": {"type": "first"}}),
            "truncation_strategy.type",
            "first",
            "'auto' and 'last_messages'",
        ),
        (
            json!({"response_format": "json"}),
            "response_format",
            "json",
            "'auto'",
        ),
        (
            json!({"reasoning_effort": "hard"}),
            "reasoning_effort",
            "hard",
            "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'",
        ),
    ] {
        refused(
            members,
            param,
            "invalid_value",
            &format!("Invalid value: '{got}'. Supported values are: {supported}."),
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    for (members, param) in [
        (
            json!({"truncation_strategy": {}}),
            "truncation_strategy.type",
        ),
        (
            json!({"truncation_strategy": {"type": "last_messages"}}),
            "truncation_strategy.last_messages",
        ),
        (
            json!({"truncation_strategy": {"type": "last_messages", "last_messages": null}}),
            "truncation_strategy.last_messages",
        ),
        (json!({"tool_choice": {}}), "tool_choice.type"),
        (
            json!({"tool_choice": {"type": "function"}}),
            "tool_choice.function",
        ),
        (
            json!({"tool_choice": {"type": "function", "function": {}}}),
            "tool_choice.function.name",
        ),
    ] {
        refused(
            members,
            param,
            "missing_required_parameter",
            &format!("Missing required parameter: '{param}'."),
        );
    }
}

#[test]
fn tools_that_are_built_in_are_not_there_yet() {
    for name in ["code_interpreter", "file_search"] {
        for (members, param) in [
            (
                json!({"tools": [weather(), {"type": name}]}),
                "tools[1].type",
            ),
            (json!({"tool_choice": {"type": name}}), "tool_choice.type"),
        ] {
            refused(
                members,
                param,
                "unsupported_parameter",
                &format!(
                    "Unsupported parameter: '{param}'. This server does not have the built-in tool '{name}' yet; only function tools work."
                ),
            );
        }
    }
}

#[test]
fn a_choice_must_be_among_the_tools_that_come_with_it() {
    let choice = json!({"type": "function", "function": {"name": "stock"}});
    for tools in [json!([]), json!([weather()])] {
        refused(
            json!({"tools": tools, "tool_choice": choice}),
            "tool_choice.function.name",
            "invalid_value",
            "The function that is named here is none of the request's.",
        );
    }
    refused(
        json!({"tools": [], "tool_choice": "required"}),
        "tool_choice",
        "invalid_value",
        "Invalid value for 'tool_choice': 'required' needs 'tools', of which there are none.",
    );
}

#[test]
fn more_tools_than_an_assistant_may_have() {
    let tools: Vec<_> = (0..129)
        .map(|n| json!({"type": "function", "function": {"name": format!("f{n}")}}))
        .collect();
    refused(
        json!({"tools": tools}),
        "tools",
        "array_above_max_length",
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
    );
    refused(
        json!({"tools": [weather(), weather()]}),
        "tools[1]",
        "invalid_value",
        "There is more than one function of the name 'weather'.",
    );
}

#[test]
fn outputs_of_tools() {
    for (body, param) in [
        (json!({}), "tool_outputs"),
        (json!({"tool_outputs": null}), "tool_outputs"),
        (json!({"tool_outputs": {}}), "tool_outputs"),
        (json!({"tool_outputs": ["call_1"]}), "tool_outputs[0]"),
        (
            json!({"tool_outputs": [{"output": "x"}]}),
            "tool_outputs[0].tool_call_id",
        ),
        (
            json!({"tool_outputs": [{"tool_call_id": "", "output": "x"}]}),
            "tool_outputs[0].tool_call_id",
        ),
        (
            json!({"tool_outputs": [{"tool_call_id": "a"}, {"tool_call_id": "b", "output": {}}]}),
            "tool_outputs[1].output",
        ),
        (json!({"tool_outputs": [], "stream": 1}), "stream"),
    ] {
        let error = run::parse_outputs(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some(param)),
            "{body}"
        );
    }
}

#[test]
fn what_is_no_json() {
    for body in ["", "[]", "{", "null", "{\"assistant_id\":\"a\"} x"] {
        for error in [
            run::parse(body.as_bytes()).unwrap_err(),
            run::parse_with_thread(body.as_bytes()).unwrap_err(),
            run::parse_outputs(body.as_bytes()).map(|_| ()).unwrap_err(),
        ] {
            assert_eq!(error.status, 400, "{body}");
            assert!(
                error
                    .message
                    .starts_with("We could not parse the JSON body"),
                "{body}"
            );
        }
    }
}
