//! What a message may be, to the edge and beyond.

use http::Method;
use serde_json::{Value, json};

use super::{messages, user};
use crate::support::{Locum, request};

#[test]
fn limits_allow_what_they_say() {
    let locum = Locum::new();
    let path = messages(&locum);
    let long = "é".repeat(256_000);
    let made = locum.post(&path, &user(long.as_str())).json();
    assert_eq!(made["content"][0]["text"]["value"], long);
    let piece = json!({"type": "text", "text": long});
    let made = locum.post(&path, &user(json!([piece, piece]))).json();
    assert_eq!(made["content"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let locum = Locum::new();
    let path = messages(&locum);
    let long = "é".repeat(256_001);
    let image = |url: &str| json!([{"type": "image_url", "image_url": {"url": url}}]);
    for (body, param, code) in [
        (
            json!({"content": "a"}),
            "role",
            "missing_required_parameter",
        ),
        (
            json!({"role": "user"}),
            "content",
            "missing_required_parameter",
        ),
        (
            json!({"role": "system", "content": "a"}),
            "role",
            "invalid_value",
        ),
        (
            json!({"role": "tool", "content": "a"}),
            "role",
            "invalid_value",
        ),
        (json!({"role": 1, "content": "a"}), "role", "invalid_type"),
        (user(""), "content", "empty_string"),
        (user(Value::Null), "content", "invalid_type"),
        (user(1), "content", "invalid_type"),
        (user(json!({})), "content", "invalid_type"),
        (user(json!([])), "content", "empty_array"),
        (user(json!(["a"])), "content[0]", "invalid_type"),
        (
            user(json!([{"text": "a"}])),
            "content[0].type",
            "missing_required_parameter",
        ),
        (
            user(json!([{"type": "audio"}])),
            "content[0].type",
            "invalid_value",
        ),
        (
            user(json!([{"type": "refusal", "refusal": "no"}])),
            "content[0].type",
            "invalid_value",
        ),
        (
            user(json!([{"type": "text"}])),
            "content[0].text",
            "missing_required_parameter",
        ),
        (
            user(json!([{"type": "text", "text": ""}])),
            "content[0].text",
            "empty_string",
        ),
        (
            user(json!([{"type": "text", "text": {}}])),
            "content[0].text.value",
            "missing_required_parameter",
        ),
        (user(long.as_str()), "content", "string_above_max_length"),
        (
            user(json!([{"type": "text", "text": "a"}, {"type": "text", "text": long}])),
            "content[1].text",
            "string_above_max_length",
        ),
        (
            user(image("ftp://example.com/a.png")),
            "content[0].image_url.url",
            "invalid_value",
        ),
        (
            user(image("file:///etc/passwd")),
            "content[0].image_url.url",
            "invalid_value",
        ),
        (
            user(image("data:image/png,raw")),
            "content[0].image_url.url",
            "invalid_value",
        ),
        (
            user(image("data:image/png;base64,*")),
            "content[0].image_url.url",
            "invalid_value",
        ),
        (user(image("")), "content[0].image_url.url", "empty_string"),
        (
            user(json!([{"type": "image_url", "image_url": "https://example.com"}])),
            "content[0].image_url",
            "invalid_type",
        ),
        (
            user(
                json!([{"type": "image_url", "image_url": {"url": "https://example.com", "detail": "most"}}]),
            ),
            "content[0].image_url.detail",
            "invalid_value",
        ),
        (
            user(json!([{"type": "image_file", "image_file": {}}])),
            "content[0].image_file.file_id",
            "missing_required_parameter",
        ),
        (
            json!({"role": "user", "content": "a", "attachments": {}}),
            "attachments",
            "invalid_type",
        ),
        (
            json!({"role": "user", "content": "a", "attachments": [{"tools": []}]}),
            "attachments[0].file_id",
            "missing_required_parameter",
        ),
        (
            json!({"role": "user", "content": "a", "attachments": [{"file_id": "file-1", "tools": [{"type": "function"}]}]}),
            "attachments[0].tools[0].type",
            "invalid_value",
        ),
        (
            json!({"role": "user", "content": "a", "metadata": {"k": true}}),
            "metadata.k",
            "invalid_type",
        ),
    ] {
        let error = locum.post(&path, &body).refusal();
        assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
        assert_eq!(error.code.as_deref(), Some(code), "{}", error.message);
    }
    let error = locum.ask(request(Method::POST, &path, "")).refusal();
    assert!(error.message.contains("could not parse"));
    assert_eq!(locum.get(&path).json()["data"], json!([]));
}
