//! `/v1/threads/{thread_id}/messages`

mod limits;

use std::time::Duration;

use http::Method;
use locum_domain::{
    file::{File, Purpose},
    project::Project,
    time::Timestamp,
};
use locum_engine::store::FileStore;
use serde_json::{Value, json};

use crate::support::{Locum, request};

/// The smallest PNG there is.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn messages(locum: &Locum) -> String {
    format!("/v1/threads/{}/messages", locum.thread())
}

fn user(content: impl Into<Value>) -> Value {
    json!({"role": "user", "content": content.into()})
}

#[test]
fn a_text_comes_back_as_a_piece() {
    let locum = Locum::new();
    let thread = locum.thread();
    let path = format!("/v1/threads/{thread}/messages");
    let said = json!({"role": "assistant", "content": "Grüße 👋\n\u{0}", "metadata": {"z": "1", "a": "2"}});
    let made = locum.post(&path, &said).json();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("msg_"));
    let expected = json!({
        "id": id, "object": "thread.message", "created_at": 1_795_000_000, "thread_id": thread, "status": "completed",
        "incomplete_details": null, "completed_at": 1_795_000_000, "incomplete_at": null, "role": "assistant",
        "content": [{"type": "text", "text": {"value": "Grüße 👋\n\u{0}", "annotations": []}}],
        "assistant_id": null, "run_id": null, "attachments": [], "metadata": {"z": "1", "a": "2"},
    });
    assert_eq!(made, expected);
    assert_eq!(locum.get(&format!("{path}/{id}")).json(), expected);
    assert_eq!(locum.get(&path).json()["data"], json!([expected]));
}

#[test]
fn every_kind_of_piece_comes_back() {
    let locum = Locum::new();
    let path = messages(&locum);
    let data = format!("data:image/png;base64,{PNG}");
    let content = json!([
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png?x=1", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": data, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "http://example.com/b.png"}},
        {"type": "text", "text": {"value": "two", "annotations": []}},
    ]);
    let made = locum.post(&path, &user(content)).json();
    assert_eq!(
        made["content"],
        json!([
            {"type": "text", "text": {"value": "one", "annotations": []}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png?x=1", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": data, "detail": "high"}},
            {"type": "image_url", "image_url": {"url": "http://example.com/b.png", "detail": "auto"}},
            {"type": "text", "text": {"value": "two", "annotations": []}},
        ])
    );
    let again = user(made["content"].clone());
    assert_eq!(
        locum.post(&path, &again).json()["content"],
        made["content"],
        "what came back can be sent"
    );
}

#[test]
fn sloppy_base64_is_put_right() {
    let locum = Locum::new();
    let whole = format!("data:image/png;base64,{PNG}");
    let unpadded = whole.trim_end_matches('=');
    let broken = whole.replace("AAAA", "AA\r\nAA");
    for url in [unpadded, &broken, &whole] {
        let content = json!([{"type": "image_url", "image_url": {"url": url}}]);
        let made = locum.post(&messages(&locum), &user(content)).json();
        assert_eq!(made["content"][0]["image_url"]["url"], whole);
    }
}

/// Puts a file into the store.
fn store_file(locum: &Locum, id: &str, purpose: Purpose) {
    let file = File {
        id: id.into(),
        created_at: Timestamp(1),
        size_bytes: 1,
        filename: "a.png".to_owned(),
        purpose,
        expires_at: None,
    };
    let project = Project::default();
    let stored = locum.world.store.insert_file(&project, &file);
    locum.world.clock.run(stored).unwrap();
}

#[test]
fn images_among_the_files_come_back() {
    let locum = Locum::new();
    store_file(&locum, "file-1", Purpose::Vision);
    let content = json!([
        {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "low"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
    ]);
    let made = locum.post(&messages(&locum), &user(content.clone())).json();
    let mut expected = content;
    expected[1]["image_file"]["detail"] = "auto".into();
    assert_eq!(made["content"], expected);
}

#[test]
fn attachments_are_recorded() {
    let locum = Locum::new();
    let path = messages(&locum);
    store_file(&locum, "file-1", Purpose::Assistants);
    store_file(&locum, "file-2", Purpose::UserData);
    let said = json!({"role": "user", "content": "hello", "attachments": [
        {"file_id": "file-2", "tools": [{"type": "file_search"}, {"type": "code_interpreter"}]},
        {"file_id": "file-1", "tools": []},
        {"file_id": "file-1"},
    ]});
    let mut expected = said["attachments"].clone();
    expected[2]["tools"] = json!([]);
    let made = locum.post(&path, &said).json();
    assert_eq!(made["attachments"], expected);
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(locum.get(&one).json(), made);
    for empty in [Value::Null, json!([])] {
        let said = json!({"role": "user", "content": "hello", "attachments": empty});
        assert_eq!(locum.post(&path, &said).json()["attachments"], json!([]));
    }
}

#[test]
fn files_that_are_not_there_are_not_found() {
    let locum = Locum::new();
    let path = messages(&locum);
    let image = json!([{"type": "image_file", "image_file": {"file_id": "file-none"}}]);
    let attached =
        json!({"role": "user", "content": "a", "attachments": [{"file_id": "file-none"}]});
    for said in [user(image), attached] {
        let sentence = "No file found with id 'file-none'.";
        assert_eq!(locum.post(&path, &said).not_found(), sentence);
        let thread = json!({"messages": [said]});
        assert_eq!(locum.post("/v1/threads", &thread).not_found(), sentence);
    }
    assert_eq!(locum.get(&path).json()["data"], json!([]));
}

#[test]
fn a_change_replaces_metadata_and_nothing_else() {
    let locum = Locum::new();
    let path = messages(&locum);
    let said = json!({"role": "user", "content": "hello", "metadata": {"a": "1", "b": "2"}});
    let made = locum.post(&path, &said).json();
    let path = format!("{path}/{}", made["id"].as_str().unwrap());
    for body in ["", "{}", r#"{"content":"other","role":"assistant"}"#] {
        assert_eq!(locum.ask(request(Method::POST, &path, body)).json(), made);
    }
    let mut expected = made;
    for (body, metadata) in [
        (json!({"metadata": {"c": "3"}}), json!({"c": "3"})),
        (json!({"metadata": {}}), json!({})),
        (json!({"metadata": null}), json!({})),
    ] {
        expected["metadata"] = metadata;
        assert_eq!(locum.post(&path, &body).json(), expected);
        assert_eq!(locum.get(&path).json(), expected);
    }
    let error = locum.post(&path, &json!({"metadata": "a"})).refusal();
    assert_eq!(error.param.as_deref(), Some("metadata"));
}

#[test]
fn what_is_deleted_is_gone() {
    let locum = Locum::new();
    let list = messages(&locum);
    let id = locum.make(&list, &user("one"));
    let other = locum.make(&list, &user("two"));
    let path = format!("{list}/{id}");
    assert_eq!(
        locum.delete(&path).json(),
        json!({"id": id, "object": "thread.message.deleted", "deleted": true})
    );
    let sentence = format!("No message found with id '{id}'.");
    let change = json!({"metadata": {"a": "b"}});
    assert_eq!(locum.get(&path).not_found(), sentence);
    assert_eq!(locum.post(&path, &change).not_found(), sentence);
    assert_eq!(locum.delete(&path).not_found(), sentence);
    let list = locum.get(&list).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["last_id"], other);
}

#[test]
fn a_message_is_found_in_its_own_thread_alone() {
    let locum = Locum::new();
    let id = locum.make(&messages(&locum), &user("hello"));
    let elsewhere = format!("{}/{id}", messages(&locum));
    let sentence = format!("No message found with id '{id}'.");
    assert_eq!(locum.get(&elsewhere).not_found(), sentence);
    assert_eq!(locum.delete(&elsewhere).not_found(), sentence);
    let nowhere = format!("/v1/threads/thread_none/messages/{id}");
    assert_eq!(
        locum.get(&nowhere).not_found(),
        "No thread found with id 'thread_none'."
    );
}

#[test]
fn a_list_may_be_of_one_run() {
    let locum = Locum::new();
    let path = messages(&locum);
    locum.make(&path, &user("hello"));
    let runs = path.replace("messages", "runs");
    let assistant = locum.assistant();
    let run = locum.make(&runs, &json!({"assistant_id": assistant}));
    locum.wait(Duration::from_secs(1));
    let of = |query: &str| locum.get(&format!("{path}?{query}")).json();
    let written = of(&format!("run_id={run}"));
    let data = written["data"].as_array().unwrap();
    assert_eq!(data.len(), 1);
    assert_eq!(data[0]["role"], "assistant");
    assert_eq!(data[0]["run_id"], run);
    assert_eq!(data[0]["assistant_id"], assistant);
    assert_eq!(of("run_id=")["data"].as_array().unwrap().len(), 2);
    for none in ["run_none", "%00", &"a".repeat(10_000)] {
        assert_eq!(of(&format!("run_id={none}"))["data"], json!([]));
    }
}

#[test]
fn nothing_is_added_while_a_run_is_at_work() {
    let locum = Locum::new();
    let thread = locum.thread();
    let path = format!("/v1/threads/{thread}/messages");
    let one = locum.make(&path, &user("Please call get_weather"));
    let tool = json!({"type": "function", "function": {"name": "get_weather"}});
    let assistant = json!({"model": "gpt-4.1-mini", "tools": [tool]});
    let assistant = locum.make("/v1/assistants", &assistant);
    let runs = format!("/v1/threads/{thread}/runs");
    let run = locum.make(&runs, &json!({"assistant_id": assistant}));
    locum.wait(Duration::from_secs(1));
    let sentence = format!("Can't add messages to {thread} while a run {run} is active.");
    assert_eq!(
        locum.post(&path, &user("hello")).refusal().message,
        sentence
    );
    let change = json!({"metadata": {"a": "b"}});
    let changed = locum.post(&format!("{path}/{one}"), &change).json();
    assert_eq!(changed["metadata"], change["metadata"]);
    locum
        .post(&format!("{runs}/{run}/cancel"), &json!({}))
        .json();
    locum.wait(Duration::from_secs(1));
    locum.make(&path, &user("hello"));
}
