//! What the pretended OpenAI answers and refuses.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "key";

fn post(path: &str, body: &Value) -> Reply {
    let request = Request::post(path)
        .header("authorization", "Bearer key")
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    answer(&request, KEY, 7)
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body()).unwrap()
}

/// A sound request, changed by `changes`; null removes a field.
fn chat(changes: &Value) -> Value {
    let mut body = json!({
        "model": "gpt-4.1-mini",
        "messages": [{"role": "user", "content": "hello, json"}],
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn completion(changes: &Value) -> Value {
    let reply = post("/v1/chat/completions", &chat(changes));
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body());
    json_of(&reply)
}

#[track_caller]
fn check_refused(
    changes: &Value,
    status: u16,
    param: Option<&str>,
    code: Option<&str>,
    message: &str,
) {
    let reply = post("/v1/chat/completions", &chat(changes));
    let error = &json_of(&reply)["error"];
    assert_eq!(
        (
            reply.status.as_u16(),
            error["param"].as_str(),
            error["code"].as_str()
        ),
        (status, param, code),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains(message),
        "{error}"
    );
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {
        "name": name,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }})
}

fn called(id: &str) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ]})
}

#[test]
fn calls_are_parallel_and_have_ids_of_their_own() {
    let answer = completion(&json!({
        "messages": [{"role": "user", "content": "call weather and time"}],
        "tools": [tool("time"), tool("weather")],
    }));
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    let names: Vec<&Value> = calls.iter().map(|call| &call["function"]["name"]).collect();
    assert_eq!(names, ["weather", "time"]);
    assert_eq!(calls[0]["function"]["arguments"], "{\"city\":\"text\"}");
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert_eq!(calls[0]["id"].as_str().unwrap().len(), 29);
}

#[test]
fn results_are_repeated() {
    let answer = completion(&json!({"messages": [
        {"role": "user", "content": "call f"},
        called("a"),
        {"role": "tool", "tool_call_id": "a", "content": "rain"},
    ]}));
    assert_eq!(answer["choices"][0]["message"]["content"], "echo: rain");
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let reply = post(
        "/v1/chat/completions",
        &chat(&json!({"stream": true, "stream_options": {"include_usage": true}, "n": 2})),
    );
    let body = reply.body();
    let text = std::str::from_utf8(&body).unwrap();
    let events: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let said = |index: u64| -> String {
        let choices = chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
        choices
            .filter(|choice| choice["index"] == index)
            .filter_map(|choice| choice["delta"]["content"].as_str())
            .collect()
    };
    assert_eq!(
        (said(0), said(1)),
        ("echo: hello, json".into(), "echo: hello, json".into())
    );
    let usage = chunks.last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 6);
    assert_eq!(chunks[0]["usage"], Value::Null);
}

#[test]
fn vectors_come_in_both_encodings() {
    let vector = |changes: Value| {
        let mut body = json!({"model": "text-embedding-3-small", "input": ["a"], "dimensions": 4});
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        json_of(&post("/v1/embeddings", &body))["data"][0]["embedding"].clone()
    };
    let floats = |changes| -> Vec<f32> { serde_json::from_value(vector(changes)).unwrap() };
    let some = floats(json!({}));
    assert_eq!(some.len(), 4);
    use base64::{Engine, engine::general_purpose::STANDARD};
    let bytes = STANDARD
        .decode(
            vector(json!({"encoding_format": "base64"}))
                .as_str()
                .unwrap(),
        )
        .unwrap();
    let decoded: Vec<f32> = bytes
        .chunks(4)
        .map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    assert_eq!(decoded, some);
    assert_ne!(floats(json!({"input": "b"})), some);
}

#[test]
fn keys_are_checked() {
    let ask = |key: &str| {
        let request = Request::get("/v1/models").header("authorization", key);
        answer(&request.body(Bytes::new()).unwrap(), KEY, 0)
    };
    assert_eq!(ask("Bearer key").status, StatusCode::OK);
    for wrong in ["Bearer other", "key", "Bearer key "] {
        let reply = ask(wrong);
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(json_of(&reply)["error"]["code"], "invalid_api_key");
    }
}

#[test]
fn parameters_are_refused_as_openai_refuses_them() {
    let check =
        |changes, param, code, message| check_refused(&changes, 400, param, Some(code), message);
    check_refused(
        &json!({"top_k": 1}),
        400,
        None,
        None,
        "Unrecognized request argument supplied: top_k",
    );
    check_refused(
        &json!({"model": "gemini-pro"}),
        404,
        None,
        Some("model_not_found"),
        "`gemini-pro`",
    );
    check(
        json!({"temperature": 9}),
        Some("temperature"),
        "decimal_above_max_value",
        "Expected a value <= 2, but got 9 instead.",
    );
    check(
        json!({"n": 0}),
        Some("n"),
        "integer_below_min_value",
        "Expected a value >= 1",
    );
    check(
        json!({"top_p": "1"}),
        Some("top_p"),
        "invalid_type",
        "expected a decimal, but got a string",
    );
    check(
        json!({"stop": ["1", "2", "3", "4", "5"]}),
        Some("stop"),
        "array_above_max_length",
        "with length 5",
    );
    check(
        json!({"model": "o4-mini", "max_tokens": 5}),
        Some("max_tokens"),
        "unsupported_parameter",
        "max_completion_tokens",
    );
    check(
        json!({"model": "o4-mini", "temperature": 0}),
        Some("temperature"),
        "unsupported_value",
        "Only the default (1)",
    );
    check_refused(
        &json!({"reasoning_effort": "low"}),
        400,
        None,
        None,
        "Unrecognized request argument supplied: reasoning_effort",
    );
    check_refused(
        &json!({"stream_options": {"include_usage": true}}),
        400,
        Some("stream_options"),
        None,
        "only allowed when 'stream' is enabled",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": "hi"}], "response_format": {"type": "json_object"}}),
        400,
        Some("messages"),
        None,
        "must contain the word 'json'",
    );
}

#[test]
fn messages_are_refused_as_openai_refuses_them() {
    let check = |messages: Value, param: &str, code: Option<&str>, message: &str| {
        check_refused(
            &json!({"messages": messages}),
            400,
            Some(param),
            code,
            message,
        );
    };
    let long = "x".repeat(41);
    check(
        json!([]),
        "messages",
        Some("empty_array"),
        "minimum length 1",
    );
    check(
        json!([{"role": "robot", "content": "x"}]),
        "messages[0].role",
        Some("invalid_value"),
        "Invalid value: 'robot'. Supported values are: 'system', ",
    );
    check(
        json!([{"role": "user", "content": "x", "extra_content": {}}]),
        "messages[0].extra_content",
        Some("unknown_parameter"),
        "Unknown parameter",
    );
    let mut extended = called("a");
    extended["tool_calls"][0]["extra_content"] = json!({"google": {}});
    check(
        json!([{"role": "user", "content": "x"}, extended]),
        "messages[1].tool_calls[0].extra_content",
        Some("unknown_parameter"),
        "Unknown parameter",
    );
    check(
        json!([called(&long)]),
        "messages[0].tool_calls[0].id",
        Some("string_above_max_length"),
        "with length 41",
    );
    check(
        json!([{"role": "tool", "tool_call_id": "a", "content": "x"}]),
        "messages.[0].role",
        None,
        "must be a response to a preceeding message with 'tool_calls'",
    );
    check(
        json!([called("a"), {"role": "user", "content": "x"}]),
        "messages",
        None,
        "did not have response messages: a",
    );
    check(
        json!([{"role": "user", "content": null}]),
        "messages.[0].content",
        None,
        "got null",
    );
    check(
        json!([{"role": "user", "content": [{"type": "video_url", "video_url": {}}]}]),
        "messages[0].content[0].type",
        Some("invalid_value"),
        "'video_url'",
    );
}

#[test]
fn tools_are_refused_as_openai_refuses_them() {
    check_refused(
        &json!({"tools": []}),
        400,
        Some("tools"),
        Some("empty_array"),
        "",
    );
    check_refused(
        &json!({"tool_choice": "auto"}),
        400,
        Some("tool_choice"),
        None,
        "when 'tools' are specified",
    );
    let mut strict = tool("f");
    strict["function"]["strict"] = json!(true);
    check_refused(
        &json!({"tools": [strict]}),
        400,
        Some("tools[0].function.parameters"),
        Some("invalid_function_parameters"),
        "'additionalProperties' is required",
    );
    check_refused(
        &json!({"tools": [tool("a b")]}),
        400,
        Some("tools[0].function.name"),
        Some("invalid_value"),
        "pattern",
    );
    check_refused(
        &json!({"tools": [tool("f")], "tool_choice": {"type": "function", "function": {"name": "g"}}}),
        400,
        Some("tool_choice"),
        None,
        "'g' not found",
    );
}
