//! Where objects are kept: a port, one part per noun.
//!
//! Every call names the project whose objects are meant; those of others are not there. Every call is atomic and durable:
//! once it has returned, no crash undoes it, and before that nobody sees it. What was deleted is gone for every call here;
//! as a cursor it still serves until [`Housekeeping::purge`] has taken its row away.
//!
//! Objects are changed by compare-and-set: read with a version, written back with it. `testkit` asks every implementation
//! the same questions.

use async_trait::async_trait;
use locum_domain::{
    assistant::Assistant,
    file::{File, Purpose},
    id::{AssistantId, FileId, MessageId, RunId, StepId, ThreadId},
    message::Message,
    page::{Page, PageQuery},
    project::Project,
    run::{Open, Run, Step, Write},
    thread::Thread,
};

/// All parts together.
pub trait Store:
    AssistantStore + ThreadStore + MessageStore + RunStore + FileStore + Housekeeping
{
}

impl<S> Store for S where
    S: AssistantStore + ThreadStore + MessageStore + RunStore + FileStore + Housekeeping + ?Sized
{
}

/// Why a store could not do what it was asked. It has done nothing then, or everything, if only its answer was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is away, and may be back soon.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// It has no room left.
    #[error("the store is full: {0}")]
    Full(String),
    /// It takes no object that is so large. It has done nothing.
    #[error("too large for the store: {0}")]
    TooLarge(String),
    /// It failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What a store answers.
pub type Stored<T> = Result<T, StoreError>;

/// An object, and which of its states it is. Each change of the object gives it another version.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The object.
    pub value: T,
    /// Its state.
    pub version: u64,
}

/// A page of a list; `None` where a cursor names no object of the list.
pub type MaybePage<T> = Option<Page<T>>;

/// Assistants.
#[async_trait]
pub trait AssistantStore: Send + Sync {
    /// Adds one.
    async fn insert_assistant(&self, project: &Project, assistant: &Assistant) -> Stored<()>;

    /// Finds one.
    async fn assistant(
        &self,
        project: &Project,
        id: &AssistantId,
    ) -> Stored<Option<Versioned<Assistant>>>;

    /// Lists them.
    async fn assistants(
        &self,
        project: &Project,
        query: &PageQuery,
    ) -> Stored<MaybePage<Assistant>>;

    /// Replaces one; false where it is gone or no longer of that version.
    async fn update_assistant(
        &self,
        project: &Project,
        assistant: &Versioned<Assistant>,
    ) -> Stored<bool>;

    /// Deletes one; false where there is none.
    async fn delete_assistant(&self, project: &Project, id: &AssistantId) -> Stored<bool>;
}

/// Threads.
#[async_trait]
pub trait ThreadStore: Send + Sync {
    /// Adds one with its first messages, oldest first.
    async fn insert_thread(
        &self,
        project: &Project,
        thread: &Thread,
        messages: &[Message],
    ) -> Stored<()>;

    /// Finds one.
    async fn thread(&self, project: &Project, id: &ThreadId) -> Stored<Option<Versioned<Thread>>>;

    /// Lists them.
    async fn threads(&self, project: &Project, query: &PageQuery) -> Stored<MaybePage<Thread>>;

    /// Replaces one; false where it is gone or no longer of that version.
    async fn update_thread(&self, project: &Project, thread: &Versioned<Thread>) -> Stored<bool>;

    /// Deletes one with everything in it; false where there is none. A run at work on it is fenced off.
    async fn delete_thread(&self, project: &Project, id: &ThreadId) -> Stored<bool>;
}

/// What came of adding to a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It was added.
    Added,
    /// There is no such thread.
    NoThread,
    /// This run is at work on the thread, so that nothing was added.
    Busy(RunId),
}

/// Messages. Those of a thread that is gone are gone.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Adds one to its thread, unless a run is at work there.
    async fn insert_message(&self, project: &Project, message: &Message) -> Stored<Added>;

    /// Finds one.
    async fn message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Stored<Option<Versioned<Message>>>;

    /// Lists those of a thread, or of one run on it; an empty page where the thread is not there.
    async fn messages(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: Option<&RunId>,
        query: &PageQuery,
    ) -> Stored<MaybePage<Message>>;

    /// Replaces one; false where it is gone or no longer of that version.
    async fn update_message(&self, project: &Project, message: &Versioned<Message>)
    -> Stored<bool>;

    /// Deletes one; false where there is none.
    async fn delete_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Stored<bool>;
}

/// Who drives a run: a process's name for itself, and the fencing token of its claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The process.
    pub owner: String,
    /// Grows with each claim of the run.
    pub token: u64,
    /// When others may claim the run: milliseconds since 1970.
    pub until_ms: u64,
}

/// A run as it is stored, with what it is in the middle of.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Whose it is.
    pub project: Project,
    /// The run.
    pub run: Run,
    /// The step that is in progress, and the message that it writes.
    pub open: Option<Open>,
    /// Which of its states it is.
    pub version: u64,
    /// The token of the last claim.
    pub token: u64,
}

/// A run's next state and everything that is stored with it.
#[derive(Debug, Clone, Copy)]
pub struct RunCommit<'a> {
    /// The run.
    pub run: &'a Run,
    /// The state that this one follows.
    pub version: u64,
    /// The token of the claim under which this is written.
    pub token: u64,
    /// Steps and messages, new, changed or taken back, in order.
    pub writes: &'a [Write],
    /// Who goes on with it.
    pub next: Next<'a>,
}

/// Who attends to a run from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// The owner of a lease, until it ends: milliseconds since 1970.
    Driven {
        /// The process.
        owner: &'a str,
        /// When others may claim the run.
        until_ms: u64,
    },
    /// Whoever claims it first from this moment on: milliseconds since 1970.
    Waits(u64),
    /// Nobody: it has ended. Its thread is free for others.
    Ended,
    /// Whoever does now: the lease, or the moment, stays as it is. For changes by somebody who does not drive the run.
    Same,
}

/// A run to be added, and what is added with it.
#[derive(Debug, Clone, Copy)]
pub struct RunInsert<'a> {
    /// Made with it; `None` where the thread is there already.
    pub thread: Option<&'a Thread>,
    /// Added to the thread ahead of the run, oldest first.
    pub messages: &'a [Message],
    /// The run in its first state. Of version 1 and claimed with token 1 then.
    pub run: &'a Run,
    /// Steps and messages of its own.
    pub writes: &'a [Write],
    /// Who goes on with it.
    pub next: Next<'a>,
}

/// Runs and their steps. Those of a thread that is gone are gone.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Adds a run that has not ended, unless another is at work on its thread: of any number of racing calls one wins.
    async fn insert_run(&self, project: &Project, insert: RunInsert<'_>) -> Stored<Added>;

    /// Finds one.
    async fn run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Stored<Option<StoredRun>>;

    /// Lists those of a thread; an empty page where the thread is not there.
    async fn runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Run>>;

    /// Stores a run's next state; its version is one higher then. False, and nothing stored, where the run is gone, of
    /// another version, or claimed by somebody else since.
    async fn commit_run(&self, project: &Project, commit: RunCommit<'_>) -> Stored<bool>;

    /// Claims up to `limit` runs that nobody attends to at `now_ms`, those that have waited longest first: each gets a
    /// token one higher and the lease. Its version stays.
    async fn claim_runs(
        &self,
        now_ms: u64,
        owner: &str,
        until_ms: u64,
        limit: u32,
    ) -> Stored<Vec<StoredRun>>;

    /// The moment from which on some run may be claimed: milliseconds since 1970. `None` where none is left that has not
    /// ended.
    async fn next_claim(&self) -> Stored<Option<u64>>;

    /// Extends all leases of `owner`.
    async fn renew_leases(&self, owner: &str, until_ms: u64) -> Stored<()>;

    /// Ends all leases of `owner`, or of everybody where it is `None`: their runs may be claimed from `now_ms` on.
    async fn release_leases(&self, owner: Option<&str>, now_ms: u64) -> Stored<()>;

    /// Finds a step.
    async fn step(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        id: &StepId,
    ) -> Stored<Option<Step>>;

    /// Lists a run's steps; an empty page where the run is not there.
    async fn steps(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Step>>;

    /// All steps of some runs of a thread, in the order in which they began.
    async fn steps_of_runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        runs: &[RunId],
    ) -> Stored<Vec<Step>>;
}

/// Files; their bytes are [`Blobs`](crate::ports::Blobs)' business.
#[async_trait]
pub trait FileStore: Send + Sync {
    /// Adds one.
    async fn insert_file(&self, project: &Project, file: &File) -> Stored<()>;

    /// Finds one.
    async fn file(&self, project: &Project, id: &FileId) -> Stored<Option<File>>;

    /// Lists them, or those of one purpose.
    async fn files(
        &self,
        project: &Project,
        purpose: Option<Purpose>,
        query: &PageQuery,
    ) -> Stored<MaybePage<File>>;

    /// Deletes one; false where there is none.
    async fn delete_file(&self, project: &Project, id: &FileId) -> Stored<bool>;
}

/// Rows by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCounts {
    /// Assistants.
    pub assistants: u64,
    /// Threads.
    pub threads: u64,
    /// Messages.
    pub messages: u64,
    /// Runs.
    pub runs: u64,
    /// Steps.
    pub steps: u64,
    /// Files.
    pub files: u64,
}

impl RowCounts {
    /// All rows.
    pub fn total(&self) -> u64 {
        self.assistants + self.threads + self.messages + self.runs + self.steps + self.files
    }
}

/// What a collection of garbage needs, over all projects.
#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Up to `limit` files that have expired at `now` (seconds since 1970), with their projects.
    async fn expired_files(&self, now: u64, limit: u32) -> Stored<Vec<(Project, File)>>;

    /// How many runs have not ended although they expired before `now` (seconds since 1970).
    async fn overdue_runs(&self, now: u64) -> Stored<u64>;

    /// How many rows [`Housekeeping::purge`] would take away by and by.
    async fn deleted_rows(&self) -> Stored<RowCounts>;

    /// Takes away up to about `limit` rows of what was deleted, and says which; none are left where it says none.
    async fn purge(&self, limit: u32) -> Stored<RowCounts>;

    /// Takes the turn of that name, which nobody may take again before `next_ms` (milliseconds since 1970); false where it is
    /// too early for it at `now_ms`. Of any number of racing calls one gets it.
    async fn take_turn(&self, name: &str, now_ms: u64, next_ms: u64) -> Stored<bool>;

    /// Which of `ids` (at most 100) are files that are there, of whatever project.
    async fn known_files(&self, ids: &[String]) -> Stored<Vec<String>>;

    /// Whether it can be read and written, for `/health`.
    async fn check(&self) -> Stored<()>;
}
