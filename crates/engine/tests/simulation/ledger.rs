//! What clients were told, and so must be true for ever.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use locum_domain::{
    assistant::Assistant,
    file::File,
    id::{AssistantId, FileId, MessageId, RunId, ThreadId},
    message::Message,
    metadata::Metadata,
    run::Run,
    time::Timestamp,
};

/// What is known of something that a client may have changed: `None` where it is not known whether it did.
pub type Known<T> = Option<T>;

/// Everything that clients know. Clones are the same.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Facts>>);

#[derive(Clone, Default)]
pub struct Facts {
    pub assistants: BTreeMap<AssistantId, Assistant>,
    pub files: BTreeMap<FileId, (File, Bytes)>,
    pub threads: BTreeMap<ThreadId, ThreadFacts>,
    pub messages: BTreeMap<MessageId, MessageFacts>,
    pub runs: BTreeMap<RunId, RunFacts>,
    /// The outputs that were taken, by run and call.
    pub outputs: BTreeMap<(RunId, String), String>,
}

/// What is known of a thread.
#[derive(Clone)]
pub struct ThreadFacts {
    pub metadata: Known<Metadata>,
    /// Whether it is there.
    pub is_there: Known<bool>,
}

/// What is known of a message that a client has made.
#[derive(Clone)]
pub struct MessageFacts {
    pub message: Message,
    pub metadata: Known<Metadata>,
    pub is_there: Known<bool>,
}

/// What is known of a run.
#[derive(Clone)]
pub struct RunFacts {
    pub thread: ThreadId,
    /// The user's last words before it.
    pub asked: Known<String>,
    pub metadata: Known<Metadata>,
    /// As it was when a client saw that it had ended.
    pub ended: Option<Run>,
    /// When a client was told that it is being cancelled.
    pub cancelled_at: Option<Timestamp>,
}

impl Ledger {
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap()
    }

    /// A copy, once nobody adds to it any more.
    pub fn facts_of_all(&self) -> Facts {
        self.facts().clone()
    }

    /// Whether a thread is known to be there.
    pub fn has_thread(&self, id: &ThreadId) -> bool {
        let facts = self.facts();
        facts
            .threads
            .get(id)
            .is_some_and(|t| t.is_there == Some(true))
    }
}
