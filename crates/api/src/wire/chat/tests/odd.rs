//! Bodies that nobody would send: damaged, or with something odd somewhere.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{body, parse};

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
