//! What an assistant may be, to the edge and beyond.

use serde_json::{Value, json};

use super::{PATH, full, full_object, known, path_of};
use crate::support::Locum;

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

fn functions(count: usize) -> Value {
    (0..count)
        .map(|number| function(&format!("f{number}")))
        .collect()
}

fn texts(count: usize) -> Value {
    (0..count).map(|number| format!("file-{number}")).collect()
}

fn pairs(count: usize) -> Value {
    let pairs = (0..count).map(|number| (number.to_string(), json!("x")));
    Value::Object(pairs.collect())
}

/// Characters of more than one byte, because limits count characters.
fn long(count: usize) -> String {
    "é".repeat(count)
}

#[test]
fn limits_allow_what_they_say() {
    let key = long(64);
    for (field, value) in [
        ("model", json!("m".repeat(256))),
        ("name", json!(long(256))),
        ("description", json!(long(512))),
        ("instructions", json!(long(256_000))),
        ("tools", functions(128)),
        ("tools", json!([function(&"f".repeat(64))])),
        (
            "tool_resources",
            json!({"code_interpreter": {"file_ids": texts(20)}}),
        ),
        ("metadata", pairs(16)),
        ("metadata", json!({key: long(512)})),
        ("temperature", json!(2)),
        ("temperature", json!(0)),
        ("top_p", json!(1)),
        ("name", json!("")),
        ("instructions", json!("\u{0}\u{1f}\u{2028}\"\\")),
    ] {
        let mut body = json!({"model": "m"});
        body[field] = value.clone();
        let locum = Locum::new();
        let made = locum.post(PATH, &body).json();
        let id = made["id"].as_str().unwrap();
        assert_eq!(locum.get(&path_of(id)).json(), made, "{field}");
        if value.is_string() {
            assert_eq!(made[field], value, "{field}");
        }
    }
}

/// Bodies with one thing wrong, and the param and the code of the refusal.
fn refusals() -> Vec<(Value, &'static str, &'static str)> {
    let long_key = long(65);
    vec![
        (json!({"model": ""}), "model", "empty_string"),
        (json!({"model": 1}), "model", "invalid_type"),
        (json!({"model": null}), "model", "invalid_type"),
        (
            json!({"model": "m".repeat(257)}),
            "model",
            "string_above_max_length",
        ),
        (
            json!({"name": long(257)}),
            "name",
            "string_above_max_length",
        ),
        (json!({"name": ["Ada"]}), "name", "invalid_type"),
        (
            json!({"description": long(513)}),
            "description",
            "string_above_max_length",
        ),
        (
            json!({"instructions": long(256_001)}),
            "instructions",
            "string_above_max_length",
        ),
        (json!({"instructions": {}}), "instructions", "invalid_type"),
        (
            json!({"tools": functions(129)}),
            "tools",
            "array_above_max_length",
        ),
        (json!({"tools": {}}), "tools", "invalid_type"),
        (json!({"tools": [1]}), "tools[0]", "invalid_type"),
        (
            json!({"tools": [{}]}),
            "tools[0].type",
            "missing_required_parameter",
        ),
        (
            json!({"tools": [{"type": "retrieval"}]}),
            "tools[0].type",
            "invalid_value",
        ),
        (
            json!({"tools": [{"type": "file_search"}]}),
            "tools[0].type",
            "unsupported_parameter",
        ),
        (
            json!({"tools": [function("f"), {"type": "code_interpreter"}]}),
            "tools[1].type",
            "unsupported_parameter",
        ),
        (
            json!({"tools": [{"type": "function"}]}),
            "tools[0].function",
            "missing_required_parameter",
        ),
        (
            json!({"tools": [{"type": "function", "function": {}}]}),
            "tools[0].function.name",
            "missing_required_parameter",
        ),
        (
            json!({"tools": [function("a b")]}),
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            json!({"tools": [function("")]}),
            "tools[0].function.name",
            "empty_string",
        ),
        (
            json!({"tools": [function(&"f".repeat(65))]}),
            "tools[0].function.name",
            "string_above_max_length",
        ),
        (
            json!({"tools": [function("f"), function("g"), function("f")]}),
            "tools[2]",
            "invalid_value",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}]}),
            "tools[0].function.parameters",
            "invalid_type",
        ),
        (
            json!({"tool_resources": []}),
            "tool_resources",
            "invalid_type",
        ),
        (
            json!({"tool_resources": {"code_interpreter": {"file_ids": texts(21)}}}),
            "tool_resources.code_interpreter.file_ids",
            "array_above_max_length",
        ),
        (
            json!({"tool_resources": {"code_interpreter": {"file_ids": [1]}}}),
            "tool_resources.code_interpreter.file_ids[0]",
            "invalid_type",
        ),
        (
            json!({"tool_resources": {"file_search": {"vector_store_ids": texts(2)}}}),
            "tool_resources.file_search.vector_store_ids",
            "array_above_max_length",
        ),
        (
            json!({"tool_resources": {"file_search": {"vector_stores": [{"file_ids": []}]}}}),
            "tool_resources.file_search.vector_stores",
            "unsupported_parameter",
        ),
        (
            json!({"metadata": pairs(17)}),
            "metadata",
            "object_above_max_properties",
        ),
        (
            json!({"metadata": {long_key: ""}}),
            "metadata",
            "string_above_max_length",
        ),
        (
            json!({"metadata": {"k": long(513)}}),
            "metadata.k",
            "string_above_max_length",
        ),
        (json!({"metadata": {"k": 1}}), "metadata.k", "invalid_type"),
        (
            json!({"metadata": {"k": null}}),
            "metadata.k",
            "invalid_type",
        ),
        (json!({"metadata": ["k"]}), "metadata", "invalid_type"),
        (
            json!({"temperature": 2.01}),
            "temperature",
            "decimal_above_max_value",
        ),
        (
            json!({"temperature": -1}),
            "temperature",
            "decimal_below_min_value",
        ),
        (json!({"temperature": "1"}), "temperature", "invalid_type"),
        (json!({"top_p": 1.5}), "top_p", "decimal_above_max_value"),
        (
            json!({"response_format": "json"}),
            "response_format",
            "invalid_value",
        ),
        (
            json!({"response_format": 1}),
            "response_format",
            "invalid_type",
        ),
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format.type",
            "invalid_value",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {}}}),
            "response_format.json_schema.name",
            "missing_required_parameter",
        ),
        (
            json!({"reasoning_effort": "hardest"}),
            "reasoning_effort",
            "invalid_value",
        ),
    ]
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let locum = Locum::new();
    for (wrong, param, code) in refusals() {
        let mut body = json!({"model": "m"});
        for (field, value) in wrong.as_object().unwrap() {
            body[field] = value.clone();
        }
        let error = locum.post(PATH, &body).refusal();
        assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
        assert_eq!(error.code.as_deref(), Some(code), "{}", error.message);
    }
    assert_eq!(locum.get(PATH).json()["data"], json!([]));
}

#[test]
fn a_change_is_checked_like_the_whole() {
    let locum = Locum::new();
    let path = path_of(&locum.make(PATH, &full()));
    for (wrong, param, code) in refusals() {
        let error = locum.post(&path, &wrong).refusal();
        assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
        assert_eq!(error.code.as_deref(), Some(code), "{}", error.message);
    }
    assert_eq!(known(locum.get(&path).json()), full_object());
}
