//! Requests that are fine, and what becomes of them.

use locum_domain::chat::{
    ChatRequest, FunctionTool, Message, Part, ReasoningEffort, ResponseFormat, ServiceTier,
    ToolChoice,
};
use serde_json::{Value, json};

use super::{body, parse};

/// What a request with `members` becomes.
#[track_caller]
fn read(members: Value) -> ChatRequest {
    parse(&body(members)).unwrap()
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

fn function(name: &str) -> FunctionTool {
    FunctionTool {
        name: name.to_owned(),
        description: None,
        parameters: None,
        strict: false,
    }
}

#[test]
fn little_is_needed() {
    let plain = ChatRequest {
        model: "m".to_owned(),
        messages: vec![Message::User {
            name: None,
            parts: vec![Part::Text("hi".to_owned())],
        }],
        n: 1,
        ..ChatRequest::default()
    };
    assert_eq!(read(json!({})), plain);
    let nulls: Value = [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    ]
    .into_iter()
    .map(|key| (key.to_owned(), Value::Null))
    .collect();
    assert_eq!(read(nulls), plain);
    assert_eq!(
        read(
            json!({"tools": [], "stop": [], "tool_choice": "auto", "top_k": 5, "extra_body": {"a": [1]}})
        ),
        plain
    );
}

#[test]
fn numbers_are_handed_on() {
    let request = read(json!({
        "temperature": 0.25, "top_p": 1, "presence_penalty": -2, "frequency_penalty": 2.0, "max_tokens": 100,
        "seed": -5, "n": 3, "logprobs": true, "top_logprobs": 20, "stop": "END",
    }));
    assert_eq!(request.temperature, Some(0.25));
    assert_eq!(request.top_p, Some(1.0));
    assert_eq!(request.presence_penalty, Some(-2.0));
    assert_eq!(request.frequency_penalty, Some(2.0));
    assert_eq!(request.max_tokens, Some(100));
    assert_eq!(request.seed, Some(-5));
    assert_eq!(request.n, 3);
    assert_eq!(request.top_logprobs, Some(20));
    assert_eq!(request.stop, ["END"]);
    assert_eq!(
        read(json!({"max_completion_tokens": 7})).max_tokens,
        Some(7)
    );
    assert_eq!(read(json!({"logprobs": true})).top_logprobs, Some(0));
    assert_eq!(read(json!({"logprobs": false})).top_logprobs, None);
    assert_eq!(read(json!({"stop": ["a", "", "b"]})).stop, ["a", "b"]);
}

#[test]
fn streaming_is_read() {
    let request = read(
        json!({"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}}),
    );
    assert!(request.stream && request.include_usage);
    let request = read(json!({"stream": true}));
    assert!(request.stream && !request.include_usage);
}

#[test]
fn words_are_understood() {
    let effort = |word: &str| read(json!({"reasoning_effort": word})).reasoning_effort;
    assert_eq!(effort("none"), Some(ReasoningEffort::None));
    assert_eq!(effort("minimal"), Some(ReasoningEffort::Minimal));
    assert_eq!(effort("low"), Some(ReasoningEffort::Low));
    assert_eq!(effort("medium"), Some(ReasoningEffort::Medium));
    assert_eq!(effort("high"), Some(ReasoningEffort::High));
    assert_eq!(effort("xhigh"), Some(ReasoningEffort::XHigh));
    assert_eq!(effort("max"), Some(ReasoningEffort::Max));
    let tier = |word: &str| read(json!({"service_tier": word})).service_tier;
    assert_eq!(tier("auto"), Some(ServiceTier::Auto));
    assert_eq!(tier("default"), Some(ServiceTier::Default));
    assert_eq!(tier("flex"), Some(ServiceTier::Flex));
    assert_eq!(tier("priority"), Some(ServiceTier::Priority));
    assert_eq!(tier("fast"), Some(ServiceTier::Priority));
}

#[test]
fn formats_are_understood() {
    let format = |format: Value| read(json!({"response_format": format})).response_format;
    assert_eq!(format(json!({"type": "text"})), ResponseFormat::Text);
    assert_eq!(
        format(json!({"type": "json_object"})),
        ResponseFormat::JsonObject
    );
    let schema =
        json!({"type": "object", "properties": {"z": {}, "a": {"type": ["string", "null"]}}});
    let read = format(json!({"type": "json_schema", "json_schema": {
        "name": "my-schema", "description": "d", "schema": schema, "strict": true}}));
    assert_eq!(
        read,
        ResponseFormat::JsonSchema {
            name: "my-schema".to_owned(),
            description: Some("d".to_owned()),
            schema: Some(schema.clone()),
            strict: Some(true),
        }
    );
    let ResponseFormat::JsonSchema {
        schema: Some(read), ..
    } = read
    else {
        panic!("a schema");
    };
    assert_eq!(
        read.to_string(),
        schema.to_string(),
        "the order of members is kept"
    );
}

#[test]
fn tools_are_understood() {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let request = read(json!({"tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": parameters, "strict": true}},
        tool("g"),
    ]}));
    assert_eq!(
        request.tools,
        [
            FunctionTool {
                name: "f".to_owned(),
                description: Some("d".to_owned()),
                parameters: Some(parameters),
                strict: true
            },
            function("g"),
        ]
    );
    assert_eq!(request.tool_choice, ToolChoice::Auto);
    assert_eq!(request.parallel_tool_calls, None);
}

#[test]
fn choices_of_tools_are_understood() {
    let choice = |choice: Value| {
        read(json!({"tools": [tool("f"), tool("g")], "tool_choice": choice})).tool_choice
    };
    assert_eq!(choice(json!("none")), ToolChoice::None);
    assert_eq!(choice(json!("auto")), ToolChoice::Auto);
    assert_eq!(choice(json!("required")), ToolChoice::Required);
    assert_eq!(choice(tool("g")), ToolChoice::Function("g".to_owned()));
    for (mode, required) in [("auto", false), ("required", true)] {
        let allowed =
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [tool("g")]}});
        assert_eq!(
            choice(allowed),
            ToolChoice::Allowed {
                names: vec!["g".to_owned()],
                required
            }
        );
    }
    assert_eq!(
        read(json!({"tool_choice": "none"})).tool_choice,
        ToolChoice::None
    );
}

#[test]
fn functions_are_tools() {
    let functions = json!([{"name": "f", "parameters": {}}, {"name": "g"}]);
    let choice = |call: Value| {
        let request = read(json!({"functions": functions, "function_call": call}));
        assert_eq!(request.tools.len(), 2);
        assert_eq!(request.parallel_tool_calls, Some(false));
        request.tool_choice
    };
    assert_eq!(choice(json!("none")), ToolChoice::None);
    assert_eq!(choice(json!("auto")), ToolChoice::Auto);
    assert_eq!(choice(Value::Null), ToolChoice::Auto);
    assert_eq!(
        choice(json!({"name": "g"})),
        ToolChoice::Function("g".to_owned())
    );
}
