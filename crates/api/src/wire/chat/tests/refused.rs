//! Every way to be refused, with the field that is named, the code and the sentence.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{body, conversation, parse};

/// Asserts that `body` is refused over `param`.
#[track_caller]
fn refused(body: &Value, param: &str, code: &str, sentence: &str) {
    let error = parse(body).unwrap_err();
    assert_eq!(
        (
            error.status,
            error.param.as_deref(),
            error.code.as_deref().unwrap_or_default(),
            error.message.as_str()
        ),
        (400, Some(param), code, sentence),
    );
}

/// Asserts that `body` is refused over `param`, in words of our own.
#[track_caller]
fn refused_over(body: &Value, param: &str) {
    let error = parse(body).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
    assert_eq!(error.kind, "invalid_request_error");
    assert!(!error.message.is_empty());
}

#[test]
fn what_is_missing_is_named() {
    let missing = |body: Value, param: &str| {
        let sentence = format!("Missing required parameter: '{param}'.");
        refused(&body, param, "missing_required_parameter", &sentence);
    };
    missing(json!({"messages": []}), "model");
    missing(json!({"model": "m"}), "messages");
    for (message, place) in [
        (json!({}), "role"),
        (json!({"role": "user"}), "content"),
        (json!({"role": "system"}), "content"),
        (json!({"role": "assistant"}), "content"),
        (json!({"role": "tool", "content": ""}), "tool_call_id"),
        (json!({"role": "function", "content": ""}), "name"),
        (json!({"role": "user", "content": [{}]}), "content[0].type"),
        (
            json!({"role": "user", "content": [{"type": "text"}]}),
            "content[0].text",
        ),
        (
            json!({"role": "user", "content": [{"type": "text", "text": ""}, {"type": "image_url"}]}),
            "content[1].image_url",
        ),
        (
            json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
            "content[0].image_url.url",
        ),
        (
            json!({"role": "user", "content": [{"type": "video_url", "video_url": {}}]}),
            "content[0].video_url.url",
        ),
        (
            json!({"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "wav"}}]}),
            "content[0].input_audio.data",
        ),
        (
            json!({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QQ=="}}]}),
            "content[0].input_audio.format",
        ),
        (
            json!({"role": "user", "content": [{"type": "file", "file": {}}]}),
            "content[0].file.file_id",
        ),
        (
            json!({"role": "assistant", "content": [{"type": "refusal"}]}),
            "content[0].refusal",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{}]}),
            "tool_calls[0].id",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a"}]}),
            "tool_calls[0].type",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}),
            "tool_calls[0].function",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"arguments": ""}}]}),
            "tool_calls[0].function.name",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f"}}]}),
            "tool_calls[0].function.arguments",
        ),
        (
            json!({"role": "assistant", "function_call": {"name": "f"}}),
            "function_call.arguments",
        ),
    ] {
        missing(
            conversation(json!([{"role": "user", "content": "a"}, message])),
            &format!("messages[1].{place}"),
        );
    }
    for (members, param) in [
        (json!({"tools": [{}]}), "tools[0].type"),
        (
            json!({"tools": [{"type": "function"}]}),
            "tools[0].function",
        ),
        (
            json!({"tools": [{"type": "function", "function": {}}]}),
            "tools[0].function.name",
        ),
        (json!({"functions": [{}]}), "functions[0].name"),
        (json!({"response_format": {}}), "response_format.type"),
        (
            json!({"response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {}}}),
            "response_format.json_schema.name",
        ),
    ] {
        missing(body(members), param);
    }
}

#[test]
fn wrong_types_are_named() {
    for (members, param, expected, got) in [
        (json!({"model": null}), "model", "a string", "null"),
        (json!({"model": 4}), "model", "a string", "an integer"),
        (
            json!({"messages": "hi"}),
            "messages",
            "an array",
            "a string",
        ),
        (
            json!({"messages": ["hi"]}),
            "messages[0]",
            "an object",
            "a string",
        ),
        (
            json!({"messages": [{"role": 1}]}),
            "messages[0].role",
            "a string",
            "an integer",
        ),
        (
            json!({"messages": [{"role": "user", "content": 1.5}]}),
            "messages[0].content",
            "one of a string or array of objects",
            "a decimal",
        ),
        (
            json!({"messages": [{"role": "user", "content": null}]}),
            "messages[0].content",
            "one of a string or array of objects",
            "null",
        ),
        (
            json!({"messages": [{"role": "assistant", "content": null}]}),
            "messages[0].content",
            "one of a string or array of objects",
            "null",
        ),
        (
            json!({"messages": [{"role": "user", "content": ["hi"]}]}),
            "messages[0].content[0]",
            "an object",
            "a string",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://a"}]}]}),
            "messages[0].content[0].image_url",
            "an object",
            "a string",
        ),
        (
            json!({"messages": [{"role": "user", "content": "", "name": {}}]}),
            "messages[0].name",
            "a string",
            "an object",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": {}}]}),
            "messages[0].tool_calls",
            "an array",
            "an object",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}]}]}),
            "messages[0].tool_calls[0].function.arguments",
            "a string",
            "an object",
        ),
        (json!({"stream": "yes"}), "stream", "a boolean", "a string"),
        (
            json!({"stream": true, "stream_options": true}),
            "stream_options",
            "an object",
            "a boolean",
        ),
        (
            json!({"stream": true, "stream_options": {"include_usage": 1}}),
            "stream_options.include_usage",
            "a boolean",
            "an integer",
        ),
        (
            json!({"temperature": "1"}),
            "temperature",
            "a decimal",
            "a string",
        ),
        (json!({"top_p": []}), "top_p", "a decimal", "an array"),
        (json!({"n": 1.5}), "n", "an integer", "a decimal"),
        (json!({"seed": "a"}), "seed", "an integer", "a string"),
        (
            json!({"stop": 1}),
            "stop",
            "one of a string or an array of strings",
            "an integer",
        ),
        (json!({"stop": [1]}), "stop[0]", "a string", "an integer"),
        (json!({"tools": {}}), "tools", "an array", "an object"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}]}),
            "tools[0].function.parameters",
            "an object",
            "a string",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "strict": "true"}}]}),
            "tools[0].function.strict",
            "a boolean",
            "a string",
        ),
        (
            json!({"tool_choice": 1}),
            "tool_choice",
            "one of a string or an object",
            "an integer",
        ),
        (
            json!({"parallel_tool_calls": 0}),
            "parallel_tool_calls",
            "a boolean",
            "an integer",
        ),
        (
            json!({"response_format": "json_object"}),
            "response_format",
            "an object",
            "a string",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": true}}}),
            "response_format.json_schema.schema",
            "an object",
            "a boolean",
        ),
        (
            json!({"logprobs": 3}),
            "logprobs",
            "a boolean",
            "an integer",
        ),
        (
            json!({"reasoning_effort": 1}),
            "reasoning_effort",
            "a string",
            "an integer",
        ),
        (
            json!({"logit_bias": []}),
            "logit_bias",
            "an object",
            "an array",
        ),
        (
            json!({"metadata": "a"}),
            "metadata",
            "an object",
            "a string",
        ),
        (
            json!({"prediction": "a"}),
            "prediction",
            "an object",
            "a string",
        ),
        (json!({"store": "a"}), "store", "a boolean", "a string"),
        (json!({"user": 1}), "user", "a string", "an integer"),
        (
            json!({"verbosity": 1}),
            "verbosity",
            "a string",
            "an integer",
        ),
        (
            json!({"web_search_options": true}),
            "web_search_options",
            "an object",
            "a boolean",
        ),
        (
            json!({"prompt_cache_key": 1}),
            "prompt_cache_key",
            "a string",
            "an integer",
        ),
        (
            json!({"safety_identifier": 1}),
            "safety_identifier",
            "a string",
            "an integer",
        ),
        (
            json!({"modalities": "text"}),
            "modalities",
            "an array",
            "a string",
        ),
    ] {
        let sentence =
            format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        refused(&body(members), param, "invalid_type", &sentence);
    }
}

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

#[test]
fn what_is_no_json_object_is_refused_without_param() {
    for body in [
        "",
        " ",
        "{",
        "[]",
        "null",
        "\"hi\"",
        "{\"model\":\"m\",}",
        "{\"model\":\"m\"} trailing",
        "{\"model\":\"\u{1}\"}",
        "{\"model\":\"\\ud800\"}",
        "{'model':'m'}",
        "{\"temperature\":1e999}",
    ] {
        let error = super::super::parse(body.as_bytes()).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, None),
            "{body}"
        );
        assert!(
            error
                .message
                .starts_with("We could not parse the JSON body of your request"),
            "{}",
            error.message
        );
    }
    assert!(super::super::parse(b"{\"model\":\"\xff\"}").is_err());
}

/// A request in which nearly every member is used.
fn rich() -> Value {
    json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"},
                 "extra_content": {"google": {"thought_signature": "s"}}}]},
            {"role": "tool", "tool_call_id": "a", "content": "22"},
            {"role": "assistant", "content": [{"type": "text", "text": "22"}, {"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": null},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}},
        "parallel_tool_calls": true,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}},
        "temperature": 1, "top_p": 0.5, "n": 2, "stop": ["a"], "seed": 1, "max_completion_tokens": 5,
        "presence_penalty": 0, "frequency_penalty": 0, "logprobs": true, "top_logprobs": 2, "stream": true,
        "stream_options": {"include_usage": true}, "reasoning_effort": "low", "service_tier": "auto",
        "modalities": ["text"], "logit_bias": {}, "metadata": {}, "user": "u", "store": false,
    })
}

/// The places of all values in `value`, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), out);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                places(member, &format!("{at}/{key}"), out);
            }
        }
        _ => {}
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{}, [], null])),
        Just(json!({"type": "function", "a": [1]})),
    ]
}

proptest! {
    #[test]
    fn whatever_stands_anywhere_is_taken_or_refused_by_name(place: prop::sample::Index, odd in odd_value()) {
        let mut body = rich();
        prop_assert!(parse(&body).is_ok());
        let mut all = Vec::new();
        places(&body, "", &mut all);
        let place = &all[1..][place.index(all.len() - 1)];
        *body.pointer_mut(place).unwrap() = odd;
        if let Err(error) = parse(&body) {
            prop_assert_eq!(error.status, 400);
            prop_assert!(error.param.is_some(), "{} at {}", error.message, place);
        }
    }

    #[test]
    fn whatever_is_left_out_is_missed_by_name_or_not_at_all(place: prop::sample::Index) {
        let mut body = rich();
        let mut all = Vec::new();
        places(&body, "", &mut all);
        let place = &all[1..][place.index(all.len() - 1)];
        let (parent, key) = place.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.shift_remove(key)),
            Value::Array(items) => drop(items.remove(key.parse().unwrap())),
            _ => unreachable!("only these have members"),
        }
        if let Err(error) = parse(&body) {
            prop_assert_eq!(error.status, 400);
            prop_assert!(error.param.is_some(), "{} at {}", error.message, place);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = super::super::parse(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at: prop::sample::Index, byte: u8) {
        let mut bytes = rich().to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = super::super::parse(&bytes);
        let _ = super::super::parse(&bytes[..at]);
    }
}

#[test]
fn a_thousand_unknown_members_are_ignored() {
    let extras: Map<String, Value> = (0..1000)
        .map(|index| (format!("x{index}"), json!([index])))
        .collect();
    assert!(parse(&body(Value::Object(extras))).is_ok());
}
