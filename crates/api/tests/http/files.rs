//! `/v1/files`.

mod forms;
mod uploads;

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Locum, get, request, with};

const PATH: &str = "/v1/files";
const DAY: u64 = 24 * 60 * 60;

/// A part of a form that is no file.
fn field(name: &str, value: &str) -> String {
    format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// A part of a form that is a file. `filename` comes with its quotes.
fn file(filename: &str, content: &str) -> String {
    format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename={filename}\r\n\
         Content-Type: application/octet-stream\r\n\r\n{content}\r\n"
    )
}

/// A request with a form of these parts, ended as it has to be.
fn form(parts: &[String]) -> Request<Body> {
    sent(format!("{}--cut--\r\n", parts.concat()))
}

/// A request with this body for a form.
fn sent(body: impl Into<Body>) -> Request<Body> {
    let request = request(Method::POST, PATH, body);
    with("content-type", "multipart/form-data; boundary=cut", request)
}

fn upload(locum: &Locum, purpose: &str, filename: &str, content: &str) -> Value {
    let parts = [field("purpose", purpose), file(filename, content)];
    locum.ask(form(&parts)).json()
}

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

fn path(file: &Value) -> String {
    format!("{PATH}/{}", id(file))
}

fn content(locum: &Locum, file: &Value) -> Answer {
    let answer = locum.get(&format!("{}/content", path(file)));
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer
}

/// The ids of a page, and whether there are more.
fn listed(locum: &Locum, query: &str) -> (Vec<String>, bool) {
    let page = locum.get(&format!("{PATH}{query}")).json();
    assert_eq!(page["object"], "list");
    let data = page["data"].as_array().unwrap();
    let ids: Vec<String> = data.iter().map(|file| id(file).to_owned()).collect();
    assert_eq!(page["first_id"].as_str(), ids.first().map(String::as_str));
    assert_eq!(page["last_id"].as_str(), ids.last().map(String::as_str));
    (ids, page["has_more"].as_bool().unwrap())
}

#[test]
fn a_file_is_uploaded_read_and_deleted() {
    let locum = Locum::new();
    let created_at = locum.app.world.timestamp().0;
    let made = upload(&locum, "assistants", "\"notes.txt\"", "hello");
    assert!(id(&made).starts_with("file-"));
    let expected = json!({
        "id": id(&made),
        "object": "file",
        "purpose": "assistants",
        "filename": "notes.txt",
        "bytes": 5,
        "created_at": created_at,
        "expires_at": null,
        "status": "processed",
        "status_details": null,
    });
    assert_eq!(made, expected);
    assert_eq!(locum.get(&path(&made)).json(), expected);
    assert_eq!(content(&locum, &made).text(), "hello");

    let deleted = locum.delete(&path(&made)).json();
    assert_eq!(
        deleted,
        json!({"id": id(&made), "object": "file", "deleted": true})
    );
    let sentence = format!("No file found with id '{}'.", id(&made));
    assert_eq!(locum.get(&path(&made)).not_found(), sentence);
    assert_eq!(locum.delete(&path(&made)).not_found(), sentence);
    let download = locum.get(&format!("{}/content", path(&made)));
    assert_eq!(download.not_found(), sentence);
    assert_eq!(listed(&locum, ""), (vec![], false));
    assert!(locum.world.blobs.names().is_empty());
}

#[test]
fn what_is_no_file_of_ours_is_not_found() {
    let locum = Locum::new();
    upload(&locum, "assistants", "\"notes.txt\"", "hello");
    let assistant = locum.assistant();
    for id in [
        assistant.as_str(),
        "file-",
        "file-0123456789abcdefghijABCDEFG",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        "%00",
        "%0d%0a",
    ] {
        for suffix in ["", "/content"] {
            let sentence = locum.get(&format!("{PATH}/{id}{suffix}")).not_found();
            assert!(
                sentence.starts_with("No file found with id '"),
                "{sentence}"
            );
        }
        locum.delete(&format!("{PATH}/{id}")).not_found();
    }
    assert_eq!(locum.world.blobs.names().len(), 1);
}

#[test]
fn content_is_handed_out_for_saving() {
    let locum = Locum::new();
    let made = upload(
        &locum,
        "user_data",
        "\"page.html\"",
        "<script>alert(1)</script>",
    );
    let answer = content(&locum, &made);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("content-length"), "25");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"page.html\""
    );
    let mut head = get(&format!("{}/content", path(&made)));
    *head.method_mut() = Method::HEAD;
    let answer = locum.ask(head);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-length"), "25");
    assert!(answer.body.is_empty());
}

#[test]
fn names_come_back_as_they_were() {
    let locum = Locum::new();
    for (sent, name, saved_as) in [
        (
            "\"../../etc/passwd\"",
            "../../etc/passwd",
            "filename=\".._.._etc_passwd\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd",
        ),
        (
            "\"C:\\dir\\a.txt\"",
            "C:\\dir\\a.txt",
            "filename=\"C:_dir_a.txt\"; filename*=UTF-8''C%3A%5Cdir%5Ca.txt",
        ),
        (
            "\"a %22b%22.txt\"",
            "a \"b\".txt",
            "filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt",
        ),
        (
            "\"a \\\"b\\\".txt\"",
            "a \"b\".txt",
            "filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt",
        ),
        (
            "\"two%0D%0Alines\"",
            "two\r\nlines",
            "filename=\"two__lines\"; filename*=UTF-8''two%0D%0Alines",
        ),
        (
            "\"😀 é.png\"",
            "😀 é.png",
            "filename=\"_ _.png\"; filename*=UTF-8''%F0%9F%98%80%20%C3%A9.png",
        ),
        (
            "\"old\"; filename*=UTF-8''na%C3%AFve.txt",
            "naïve.txt",
            "filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt",
        ),
        ("plain.txt", "plain.txt", "filename=\"plain.txt\""),
        ("\".\"", ".", "filename=\".\""),
        ("\"CON\"", "CON", "filename=\"CON\""),
    ] {
        let made = upload(&locum, "assistants", sent, "x");
        assert_eq!(made["filename"], name);
        assert_eq!(locum.get(&path(&made)).json()["filename"], name);
        assert_eq!(
            content(&locum, &made).header("content-disposition"),
            format!("attachment; {saved_as}")
        );
    }
    let ours = |name: &String| name.starts_with("file-");
    assert!(locum.world.blobs.names().iter().all(ours));
    let long = "é".repeat(1024);
    let made = upload(&locum, "assistants", &format!("\"{long}\""), "x");
    assert_eq!(made["filename"], *long);
}

#[test]
fn any_bytes_come_back_as_they_were() {
    let locum = Locum::new();
    let tricky = "--cut\r\n--cu\r--cut\n--cu\r\n--cu--\r\n-\0\r\n\r\n";
    for bytes in ["", "\r\n", tricky] {
        let made = upload(&locum, "assistants", "\"x\"", bytes);
        assert_eq!(made["bytes"], bytes.len());
        assert_eq!(content(&locum, &made).text(), bytes);
    }
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut body = format!("{}--cut\r\n", field("purpose", "vision")).into_bytes();
    body.extend_from_slice(b"content-disposition: form-data; name=file; filename=x\r\n\r\n");
    body.extend_from_slice(&binary);
    body.extend_from_slice(b"\r\n--cut--\r\n");
    let made = locum.ask(sent(body)).json();
    assert_eq!(made["bytes"], 100_000);
    assert_eq!(content(&locum, &made).body, binary);
}

#[test]
fn files_expire() {
    let locum = Locum::new();
    let now = locum.app.world.timestamp().0;
    let expiring = |anchor: &str, seconds: &str| {
        form(&[
            field("expires_after[anchor]", anchor),
            field("expires_after[seconds]", seconds),
            field("purpose", "user_data"),
            file("\"x\"", "x"),
        ])
    };
    let made = locum.ask(expiring("created_at", "3600")).json();
    assert_eq!(made["expires_at"], now + 3600);
    let as_json = json!({"anchor": "created_at", "seconds": 2_592_000}).to_string();
    let parts = [
        field("purpose", "user_data"),
        file("\"x\"", "x"),
        field("expires_after", &as_json),
    ];
    let longest = locum.ask(form(&parts)).json();
    assert_eq!(longest["expires_at"], now + 30 * DAY);
    let batch = upload(&locum, "batch", "\"x\"", "{}");
    assert_eq!(batch["expires_at"], now + 30 * DAY);
    let stays = upload(&locum, "fine-tune", "\"x\"", "{}");
    assert_eq!(stays["expires_at"], Value::Null);

    for (anchor, seconds, param) in [
        ("created_at", "3599", "expires_after.seconds"),
        ("created_at", "2592001", "expires_after.seconds"),
        ("created_at", "-1", "expires_after.seconds"),
        (
            "created_at",
            "99999999999999999999",
            "expires_after.seconds",
        ),
        ("created_at", "3600.5", "expires_after.seconds"),
        ("created_at", "soon", "expires_after.seconds"),
        ("created_at", "", "expires_after.seconds"),
        ("last_active_at", "3600", "expires_after.anchor"),
    ] {
        let refusal = locum.ask(expiring(anchor, seconds)).refusal();
        assert_eq!(refusal.param.as_deref(), Some(param), "{anchor} {seconds}");
    }
    for (name, value, param) in [
        (
            "expires_after[anchor]",
            "created_at",
            "expires_after.seconds",
        ),
        ("expires_after[seconds]", "3600", "expires_after.anchor"),
        (
            "expires_after",
            "{\"seconds\": 3600}",
            "expires_after.anchor",
        ),
        (
            "expires_after",
            "{\"anchor\": \"created_at\"}",
            "expires_after.seconds",
        ),
        ("expires_after", "[]", "expires_after"),
        ("expires_after", "3600", "expires_after"),
        ("expires_after", "{}, \"x\": {", "expires_after"),
        ("expires_after", "nonsense", "expires_after"),
    ] {
        let parts = [
            field("purpose", "evals"),
            file("\"x\"", "x"),
            field(name, value),
        ];
        let refusal = locum.ask(form(&parts)).refusal();
        assert_eq!(refusal.param.as_deref(), Some(param), "{name} {value}");
    }
    assert_eq!(listed(&locum, "").0.len(), 4);
    assert_eq!(locum.world.blobs.names().len(), 4);

    locum.wait(Duration::from_secs(3599));
    assert_eq!(locum.get(&path(&made)).status, StatusCode::OK);
    locum.wait(Duration::from_secs(1));
    locum.get(&path(&made)).not_found();
    locum.get(&format!("{}/content", path(&made))).not_found();
    locum.delete(&path(&made)).not_found();
    let left = [&stays, &batch, &longest].map(|file| id(file).to_owned());
    assert_eq!(listed(&locum, ""), (left.to_vec(), false));
    locum.wait(Duration::from_secs(30 * DAY));
    assert_eq!(listed(&locum, ""), (vec![id(&stays).to_owned()], false));
}

#[test]
fn files_are_listed() {
    let locum = Locum::new();
    let made: Vec<String> = [
        "assistants",
        "batch",
        "assistants",
        "fine-tune",
        "assistants",
    ]
    .iter()
    .map(|purpose| id(&upload(&locum, purpose, "\"x\"", "x")).to_owned())
    .collect();
    let of = |indices: &[usize]| -> Vec<String> {
        indices.iter().map(|&index| made[index].clone()).collect()
    };
    assert_eq!(listed(&locum, ""), (of(&[4, 3, 2, 1, 0]), false));
    assert_eq!(listed(&locum, "?order=asc&limit=2"), (of(&[0, 1]), true));
    assert_eq!(
        listed(&locum, &format!("?order=asc&limit=3&after={}", made[1])),
        (of(&[2, 3, 4]), false)
    );
    assert_eq!(
        listed(&locum, "?purpose=assistants"),
        (of(&[4, 2, 0]), false)
    );
    assert_eq!(
        listed(&locum, "?purpose=assistants&limit=1"),
        (of(&[4]), true)
    );
    assert_eq!(
        listed(&locum, &format!("?purpose=assistants&after={}", made[2])),
        (of(&[0]), false)
    );
    assert_eq!(
        listed(&locum, "?purpose=assistants_output"),
        (vec![], false)
    );
    assert_eq!(listed(&locum, "?limit=10000").0.len(), 5);
    for (query, param) in [
        ("?purpose=nothing", "purpose"),
        ("?limit=0", "limit"),
        ("?limit=10001", "limit"),
        ("?limit=x", "limit"),
        ("?order=up", "order"),
        ("?after=file-0", "after"),
    ] {
        let refusal = locum.get(&format!("{PATH}{query}")).refusal();
        assert_eq!(refusal.param.as_deref(), Some(param), "{query}");
    }
    assert_eq!(
        locum.get(&format!("{PATH}?after=file-0")).refusal().message,
        "No file found with id 'file-0'."
    );
    // A cursor that was deleted still says where the list goes on.
    locum.delete(&format!("{PATH}/{}", made[2]));
    assert_eq!(
        listed(&locum, &format!("?after={}", made[2])),
        (of(&[1, 0]), false)
    );
}

#[test]
fn a_message_names_files_that_are_there() {
    let locum = Locum::new();
    let image = upload(&locum, "vision", "\"cat.png\"", "x");
    let messages = format!("/v1/threads/{}/messages", locum.thread());
    let naming = |id: &str| {
        json!({
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_file", "image_file": {"file_id": id}},
            ],
        })
    };
    let made = locum.post(&messages, &naming(id(&image))).json();
    assert_eq!(made["content"][1]["image_file"]["file_id"], image["id"]);
    let refused = locum.post(&messages, &naming("file-0"));
    assert_eq!(refused.not_found(), "No file found with id 'file-0'.");
    assert_eq!(
        refused.error().param.as_deref(),
        Some("content[1].image_file.file_id")
    );
    let thread = json!({"messages": [naming(id(&image)), naming("file-0")]});
    let refused = locum.post("/v1/threads", &thread);
    refused.not_found();
    assert_eq!(
        refused.error().param.as_deref(),
        Some("messages[1].content[1].image_file.file_id")
    );
}
