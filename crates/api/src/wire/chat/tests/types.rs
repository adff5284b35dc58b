//! What is missing, and what is of the wrong type.

use serde_json::{Value, json};

use super::{body, conversation, refused};

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
            "an array of objects",
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
            "an array of objects",
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
        (
            json!({"tools": {}}),
            "tools",
            "an array of objects",
            "an object",
        ),
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
fn null_is_no_content() {
    for role in ["system", "user", "assistant"] {
        refused(
            &conversation(json!([{"role": role, "content": null}])),
            "messages[0].content",
            "",
            "Invalid value for 'content': expected a string, got null.",
        );
    }
}
