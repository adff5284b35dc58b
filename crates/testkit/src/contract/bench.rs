//! A store under test, with what questions do again and again.

use std::sync::Arc;

use locum_domain::{
    id::{RunId, ThreadId},
    message::Message,
    page::{Order, PageQuery},
    project::Project,
    run::{Run, Step, Write},
};
use locum_engine::{
    ports::Store,
    store::{Added, Next, RunCommit, RunInsert, StoredRun},
};

use super::sample::{self, MS};

/// The process that drives runs where it does not matter which.
pub(super) const OWNER: &str = "host_1";

/// Its lease.
pub(super) const DRIVEN: Next<'static> = Next::Driven {
    owner: OWNER,
    until_ms: MS + 10_000,
};

/// A store and a project in it.
pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
    pub(super) project: Project,
}

impl Bench {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            project: Project::default(),
        }
    }

    /// The same store, as another project sees it.
    pub(super) fn stranger(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            project: Project::named("another"),
        }
    }

    /// A new thread.
    pub(super) async fn thread(&self, n: u64) -> ThreadId {
        let thread = sample::thread(n);
        let inserted = self.store.insert_thread(&self.project, &thread, &[]).await;
        inserted.unwrap();
        thread.id
    }

    /// Adds a run that is at work, if its thread lets it.
    pub(super) async fn insert(&self, run: &Run, writes: &[Write], next: Next<'_>) -> Added {
        let insert = RunInsert {
            thread: None,
            messages: &[],
            run,
            writes,
            next,
        };
        self.store.insert_run(&self.project, insert).await.unwrap()
    }

    /// A new thread with a run at work on it.
    pub(super) async fn begin(&self, n: u64, next: Next<'_>) -> Run {
        let run = sample::run(&self.thread(n).await, n);
        assert_eq!(self.insert(&run, &[], next).await, Added::Added);
        run
    }

    /// A run as it is stored; it has to be there.
    pub(super) async fn load(&self, run: &Run) -> StoredRun {
        self.find(run).await.expect("a run that is there")
    }

    /// A run as it is stored.
    pub(super) async fn find(&self, run: &Run) -> Option<StoredRun> {
        let found = self.store.run(&self.project, &run.thread_id, &run.id);
        found.await.unwrap()
    }

    /// Commits on top of a state that was loaded.
    pub(super) async fn commit(
        &self,
        on: &StoredRun,
        run: &Run,
        writes: &[Write],
        next: Next<'_>,
    ) -> bool {
        let commit = RunCommit {
            run,
            version: on.version,
            token: on.token,
            writes,
            next,
        };
        self.store.commit_run(&self.project, commit).await.unwrap()
    }

    /// Has a run store something more.
    pub(super) async fn write(&self, run: &Run, writes: &[Write]) {
        let on = self.load(run).await;
        assert!(self.commit(&on, &on.run, writes, DRIVEN).await);
    }

    /// Ends a run.
    pub(super) async fn end(&self, run: &Run) {
        let on = self.load(run).await;
        let ended = sample::ended(on.run.clone());
        assert!(self.commit(&on, &ended, &[], Next::Ended).await);
    }

    /// All messages of a thread, oldest first.
    pub(super) async fn messages(&self, thread: &ThreadId) -> Vec<Message> {
        let page = self
            .store
            .messages(&self.project, thread, None, &all())
            .await;
        page.unwrap().expect("a list without cursors").items
    }

    /// All steps of a run, oldest first.
    pub(super) async fn steps(&self, run: &Run) -> Vec<Step> {
        let page = self
            .store
            .steps(&self.project, &run.thread_id, &run.id, &all())
            .await;
        page.unwrap().expect("a list without cursors").items
    }

    /// Claims for `owner`, until ten seconds later; says which.
    pub(super) async fn claim(&self, now_ms: u64, owner: &str, limit: u32) -> Vec<RunId> {
        let claimed = self
            .store
            .claim_runs(now_ms, owner, now_ms + 10_000, limit)
            .await;
        let ids = claimed.unwrap().into_iter().map(|stored| stored.run.id);
        ids.collect()
    }
}

/// All objects of a list, oldest first.
pub(super) fn all() -> PageQuery {
    PageQuery {
        limit: 10_000,
        order: Order::Ascending,
        after: None,
        before: None,
    }
}

/// A step to be stored.
pub(super) fn step(step: &Step) -> Write {
    Write::Step(Box::new(step.clone()))
}

/// A message of a run to be stored.
pub(super) fn message(message: &Message) -> Write {
    Write::Message(Box::new(message.clone()))
}
