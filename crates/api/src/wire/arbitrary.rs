//! What may stand in the bodies of what is stored: whatever it is, it is taken, or refused by name.

use locum_domain::error::ApiError;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{assistant, message, thread};

/// The members of all these bodies, and what they may hold on the way down.
const WORDS: &[&str] = &[
    "annotations",
    "attachments",
    "code_interpreter",
    "content",
    "detail",
    "file_id",
    "file_ids",
    "file_search",
    "function",
    "image_file",
    "image_url",
    "json_schema",
    "messages",
    "metadata",
    "model",
    "name",
    "parameters",
    "reasoning_effort",
    "response_format",
    "role",
    "schema",
    "strict",
    "temperature",
    "text",
    "tool_resources",
    "tools",
    "top_p",
    "type",
    "url",
    "user",
    "value",
    "vector_store_ids",
    "vector_stores",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(WORDS), inner), 0..6).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// Where a value is put into a body that is right without it.
fn bodies(key: &str, value: &Value) -> [Value; 4] {
    let mut assistant = json!({"model": "m"});
    assistant[key] = value.clone();
    let mut message = json!({"role": "user", "content": "hello"});
    message[key] = value.clone();
    let mut tool = json!({"type": "function", "function": {"name": "f"}});
    tool["function"][key] = value.clone();
    [
        json!({"messages": [message]}),
        json!({"model": "m", "tools": [tool]}),
        assistant,
        message,
    ]
}

fn check<T>(read: Result<T, ApiError>) {
    if let Err(error) = read {
        assert_eq!(error.status, 400);
        let param = error.param.expect("a refusal names the field");
        assert!(!param.is_empty());
        assert!(error.message.len() < 4096);
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_is_taken_or_refused_by_name(key in prop::sample::select(WORDS), value in any_value()) {
        for body in bodies(key, &value) {
            let body = body.to_string();
            let body = body.as_bytes();
            check(assistant::parse_new(body));
            check(assistant::parse_change(body));
            check(thread::parse_new(body));
            check(thread::parse_change(body));
            check(message::parse_new(body));
            check(message::parse_change(body));
        }
    }

    #[test]
    fn no_bytes_make_them_panic(body: Vec<u8>) {
        let _ = assistant::parse_new(&body);
        let _ = thread::parse_new(&body);
        let _ = message::parse_new(&body);
    }
}
