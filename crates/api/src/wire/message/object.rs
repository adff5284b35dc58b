//! What a message looks like.

use locum_domain::message::{
    Attachment, AttachmentTool, Message, MessageIncomplete, MessageStatus, Role,
};
use serde::Serialize;

use super::content::ContentObject;
use crate::wire::metadata::MetadataObject;

/// A message.
#[derive(Serialize)]
pub(crate) struct MessageObject<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    thread_id: &'a str,
    status: &'static str,
    incomplete_details: Option<IncompleteDetails>,
    completed_at: Option<u64>,
    incomplete_at: Option<u64>,
    role: &'static str,
    content: Vec<ContentObject<'a>>,
    assistant_id: Option<&'a str>,
    run_id: Option<&'a str>,
    attachments: Vec<AttachmentObject<'a>>,
    metadata: MetadataObject<'a>,
}

#[derive(Serialize)]
struct IncompleteDetails {
    reason: &'static str,
}

#[derive(Serialize)]
struct AttachmentObject<'a> {
    file_id: &'a str,
    tools: Vec<AttachmentToolObject>,
}

#[derive(Serialize)]
struct AttachmentToolObject {
    r#type: &'static str,
}

impl<'a> From<&'a Message> for MessageObject<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: message.id.as_str(),
            object: "thread.message",
            created_at: message.created_at.0,
            thread_id: message.thread_id.as_str(),
            status: match message.status {
                MessageStatus::InProgress => "in_progress",
                MessageStatus::Incomplete => "incomplete",
                MessageStatus::Completed => "completed",
            },
            incomplete_details: message.incomplete.map(Into::into),
            completed_at: message.completed_at.map(|at| at.0),
            incomplete_at: message.incomplete_at.map(|at| at.0),
            role: match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: message.content.iter().map(Into::into).collect(),
            assistant_id: message.assistant_id.as_ref().map(|id| id.as_str()),
            run_id: message.run_id.as_ref().map(|id| id.as_str()),
            attachments: message.attachments.iter().map(Into::into).collect(),
            metadata: MetadataObject(&message.metadata),
        }
    }
}

impl From<MessageIncomplete> for IncompleteDetails {
    fn from(incomplete: MessageIncomplete) -> Self {
        let reason = match incomplete {
            MessageIncomplete::ContentFilter => "content_filter",
            MessageIncomplete::MaxTokens => "max_tokens",
            MessageIncomplete::RunCancelled => "run_cancelled",
            MessageIncomplete::RunExpired => "run_expired",
            MessageIncomplete::RunFailed => "run_failed",
        };
        Self { reason }
    }
}

impl<'a> From<&'a Attachment> for AttachmentObject<'a> {
    fn from(attachment: &'a Attachment) -> Self {
        Self {
            file_id: &attachment.file_id,
            tools: attachment.tools.iter().map(Into::into).collect(),
        }
    }
}

impl From<&AttachmentTool> for AttachmentToolObject {
    fn from(tool: &AttachmentTool) -> Self {
        let r#type = match tool {
            AttachmentTool::CodeInterpreter => "code_interpreter",
            AttachmentTool::FileSearch => "file_search",
        };
        Self { r#type }
    }
}
