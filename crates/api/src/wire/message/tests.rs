use locum_domain::{
    chat::Detail,
    id::{MessageId, ThreadId},
    message::{
        Attachment, AttachmentTool, Content, Message, MessageIncomplete, MessageStatus, Role,
    },
    metadata::Metadata,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::MessageObject;

/// A message that a run has begun to write.
fn begun() -> Message {
    Message {
        id: MessageId::from("msg_1"),
        thread_id: ThreadId::from("thread_1"),
        created_at: Timestamp(7),
        status: MessageStatus::InProgress,
        incomplete: None,
        completed_at: None,
        incomplete_at: None,
        role: Role::Assistant,
        content: Vec::new(),
        assistant_id: Some("asst_1".into()),
        run_id: Some("run_1".into()),
        attachments: Vec::new(),
        metadata: Metadata::default(),
        signature: Some("secret".to_owned()),
    }
}

fn object(message: &Message) -> Value {
    serde_json::to_value(MessageObject::from(message)).unwrap()
}

#[test]
fn a_message_that_is_begun_has_every_key() {
    assert_eq!(
        object(&begun()),
        json!({
            "id": "msg_1", "object": "thread.message", "created_at": 7, "thread_id": "thread_1", "status": "in_progress",
            "incomplete_details": null, "completed_at": null, "incomplete_at": null, "role": "assistant", "content": [],
            "assistant_id": "asst_1", "run_id": "run_1", "attachments": [], "metadata": {},
        })
    );
}

#[test]
fn a_message_that_was_given_up_says_why() {
    for (incomplete, reason) in [
        (MessageIncomplete::ContentFilter, "content_filter"),
        (MessageIncomplete::MaxTokens, "max_tokens"),
        (MessageIncomplete::RunCancelled, "run_cancelled"),
        (MessageIncomplete::RunExpired, "run_expired"),
        (MessageIncomplete::RunFailed, "run_failed"),
    ] {
        let object = object(&Message {
            status: MessageStatus::Incomplete,
            incomplete: Some(incomplete),
            incomplete_at: Some(Timestamp(9)),
            ..begun()
        });
        assert_eq!(object["status"], "incomplete");
        assert_eq!(object["incomplete_details"], json!({"reason": reason}));
        assert_eq!(object["incomplete_at"], 9);
    }
}

#[test]
fn every_piece_and_every_attachment_is_written() {
    let object = object(&Message {
        content: vec![
            Content::Text("hello".to_owned()),
            Content::ImageFile {
                file_id: "file-1".to_owned(),
                detail: None,
            },
            Content::ImageUrl {
                url: "https://example.com/a.png".to_owned(),
                detail: Some(Detail::High),
            },
            Content::Refusal("no".to_owned()),
        ],
        attachments: vec![Attachment {
            file_id: "file-2".to_owned(),
            tools: vec![AttachmentTool::CodeInterpreter, AttachmentTool::FileSearch],
        }],
        ..begun()
    });
    assert_eq!(
        object["content"],
        json!([
            {"type": "text", "text": {"value": "hello", "annotations": []}},
            {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "auto"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
            {"type": "refusal", "refusal": "no"},
        ])
    );
    assert_eq!(
        object["attachments"],
        json!([{"file_id": "file-2", "tools": [{"type": "code_interpreter"}, {"type": "file_search"}]}])
    );
}
