//! Images in threads.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use locum_domain::{
    chat::Detail,
    file::{File, NewFile, Purpose},
    message::{Content, NewMessage},
    run::{RunErrorCode, RunStatus},
};
use locum_testkit::Dialect;

use crate::desk::{Desk, new_run, profile, says};

const PNG: &[u8] = &[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 1, 2, 3];

fn upload(desk: &Desk, bytes: &'static [u8]) -> File {
    let new = NewFile {
        filename: "picture".to_owned(),
        purpose: Purpose::Vision,
        expires_after_seconds: None,
    };
    let bytes = Box::pin(stream::iter([Ok(Bytes::from_static(bytes))]));
    desk.run(desk.assistants.create_file(&desk.project, new, bytes))
        .unwrap()
}

fn with_image(image: Content) -> NewMessage {
    let mut message = says("what is this?");
    message.content.push(image);
    message
}

fn image_file(file: &File) -> Content {
    Content::ImageFile {
        file_id: file.id.as_str().to_owned(),
        detail: Some(Detail::Low),
    }
}

#[test]
fn files_are_shown_as_bytes() {
    let desk = Desk::new();
    let file = upload(&desk, PNG);
    let thread = desk.thread_of(vec![with_image(image_file(&file))]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    desk.follow(&thread, new_run(&assistant));
    let part = &desk.openai()["messages"][0]["content"][1];
    let base64 = STANDARD.encode(PNG);
    assert_eq!(
        part["image_url"]["url"],
        format!("data:image/png;base64,{base64}")
    );
    assert_eq!(part["image_url"]["detail"], "low");

    let assistant = desk.assistant(profile("gemini-3.8-flash"));
    desk.follow(&thread, new_run(&assistant));
    let body = desk.handles.upstream.last(Dialect::Gemini).json();
    let blob = &body["contents"][0]["parts"][1]["inlineData"];
    assert_eq!(blob["mimeType"], "image/png");
    assert_eq!(blob["data"], base64);
    desk.no_complaints();
}

#[test]
fn addresses_go_on_as_addresses_and_data_as_data() {
    let desk = Desk::new();
    let base64 = STANDARD.encode(PNG);
    let image = |url: String| Content::ImageUrl { url, detail: None };
    let mut message = with_image(image("https://example.org/a.png".to_owned()));
    message
        .content
        .push(image(format!("data:image/png;base64,{base64}")));
    let thread = desk.thread_of(vec![message]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    desk.follow(&thread, new_run(&assistant));
    let content = &desk.openai()["messages"][0]["content"];
    assert_eq!(content[1]["image_url"]["url"], "https://example.org/a.png");
    assert_eq!(
        content[2]["image_url"]["url"],
        format!("data:image/png;base64,{base64}")
    );
    desk.no_complaints();
}

#[test]
fn a_file_that_is_gone_is_said_to_be() {
    let desk = Desk::new();
    let file = upload(&desk, PNG);
    let thread = desk.thread_of(vec![with_image(image_file(&file))]);
    desk.run(desk.assistants.delete_file(&desk.project, &file.id))
        .unwrap();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let run = desk.follow(&thread, new_run(&assistant)).run();
    assert_eq!(run.status, RunStatus::Completed);
    let content = desk.openai()["messages"][0]["content"].to_string();
    assert!(content.contains("no longer there"), "{content}");
}

#[test]
fn what_is_no_image_fails_the_run() {
    let desk = Desk::new();
    let file = upload(&desk, b"just text");
    for content in [
        image_file(&file),
        Content::ImageUrl {
            url: "data:image/png;base64,???".to_owned(),
            detail: None,
        },
    ] {
        let thread = desk.thread_of(vec![with_image(content)]);
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let run = desk.follow(&thread, new_run(&assistant)).run();
        assert_eq!(run.status, RunStatus::Failed);
        assert_eq!(run.last_error.unwrap().code, RunErrorCode::InvalidPrompt);
        assert_eq!(desk.asked(Dialect::OpenAi), 0);
    }
}
