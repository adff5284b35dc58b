//! `/v1/assistants`

mod limits;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Locum, request};

const PATH: &str = "/v1/assistants";

/// Everything that can be said of an assistant.
fn full() -> Value {
    json!({
        "model": "gpt-4.1-mini",
        "name": "Ada 🦀",
        "description": "Knows the weather",
        "instructions": "Be kind.",
        "tools": [
            {"type": "function", "function": {
                "name": "get_weather",
                "description": "The weather at a place",
                "parameters": {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "number"}}},
                "strict": true,
            }},
            {"type": "function", "function": {"name": "now"}},
        ],
        "tool_resources": {
            "code_interpreter": {"file_ids": ["file-1", "file-2"]},
            "file_search": {"vector_store_ids": ["vs_1"]},
        },
        "metadata": {"zebra": "1", "ant": "", "": "empty"},
        "temperature": 0.5,
        "top_p": 0,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "weather", "description": "What it is like", "schema": {"type": "object"}, "strict": false,
        }},
        "reasoning_effort": "xhigh",
    })
}

/// The same as it comes back, but for `id` and `created_at`.
fn full_object() -> Value {
    let mut object = full();
    object["object"] = "assistant".into();
    object["tools"][1]["function"]["strict"] = false.into();
    object["top_p"] = json!(0.0);
    object
}

/// `object` without what is different each time, once that has been looked at.
fn known(mut object: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    let id = members.remove("id").unwrap();
    let id = id.as_str().unwrap().strip_prefix("asst_").unwrap();
    assert!(id.len() >= 24 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(members.remove("created_at").unwrap(), 1_795_000_000);
    object
}

fn path_of(id: &str) -> String {
    format!("{PATH}/{id}")
}

#[test]
fn every_field_is_stored_and_returned() {
    let locum = Locum::new();
    let made = locum.post(PATH, &full()).json();
    assert_eq!(known(made.clone()), full_object());
    let id = made["id"].as_str().unwrap();
    assert_eq!(locum.get(&path_of(id)).json(), made);
    assert_eq!(locum.get(PATH).json()["data"], json!([made]));
}

#[test]
fn what_is_not_said_has_openais_defaults() {
    let expected = json!({
        "object": "assistant", "model": "gemini-flash-latest", "name": null, "description": null, "instructions": null,
        "tools": [], "tool_resources": null, "metadata": {}, "temperature": 1.0, "top_p": 1.0, "response_format": "auto",
    });
    let mut nulls = json!({
        "name": null, "description": null, "instructions": null, "tools": null, "tool_resources": null, "metadata": null,
        "temperature": null, "top_p": null, "response_format": null, "reasoning_effort": null,
    });
    nulls["model"] = "gemini-flash-latest".into();
    for body in [json!({"model": "gemini-flash-latest"}), nulls] {
        let answer = Locum::new().post(PATH, &body);
        assert_eq!(known(answer.json()), expected);
        assert!(answer.text().contains("\"temperature\":1.0,"));
        assert!(answer.text().contains("\"top_p\":1.0,"));
    }
}

#[test]
fn the_order_of_metadata_is_kept() {
    let answer = Locum::new().post(PATH, &full());
    let pairs = r#""metadata":{"zebra":"1","ant":"","":"empty"}"#;
    assert!(answer.text().contains(pairs), "{}", answer.text());
}

#[test]
fn of_equal_members_the_last_counts() {
    let body = r#"{"model":"a","model":"b","metadata":{"k":"1","l":"2","k":"3"}}"#;
    let answer = Locum::new().ask(request(Method::POST, PATH, body));
    assert_eq!(answer.json()["model"], "b");
    assert!(answer.text().contains(r#""metadata":{"k":"3","l":"2"}"#));
}

#[test]
fn every_form_of_an_answer_comes_back_as_it_was_said() {
    for form in [
        json!("auto"),
        json!({"type": "text"}),
        json!({"type": "json_object"}),
        json!({"type": "json_schema", "json_schema": {"name": "x"}}),
        json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"b": 1, "a": 2}, "strict": true}}),
    ] {
        let body = json!({"model": "m", "response_format": form});
        assert_eq!(
            Locum::new().post(PATH, &body).json()["response_format"],
            form
        );
    }
}

#[test]
fn resources_come_back_as_they_were_said() {
    for resources in [
        json!({}),
        json!({"code_interpreter": {"file_ids": []}}),
        json!({"file_search": {"vector_store_ids": ["vs_1"]}}),
    ] {
        let body = json!({"model": "m", "tool_resources": resources});
        assert_eq!(
            Locum::new().post(PATH, &body).json()["tool_resources"],
            resources
        );
    }
    let body =
        json!({"model": "m", "tool_resources": {"code_interpreter": {}, "file_search": null}});
    assert_eq!(
        Locum::new().post(PATH, &body).json()["tool_resources"],
        json!({"code_interpreter": {"file_ids": []}})
    );
}

#[test]
fn built_in_tools_are_refused_with_a_sentence_that_says_so() {
    let body = json!({"model": "m", "tools": [{"type": "file_search"}]});
    let error = Locum::new().post(PATH, &body).refusal();
    assert!(error.message.contains("'file_search'"), "{}", error.message);
    assert!(error.message.contains("only function tools"));
}

#[test]
fn a_model_must_be_named() {
    for body in ["{}", r#"{"name":"Ada"}"#] {
        let error = Locum::new()
            .ask(request(Method::POST, PATH, body))
            .refusal();
        assert_eq!(error.message, "Missing required parameter: 'model'.");
        assert_eq!(error.param.as_deref(), Some("model"));
    }
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    let locum = Locum::new();
    let id = locum.assistant();
    for path in [PATH, &path_of(&id)] {
        for body in ["[]", "null", "\"m\"", "{", "{\"model\":\"\u{fffd}", "hello"] {
            let error = locum.ask(request(Method::POST, path, body)).refusal();
            assert!(
                error.message.contains("could not parse"),
                "{}",
                error.message
            );
        }
    }
    assert!(
        locum
            .ask(request(Method::POST, PATH, ""))
            .refusal()
            .message
            .contains("could not parse")
    );
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let locum = Locum::new();
    let path = path_of(&locum.make(PATH, &full()));
    let untouched = locum.get(&path).json();
    for body in ["", " \n", "{}", r#"{"unknown":1}"#] {
        assert_eq!(
            locum.ask(request(Method::POST, &path, body)).json(),
            untouched
        );
    }
    for (field, value) in [
        ("model", json!("gemini-flash-latest")),
        ("name", json!("Bob")),
        ("description", json!("")),
        ("instructions", json!("Be brief.")),
        ("tools", json!([])),
        ("tool_resources", json!({})),
        ("metadata", json!({"only": "this"})),
        ("temperature", json!(1.5)),
        ("top_p", json!(0.25)),
        ("response_format", json!({"type": "text"})),
        ("reasoning_effort", json!("none")),
    ] {
        let mut expected = locum.get(&path).json();
        expected[field] = value.clone();
        let changed = locum.post(&path, &json!({field: value})).json();
        assert_eq!(changed, expected, "{field}");
        assert_eq!(locum.get(&path).json(), expected, "{field}");
    }
}

#[test]
fn null_takes_away_what_can_be_taken_away() {
    let locum = Locum::new();
    let path = path_of(&locum.make(PATH, &full()));
    let mut expected = locum.get(&path).json();
    for (field, value) in [
        ("name", Value::Null),
        ("description", Value::Null),
        ("instructions", Value::Null),
        ("tool_resources", Value::Null),
        ("metadata", json!({})),
        ("temperature", json!(1.0)),
        ("top_p", json!(1.0)),
        ("response_format", json!("auto")),
    ] {
        expected[field] = value;
        assert_eq!(locum.post(&path, &json!({field: null})).json(), expected);
    }
    expected
        .as_object_mut()
        .unwrap()
        .shift_remove("reasoning_effort");
    let changed = locum.post(&path, &json!({"reasoning_effort": null})).json();
    assert_eq!(changed, expected);
    for field in ["model", "tools"] {
        let error = locum.post(&path, &json!({field: null})).refusal();
        assert_eq!(error.param.as_deref(), Some(field));
        assert!(error.message.contains("but got null"), "{}", error.message);
    }
    assert_eq!(locum.get(&path).json(), expected);
}

#[test]
fn what_is_deleted_is_gone() {
    let locum = Locum::new();
    let id = locum.assistant();
    let other = locum.assistant();
    let path = path_of(&id);
    assert_eq!(
        locum.delete(&path).json(),
        json!({"id": id, "object": "assistant.deleted", "deleted": true})
    );
    let sentence = format!("No assistant found with id '{id}'.");
    assert_eq!(locum.get(&path).not_found(), sentence);
    assert_eq!(locum.delete(&path).not_found(), sentence);
    assert_eq!(locum.post(&path, &json!({})).not_found(), sentence);
    let list = locum.get(PATH).json();
    assert_eq!(list["first_id"], other);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[test]
fn each_answer_is_json_with_openais_headers() {
    let answer = Locum::new().post(PATH, &full());
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("openai-version"), "2020-10-01");
    assert!(!answer.header("x-request-id").is_empty());
}
