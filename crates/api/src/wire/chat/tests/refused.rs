//! Values that are refused: out of bounds, unknown, unreadable, out of place.

use serde_json::{Value, json};

use super::{body, conversation, parse, refused, refused_over};

#[test]
fn numbers_have_bounds() {
    for (key, kind, min, max) in [
        ("temperature", "decimal", json!(0), json!(2)),
        ("top_p", "decimal", json!(0), json!(1)),
        ("presence_penalty", "decimal", json!(-2), json!(2)),
        ("frequency_penalty", "decimal", json!(-2), json!(2)),
        ("n", "integer", json!(1), json!(128)),
        ("max_tokens", "integer", json!(1), json!(u32::MAX)),
        (
            "max_completion_tokens",
            "integer",
            json!(1),
            json!(u32::MAX),
        ),
        ("top_logprobs", "integer", json!(0), json!(20)),
    ] {
        let with = |value: &Value| body(json!({key: value, "logprobs": true}));
        assert!(parse(&with(&min)).is_ok(), "{key} may be {min}");
        assert!(parse(&with(&max)).is_ok(), "{key} may be {max}");
        let below = json!(min.as_i64().unwrap() - 1);
        refused(
            &with(&below),
            key,
            &format!("{kind}_below_min_value"),
            &format!(
                "Invalid '{key}': {kind} below minimum value. Expected a value >= {min}, but got {below} instead."
            ),
        );
        for above in [json!(max.as_i64().unwrap() + 1), json!(u64::MAX)] {
            refused(
                &with(&above),
                key,
                &format!("{kind}_above_max_value"),
                &format!(
                    "Invalid '{key}': {kind} above maximum value. Expected a value <= {max}, but got {above} instead."
                ),
            );
        }
    }
    refused(
        &body(json!({"temperature": 9})),
        "temperature",
        "decimal_above_max_value",
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 9 instead.",
    );
}

#[test]
fn words_are_known_or_refused() {
    for (members, param, got, supported) in [
        (
            json!({"messages": [{"role": "robot", "content": ""}]}),
            "messages[0].role",
            "robot",
            "'system', 'assistant', 'user', 'function', 'tool', and 'developer'",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}),
            "messages[0].content[0].type",
            "smell",
            "'text', 'image_url', 'input_audio', 'video_url', and 'file'",
        ),
        (
            json!({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}),
            "messages[0].content[0].type",
            "image_url",
            "'text'",
        ),
        (
            json!({"messages": [{"role": "assistant", "content": [{"type": "image_url"}]}]}),
            "messages[0].content[0].type",
            "image_url",
            "'text' and 'refusal'",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "ogg"}}]}]}),
            "messages[0].content[0].input_audio.format",
            "ogg",
            "'wav' and 'mp3'",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a", "detail": "x"}}]}]}),
            "messages[0].content[0].image_url.detail",
            "x",
            "'auto', 'low', 'high', and 'original'",
        ),
        (
            json!({"tools": [{"type": "web_search"}]}),
            "tools[0].type",
            "web_search",
            "'function' and 'custom'",
        ),
        (
            json!({"tool_choice": "any"}),
            "tool_choice",
            "any",
            "'none', 'auto', and 'required'",
        ),
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format.type",
            "xml",
            "'json_object', 'json_schema', and 'text'",
        ),
        (
            json!({"reasoning_effort": "huge"}),
            "reasoning_effort",
            "huge",
            "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'",
        ),
        (
            json!({"service_tier": "first"}),
            "service_tier",
            "first",
            "'auto', 'default', 'flex', 'scale', 'priority', and 'fast'",
        ),
        (
            json!({"modalities": ["text", "image"]}),
            "modalities[1]",
            "image",
            "'text' and 'audio'",
        ),
    ] {
        let sentence = format!("Invalid value: '{got}'. Supported values are: {supported}.");
        refused(&body(members), param, "invalid_value", &sentence);
    }
}

#[test]
fn lengths_have_bounds() {
    let empty = |param: &str| {
        format!(
            "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
    };
    refused(
        &body(json!({"messages": []})),
        "messages",
        "empty_array",
        &empty("messages"),
    );
    refused(
        &body(json!({"messages": [{"role": "user", "content": []}]})),
        "messages[0].content",
        "empty_array",
        &empty("messages[0].content"),
    );
    refused(
        &body(json!({"stop": ["a", "b", "c", "d", "e"]})),
        "stop",
        "array_above_max_length",
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
    );
    let tool = |name: String| json!({"type": "function", "function": {"name": name}});
    let tools = |count: usize| {
        (0..count)
            .map(|index| tool(format!("f{index}")))
            .collect::<Vec<_>>()
    };
    assert!(parse(&body(json!({"tools": tools(128)}))).is_ok());
    refused(
        &body(json!({"tools": tools(129)})),
        "tools",
        "array_above_max_length",
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
    );
    let call = |index| json!({"id": format!("c{index}"), "type": "function", "function": {"name": "f", "arguments": ""}});
    let calls: Vec<Value> = (0..129).map(call).collect();
    refused(
        &body(json!({"messages": [{"role": "assistant", "tool_calls": calls}]})),
        "messages[0].tool_calls",
        "array_above_max_length",
        "Invalid 'messages[0].tool_calls': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
    );
    refused(
        &body(json!({"model": ""})),
        "model",
        "empty_string",
        "Invalid 'model': empty string. Expected a string with minimum length 1, but got an empty string instead.",
    );
    refused(
        &body(json!({"model": "m".repeat(257)})),
        "model",
        "string_above_max_length",
        "Invalid 'model': string too long. Expected a string with maximum length 256, but got a string with length 257 instead.",
    );
}

#[test]
fn names_have_a_form() {
    let long = "a".repeat(65);
    for (name, code) in [
        ("", "empty_string"),
        ("get weather", "invalid_value"),
        ("prüfen", "invalid_value"),
        ("a.b", "invalid_value"),
        (long.as_str(), "string_above_max_length"),
    ] {
        for (members, param) in [
            (
                json!({"tools": [{"type": "function", "function": {"name": "ok"}}, {"type": "function", "function": {"name": name}}]}),
                "tools[1].function.name",
            ),
            (json!({"functions": [{"name": name}]}), "functions[0].name"),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": name}}}),
                "response_format.json_schema.name",
            ),
            (
                json!({"messages": [{"role": "assistant", "function_call": {"name": name, "arguments": ""}}]}),
                "messages[0].function_call.name",
            ),
        ] {
            let error = parse(&body(members)).unwrap_err();
            assert_eq!(
                (error.param.as_deref(), error.code.as_deref()),
                (Some(param), Some(code))
            );
        }
    }
    refused(
        &body(json!({"functions": [{"name": "get weather"}]})),
        "functions[0].name",
        "invalid_value",
        "Invalid 'functions[0].name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
    );
}

#[test]
fn media_must_be_readable() {
    let image = |url: &str| {
        conversation(
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]),
        )
    };
    for url in [
        "",
        "ftp://a/b",
        "file:///etc/passwd",
        "//a/b",
        "https://",
        "a.png",
        "data:",
        "data:image/png",
        "data:image/png,AAAA",
        "data:image/png;base64,",
        "data:image/png;base64,A",
        "data:image/png;base64,AAA*",
        "data:image/png;base64,AA=A",
        "data:image/png;base64,AAAAA",
        "data:image/png;base64,====",
        "data:image/png;base64,AA_-",
        "data:image/png;base64,äöü",
    ] {
        refused_over(&image(url), "messages[0].content[0].image_url.url");
    }
    for (part, param) in [
        (
            json!({"type": "input_audio", "input_audio": {"data": "not base64!", "format": "wav"}}),
            "messages[0].content[0].input_audio.data",
        ),
        (
            json!({"type": "file", "file": {"file_data": "not base64!"}}),
            "messages[0].content[0].file.file_data",
        ),
        (
            json!({"type": "file", "file": {"file_data": "QQ==", "file_id": "file-1"}}),
            "messages[0].content[0].file.file_data",
        ),
        (
            json!({"type": "file", "file": {"file_id": ""}}),
            "messages[0].content[0].file.file_id",
        ),
    ] {
        refused_over(
            &conversation(json!([{"role": "user", "content": [part]}])),
            param,
        );
    }
}

#[test]
fn what_goes_together_is_checked() {
    for (members, param, sentence) in [
        (
            json!({"max_tokens": 1, "max_completion_tokens": 1}),
            "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ),
        (
            json!({"top_logprobs": 2}),
            "top_logprobs",
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        ),
        (
            json!({"stream_options": {"include_usage": true}}),
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ),
        (
            json!({"tool_choice": "required"}),
            "tool_choice",
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        ),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            "tool_choice",
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        ),
    ] {
        refused(&body(members), param, "invalid_value", sentence);
    }
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (members, param) in [
        (
            json!({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "g"}}}),
            "tool_choice.function.name",
        ),
        (
            json!({"tools": tools, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}}),
            "tool_choice.allowed_tools.tools",
        ),
        (
            json!({"tools": tools, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "never", "tools": []}}}),
            "tool_choice.allowed_tools.mode",
        ),
        (
            json!({"tools": tools, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
                {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]}}}),
            "tool_choice.allowed_tools.tools[1].function.name",
        ),
        (
            json!({"functions": [{"name": "f"}], "function_call": {"name": "g"}}),
            "function_call.name",
        ),
        (
            json!({"functions": [{"name": "f"}], "tools": tools}),
            "functions",
        ),
        (
            json!({"functions": [{"name": "f"}, {"name": "f"}]}),
            "functions[1]",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}]}),
            "messages[0].tool_calls[1].id",
        ),
    ] {
        refused_over(&body(members), param);
    }
}

#[test]
fn what_cannot_be_had_is_refused() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (members, param) in [
        (
            json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]}),
            "tools[0].type",
        ),
        (
            json!({"tools": tools, "tool_choice": {"type": "custom", "custom": {"name": "c"}}}),
            "tool_choice.type",
        ),
        (
            json!({"tools": tools, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "custom"}]}}}),
            "tool_choice.allowed_tools.tools[0].type",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "c", "input": ""}}]}]}),
            "messages[0].tool_calls[0].type",
        ),
        (
            json!({"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}),
            "messages[0].audio",
        ),
        (json!({"modalities": ["text", "audio"]}), "modalities[1]"),
        (
            json!({"audio": {"voice": "alloy", "format": "wav"}}),
            "audio",
        ),
    ] {
        let body = body(members);
        refused_over(&body, param);
        let error = parse(&body).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("unsupported_parameter"));
    }
}
