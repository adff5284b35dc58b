//! A `Store` in memory: what every other must do, said as plainly as it can be. Knows no SQL and no speed.
//!
//! Read in this order: `table` (rows, lists, pages and tombstones), `nouns` (assistants, threads, messages and files), `runs`,
//! `housekeeping`.

mod housekeeping;
mod nouns;
mod runs;
mod table;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use locum_domain::{
    assistant::Assistant,
    file::File,
    id::{RunId, ThreadId},
    message::Message,
    page::Page,
    project::Project,
    run::{Step, Write},
    thread::Thread,
};
use locum_engine::store::{Added, Stored};

use self::{
    runs::{Attention, RunRow},
    table::{Object, Table},
};

/// Keeps objects in vectors. Clones are the same store, as several processes see it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Default)]
struct Tables {
    assistants: Table<Assistant>,
    threads: Table<Thread>,
    messages: Table<Message>,
    runs: Table<RunRow>,
    steps: Table<Step>,
    files: Table<File>,
    /// When each turn may be taken again.
    turns: BTreeMap<String, u64>,
}

impl MemoryStore {
    /// Without any objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every call takes the tables once, and so is atomic.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn has_thread(&self, project: &Project, id: &ThreadId) -> bool {
        self.threads.find(project, "", id.as_str()).is_some()
    }

    /// Whether something can be added to a thread.
    fn admission(&self, project: &Project, thread: &ThreadId) -> Added {
        if !self.has_thread(project, thread) {
            return Added::NoThread;
        }
        self.active_run(thread).map_or(Added::Added, Added::Busy)
    }

    /// The run at work on a thread.
    fn active_run(&self, thread: &ThreadId) -> Option<RunId> {
        self.runs
            .living()
            .map(|row| &row.value)
            .find(|row| row.run.thread_id == *thread && row.attention != Attention::Ended)
            .map(|row| row.run.id.clone())
    }

    /// Stores what a run wrote. What a client has deleted meanwhile stays deleted.
    fn write(&mut self, project: &Project, write: &Write) -> Stored<()> {
        match write {
            Write::Step(step) => self.steps.upsert(project, step.as_ref()),
            Write::Message(message) => self.messages.upsert(project, message.as_ref()),
            Write::DropStep(id) => {
                self.steps.delete_where(|step| step.id == *id);
                Ok(())
            }
            Write::DropMessage(id) => {
                self.messages.delete_where(|message| message.id == *id);
                Ok(())
            }
        }
    }
}

fn empty_page<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        has_more: false,
    }
}

impl Object for Assistant {
    fn key(&self) -> (&str, &str) {
        ("", self.id.as_str())
    }
}

impl Object for Thread {
    fn key(&self) -> (&str, &str) {
        ("", self.id.as_str())
    }
}

impl Object for Message {
    fn key(&self) -> (&str, &str) {
        (self.thread_id.as_str(), self.id.as_str())
    }
}

impl Object for RunRow {
    fn key(&self) -> (&str, &str) {
        let run = &self.run;
        (run.thread_id.as_str(), run.id.as_str())
    }
}

impl Object for Step {
    fn key(&self) -> (&str, &str) {
        (self.run_id.as_str(), self.id.as_str())
    }
}

impl Object for File {
    fn key(&self) -> (&str, &str) {
        ("", self.id.as_str())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
