//! A store that is away for a while, or loses its answers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

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
    ports::Clock,
    store::{
        Added, AssistantStore, FileStore, Housekeeping, MaybePage, MessageStore, RowCounts,
        RunCommit, RunInsert, RunStore, StoreError, Stored, StoredRun, ThreadStore, Versioned,
    },
};
use locum_testkit::{MemoryStore, VirtualClock};

/// What the store does to whoever asks. Clones are the same.
#[derive(Clone, Default)]
pub struct Mood(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    away_until: Duration,
    lost_answers: VecDeque<bool>,
    writes: usize,
}

impl Mood {
    /// Away for every call until this moment.
    pub fn away_until(&self, moment: Duration) {
        self.0.lock().unwrap().away_until = moment;
    }

    /// Of the coming commits, those that are `true` are done, but their answer is lost.
    pub fn lose_answers(&self, which: &[bool]) {
        self.0.lock().unwrap().lost_answers.extend(which);
    }

    /// How much was written of runs, leases included.
    pub fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    fn check(&self, now: Duration) -> Stored<()> {
        if now < self.0.lock().unwrap().away_until {
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        Ok(())
    }

    fn written(&self) {
        self.0.lock().unwrap().writes += 1;
    }

    fn answer<T>(&self, stored: T) -> Stored<T> {
        let lost = self.0.lock().unwrap().lost_answers.pop_front();
        match lost {
            Some(true) => Err(StoreError::Unavailable("the answer is lost".to_owned())),
            _ => Ok(stored),
        }
    }
}

/// See the module.
pub struct FlakyStore {
    pub inner: MemoryStore,
    pub mood: Mood,
    pub clock: VirtualClock,
}

impl FlakyStore {
    fn check(&self) -> Stored<()> {
        self.mood.check(self.clock.now())
    }
}

/// Hands calls on where the store is there.
macro_rules! hand_on {
    ($port:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+ }) => {
        #[async_trait]
        impl $port for FlakyStore {
            $(async fn $name(&self, $($arg: $type),*) -> Stored<$answer> {
                self.check()?;
                self.inner.$name($($arg),*).await
            })+
        }
    };
}

hand_on!(AssistantStore {
    fn insert_assistant(project: &Project, assistant: &Assistant) -> ();
    fn assistant(project: &Project, id: &AssistantId) -> Option<Versioned<Assistant>>;
    fn assistants(project: &Project, query: &PageQuery) -> MaybePage<Assistant>;
    fn update_assistant(project: &Project, assistant: &Versioned<Assistant>) -> bool;
    fn delete_assistant(project: &Project, id: &AssistantId) -> bool;
});

hand_on!(ThreadStore {
    fn insert_thread(project: &Project, thread: &Thread, messages: &[Message]) -> ();
    fn thread(project: &Project, id: &ThreadId) -> Option<Versioned<Thread>>;
    fn threads(project: &Project, query: &PageQuery) -> MaybePage<Thread>;
    fn update_thread(project: &Project, thread: &Versioned<Thread>) -> bool;
    fn delete_thread(project: &Project, id: &ThreadId) -> bool;
});

hand_on!(MessageStore {
    fn insert_message(project: &Project, message: &Message) -> Added;
    fn message(project: &Project, thread: &ThreadId, id: &MessageId) -> Option<Versioned<Message>>;
    fn messages(project: &Project, thread: &ThreadId, run: Option<&RunId>, query: &PageQuery) -> MaybePage<Message>;
    fn update_message(project: &Project, message: &Versioned<Message>) -> bool;
    fn delete_message(project: &Project, thread: &ThreadId, id: &MessageId) -> bool;
});

hand_on!(FileStore {
    fn insert_file(project: &Project, file: &File) -> ();
    fn file(project: &Project, id: &FileId) -> Option<File>;
    fn files(project: &Project, purpose: Option<Purpose>, query: &PageQuery) -> MaybePage<File>;
    fn delete_file(project: &Project, id: &FileId) -> bool;
});

hand_on!(Housekeeping {
    fn expired_files(now: u64, limit: u32) -> Vec<(Project, File)>;
    fn overdue_runs(now: u64) -> u64;
    fn deleted_rows() -> RowCounts;
    fn purge(limit: u32) -> RowCounts;
    fn known_files(ids: &[String]) -> Vec<String>;
    fn check() -> ();
});

#[async_trait]
impl RunStore for FlakyStore {
    async fn insert_run(&self, project: &Project, insert: RunInsert<'_>) -> Stored<Added> {
        self.check()?;
        self.mood.written();
        let added = self.inner.insert_run(project, insert).await?;
        self.mood.answer(added)
    }

    async fn run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Stored<Option<StoredRun>> {
        self.check()?;
        self.inner.run(project, thread, id).await
    }

    async fn runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Run>> {
        self.check()?;
        self.inner.runs(project, thread, query).await
    }

    async fn commit_run(&self, project: &Project, commit: RunCommit<'_>) -> Stored<bool> {
        self.check()?;
        self.mood.written();
        let stored = self.inner.commit_run(project, commit).await?;
        self.mood.answer(stored)
    }

    async fn claim_runs(
        &self,
        now_ms: u64,
        owner: &str,
        until_ms: u64,
        limit: u32,
    ) -> Stored<Vec<StoredRun>> {
        self.check()?;
        self.inner.claim_runs(now_ms, owner, until_ms, limit).await
    }

    async fn renew_leases(&self, owner: &str, until_ms: u64) -> Stored<()> {
        self.check()?;
        self.mood.written();
        self.inner.renew_leases(owner, until_ms).await
    }

    async fn release_leases(&self, owner: Option<&str>, now_ms: u64) -> Stored<()> {
        self.check()?;
        self.mood.written();
        self.inner.release_leases(owner, now_ms).await
    }

    async fn step(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        id: &StepId,
    ) -> Stored<Option<Step>> {
        self.check()?;
        self.inner.step(project, thread, run, id).await
    }

    async fn steps(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Step>> {
        self.check()?;
        self.inner.steps(project, thread, run, query).await
    }

    async fn steps_of_runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        runs: &[RunId],
    ) -> Stored<Vec<Step>> {
        self.check()?;
        self.inner.steps_of_runs(project, thread, runs).await
    }
}
