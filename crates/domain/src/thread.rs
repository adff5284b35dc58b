//! Threads: conversations.

use serde::{Deserialize, Serialize};

use crate::{
    assistant::ToolResources, id::ThreadId, message::NewMessage, metadata::Metadata,
    time::Timestamp,
};

/// A thread as it is stored. Its messages are stored on their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// `thread_…`
    pub id: ThreadId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The client's own pairs.
    pub metadata: Metadata,
    /// What tools may reach in runs on it.
    pub tool_resources: Option<ToolResources>,
}

/// A thread to be made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewThread {
    /// What it begins with, oldest first.
    pub messages: Vec<NewMessage>,
    /// See [`Thread::metadata`].
    pub metadata: Metadata,
    /// See [`Thread::tool_resources`].
    pub tool_resources: Option<ToolResources>,
}

/// What is to be changed about a thread: `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadChange {
    /// Replaces all pairs.
    pub metadata: Option<Metadata>,
    /// Replaces all resources.
    pub tool_resources: Option<Option<ToolResources>>,
}
