//! What the front does not have: objects and bytes. They are in the project's object, and the requests that need them are
//! answered there; the front asks only whether storage works.

use async_trait::async_trait;
use locum_domain::{
    assistant::Assistant,
    file::{File, Purpose},
    id::{AssistantId, FileId, MessageId, RunId, StepId, ThreadId},
    message::Message,
    page::PageQuery,
    project::Project,
    run::{Run, Step},
    thread::Thread,
};
use locum_engine::{
    ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs},
    store::{
        Added, AssistantStore, FileStore, Housekeeping, MaybePage, MessageStore, RowCounts,
        RunCommit, RunInsert, RunStore, StoreError, Stored, StoredRun, ThreadStore, Versioned,
    },
};
use worker::{Env, send::SendFuture};

use crate::object;

/// The store and the blobs of the front.
pub(crate) struct Elsewhere {
    env: Env,
}

impl Elsewhere {
    /// Of the front with these bindings.
    pub(crate) fn new(env: Env) -> Self {
        Self { env }
    }
}

const WHERE: &str = "what is kept is in the project's object";

/// Methods that cannot be answered here.
macro_rules! not_here {
    ($($port:ident { $($name:ident($($argument:ty),*) -> $answer:ty;)+ })+) => {
        $(#[async_trait]
        impl $port for Elsewhere {
            $(async fn $name(&self, $(_: $argument),*) -> Stored<$answer> {
                Err(StoreError::Unavailable(WHERE.to_owned()))
            })+
        })+
    };
}

not_here! {
    AssistantStore {
        insert_assistant(&Project, &Assistant) -> ();
        assistant(&Project, &AssistantId) -> Option<Versioned<Assistant>>;
        assistants(&Project, &PageQuery) -> MaybePage<Assistant>;
        update_assistant(&Project, &Versioned<Assistant>) -> bool;
        delete_assistant(&Project, &AssistantId) -> bool;
    }
    ThreadStore {
        insert_thread(&Project, &Thread, &[Message]) -> ();
        thread(&Project, &ThreadId) -> Option<Versioned<Thread>>;
        threads(&Project, &PageQuery) -> MaybePage<Thread>;
        update_thread(&Project, &Versioned<Thread>) -> bool;
        delete_thread(&Project, &ThreadId) -> bool;
    }
    MessageStore {
        insert_message(&Project, &Message) -> Added;
        message(&Project, &ThreadId, &MessageId) -> Option<Versioned<Message>>;
        messages(&Project, &ThreadId, Option<&RunId>, &PageQuery) -> MaybePage<Message>;
        update_message(&Project, &Versioned<Message>) -> bool;
        delete_message(&Project, &ThreadId, &MessageId) -> bool;
    }
    RunStore {
        insert_run(&Project, RunInsert<'_>) -> Added;
        run(&Project, &ThreadId, &RunId) -> Option<StoredRun>;
        runs(&Project, &ThreadId, &PageQuery) -> MaybePage<Run>;
        commit_run(&Project, RunCommit<'_>) -> bool;
        claim_runs(u64, &str, u64, u32) -> Vec<StoredRun>;
        next_claim() -> Option<u64>;
        renew_leases(&str, u64) -> ();
        release_leases(Option<&str>, u64) -> ();
        step(&Project, &ThreadId, &RunId, &StepId) -> Option<Step>;
        steps(&Project, &ThreadId, &RunId, &PageQuery) -> MaybePage<Step>;
        steps_of_runs(&Project, &ThreadId, &[RunId]) -> Vec<Step>;
    }
    FileStore {
        insert_file(&Project, &File) -> ();
        file(&Project, &FileId) -> Option<File>;
        files(&Project, Option<Purpose>, &PageQuery) -> MaybePage<File>;
        delete_file(&Project, &FileId) -> bool;
    }
}

#[async_trait]
impl Housekeeping for Elsewhere {
    async fn expired_files(&self, _: u64, _: u32) -> Stored<Vec<(Project, File)>> {
        Err(StoreError::Unavailable(WHERE.to_owned()))
    }

    async fn overdue_runs(&self, _: u64) -> Stored<u64> {
        Err(StoreError::Unavailable(WHERE.to_owned()))
    }

    async fn deleted_rows(&self) -> Stored<RowCounts> {
        Err(StoreError::Unavailable(WHERE.to_owned()))
    }

    async fn purge(&self, _: u32) -> Stored<RowCounts> {
        Err(StoreError::Unavailable(WHERE.to_owned()))
    }

    async fn take_turn(&self, _: &str, _: u64, _: u64) -> Stored<bool> {
        Err(StoreError::Unavailable(WHERE.to_owned()))
    }

    async fn known_files(&self, _: &[String]) -> Stored<Vec<String>> {
        Err(StoreError::Unavailable(WHERE.to_owned()))
    }

    async fn check(&self) -> Stored<()> {
        let checked = SendFuture::new(object::check(&self.env)).await;
        checked.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

#[async_trait]
impl Blobs for Elsewhere {
    async fn put(&self, _: &str, _: BlobStream) -> Result<u64, BlobError> {
        Err(BlobError::Failed(WHERE.to_owned()))
    }

    async fn read(&self, _: &str) -> Result<Option<Blob>, BlobError> {
        Err(BlobError::Failed(WHERE.to_owned()))
    }

    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Failed(WHERE.to_owned()))
    }

    async fn list(&self, _: Option<&str>, _: usize) -> Result<Vec<BlobEntry>, BlobError> {
        Err(BlobError::Failed(WHERE.to_owned()))
    }
}
