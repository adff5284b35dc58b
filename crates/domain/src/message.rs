//! Messages of threads.

use serde::{Deserialize, Serialize};

use crate::{
    chat::Detail,
    id::{AssistantId, MessageId, RunId, ThreadId},
    metadata::Metadata,
    time::Timestamp,
};

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `msg_…`
    pub id: MessageId,
    /// The thread that it is part of.
    pub thread_id: ThreadId,
    /// When it was made.
    pub created_at: Timestamp,
    /// How far it has come.
    pub status: MessageStatus,
    /// Why it is incomplete, where it is.
    pub incomplete: Option<MessageIncomplete>,
    /// When it was complete.
    pub completed_at: Option<Timestamp>,
    /// When it was given up.
    pub incomplete_at: Option<Timestamp>,
    /// Who speaks.
    pub role: Role,
    /// What is said. Empty while a run has only begun to write.
    pub content: Vec<Content>,
    /// The assistant that wrote it in a run.
    pub assistant_id: Option<AssistantId>,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    /// Files that belong to it.
    pub attachments: Vec<Attachment>,
    /// The client's own pairs.
    pub metadata: Metadata,
    /// A provider's opaque proof of the thinking behind the text; goes back to that provider, never to clients.
    pub signature: Option<String>,
}

/// A message to be added to a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// Who speaks.
    pub role: Role,
    /// Never empty.
    pub content: Vec<Content>,
    /// Files that belong to it.
    pub attachments: Vec<Attachment>,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The model, or who speaks for it.
    Assistant,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// A run is writing it.
    InProgress,
    /// A run gave it up.
    Incomplete,
    /// It is whole.
    Completed,
}

/// Why a message is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageIncomplete {
    /// The provider's policy.
    ContentFilter,
    /// The limit of tokens.
    MaxTokens,
    /// The run was cancelled.
    RunCancelled,
    /// The run took too long.
    RunExpired,
    /// The run failed.
    RunFailed,
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text; up to 256,000 characters from clients.
    Text(String),
    /// An image among the files, of purpose `vision`.
    ImageFile {
        /// The file.
        file_id: String,
        /// How closely it is looked at; `None` where the client did not say.
        detail: Option<Detail>,
    },
    /// An image at an address, or in a `data:` URL.
    ImageUrl {
        /// The address.
        url: String,
        /// How closely it is looked at; `None` where the client did not say.
        detail: Option<Detail>,
    },
    /// Why the model will not answer.
    Refusal(String),
}

/// A file that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The file.
    pub file_id: String,
    /// The tools that may use it.
    pub tools: Vec<AttachmentTool>,
}

/// A tool that may use an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentTool {
    /// `code_interpreter`
    CodeInterpreter,
    /// `file_search`
    FileSearch,
}
