//! `/v1/threads`

use http::Method;
use serde_json::{Value, json};

use crate::support::{Locum, request};

const PATH: &str = "/v1/threads";

fn path_of(id: &str) -> String {
    format!("{PATH}/{id}")
}

#[test]
fn every_field_is_stored_and_returned() {
    let locum = Locum::new();
    let said = json!({
        "metadata": {"zebra": "1", "ant": "2"},
        "tool_resources": {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}},
    });
    let answer = locum.post(PATH, &said);
    let made = answer.json();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("thread_"));
    let mut expected = said;
    expected["id"] = id.into();
    expected["object"] = "thread".into();
    expected["created_at"] = 1_795_000_000.into();
    assert_eq!(made, expected);
    assert!(
        answer
            .text()
            .contains(r#""metadata":{"zebra":"1","ant":"2"}"#)
    );
    assert_eq!(locum.get(&path_of(id)).json(), made);
    assert_eq!(locum.get(PATH).json()["data"], json!([made]));
}

#[test]
fn a_thread_may_begin_with_nothing_at_all() {
    let locum = Locum::new();
    for body in ["", "{}", "  ", r#"{"messages":null,"metadata":null}"#] {
        let made = locum.ask(request(Method::POST, PATH, body)).json();
        assert_eq!(made["metadata"], json!({}));
        assert_eq!(made["tool_resources"], Value::Null);
    }
    let error = locum.ask(request(Method::POST, PATH, "[]")).refusal();
    assert!(error.message.contains("could not parse"));
}

#[test]
fn a_thread_begins_with_its_messages_in_their_order() {
    let locum = Locum::new();
    let messages: Vec<Value> = (0..30)
        .map(|number| {
            let role = if number % 2 == 0 { "user" } else { "assistant" };
            json!({"role": role, "content": format!("message {number}"), "metadata": {"number": number.to_string()}})
        })
        .collect();
    let thread = locum.make(PATH, &json!({"messages": messages}));
    let list = locum
        .get(&format!(
            "{}/messages?order=asc&limit=100",
            path_of(&thread)
        ))
        .json();
    let data = list["data"].as_array().unwrap();
    assert_eq!(data.len(), 30);
    for (message, said) in data.iter().zip(&messages) {
        assert_eq!(message["content"][0]["text"]["value"], said["content"]);
        assert_eq!(message["role"], said["role"]);
        assert_eq!(message["metadata"], said["metadata"]);
        assert_eq!(message["thread_id"], thread);
    }
}

#[test]
fn a_thread_of_ten_thousand_messages_can_be_made_at_once() {
    let locum = Locum::new();
    let messages = vec![json!({"role": "user", "content": "hello"}); 10_000];
    let thread = locum.make(PATH, &json!({"messages": messages}));
    let list = locum
        .get(&format!("{}/messages?limit=100", path_of(&thread)))
        .json();
    assert_eq!(list["data"].as_array().unwrap().len(), 100);
    assert_eq!(list["has_more"], true);
}

#[test]
fn what_is_wrong_is_refused_by_name_and_nothing_is_made() {
    let locum = Locum::new();
    for (body, param, code) in [
        (json!({"messages": {}}), "messages", "invalid_type"),
        (
            json!({"messages": ["hello"]}),
            "messages[0]",
            "invalid_type",
        ),
        (
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": ""}]}),
            "messages[1].content",
            "empty_string",
        ),
        (
            json!({"messages": [{"role": "system", "content": "a"}]}),
            "messages[0].role",
            "invalid_value",
        ),
        (json!({"metadata": {"a": 1}}), "metadata.a", "invalid_type"),
        (
            json!({"tool_resources": {"file_search": {"vector_stores": []}}}),
            "tool_resources.file_search.vector_stores",
            "unsupported_parameter",
        ),
    ] {
        let error = locum.post(PATH, &body).refusal();
        assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
        assert_eq!(error.code.as_deref(), Some(code), "{}", error.message);
    }
    assert_eq!(locum.get(PATH).json()["data"], json!([]));
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let locum = Locum::new();
    let resources = json!({"code_interpreter": {"file_ids": ["file-1"]}});
    let said = json!({"metadata": {"a": "1", "b": "2"}, "tool_resources": resources});
    let path = path_of(&locum.make(PATH, &said));
    let change = |body: &str| {
        locum
            .ask(request(Method::POST, &path, body.to_owned()))
            .json()
    };
    assert_eq!(change("")["metadata"], said["metadata"]);
    assert_eq!(change("{}")["tool_resources"], resources);

    let changed = change(r#"{"metadata":{"c":"3"}}"#);
    assert_eq!(changed["metadata"], json!({"c": "3"}));
    assert_eq!(changed["tool_resources"], resources);

    let changed = change(r#"{"tool_resources":{"file_search":{"vector_store_ids":[]}}}"#);
    assert_eq!(changed["metadata"], json!({"c": "3"}));
    assert_eq!(
        changed["tool_resources"],
        json!({"file_search": {"vector_store_ids": []}})
    );

    let changed = change(r#"{"tool_resources":null,"metadata":null}"#);
    assert_eq!(changed["metadata"], json!({}));
    assert_eq!(changed["tool_resources"], Value::Null);
    assert_eq!(locum.get(&path).json(), changed);

    let error = locum.post(&path, &json!({"metadata": {"a": {}}})).refusal();
    assert_eq!(error.param.as_deref(), Some("metadata.a"));
}

#[test]
fn what_is_deleted_is_gone_with_everything_in_it() {
    let locum = Locum::new();
    let said = json!({"messages": [{"role": "user", "content": "hello"}]});
    let id = locum.make(PATH, &said);
    let path = path_of(&id);
    let messages = format!("{path}/messages");
    let message = locum.get(&messages).json()["first_id"].clone();
    let message = format!("{messages}/{}", message.as_str().unwrap());
    assert_eq!(
        locum.delete(&path).json(),
        json!({"id": id, "object": "thread.deleted", "deleted": true})
    );
    let sentence = format!("No thread found with id '{id}'.");
    let hello = json!({"role": "user", "content": "hello"});
    for answer in [
        locum.get(&path),
        locum.post(&path, &json!({})),
        locum.delete(&path),
        locum.get(&messages),
        locum.post(&messages, &hello),
        locum.get(&message),
        locum.post(&message, &json!({"metadata": {"a": "b"}})),
        locum.delete(&message),
    ] {
        assert_eq!(answer.not_found(), sentence);
    }
    assert_eq!(locum.get(PATH).json()["data"], json!([]));
}
