//! Runs, their steps, and who attends to them.

use async_trait::async_trait;
use locum_domain::{
    id::{RunId, StepId, ThreadId},
    page::{Page, PageQuery},
    project::Project,
    run::{Open, Run, Step, StepDetails, StepStatus},
};
use locum_engine::store::{
    Added, MaybePage, Next, RunCommit, RunInsert, RunStore, Stored, StoredRun, Versioned,
};

use super::{MemoryStore, Tables, empty_page, table::Set};

/// A run as a row. Its version is the row's.
#[derive(Debug, Clone)]
pub(super) struct RunRow {
    pub(super) run: Run,
    pub(super) token: u64,
    pub(super) attention: Attention,
}

/// Who attends to a run, as [`Next`] said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attention {
    Driven { owner: String, until_ms: u64 },
    Waits(u64),
    Ended,
}

impl Attention {
    /// The moment from which on anybody may claim the run.
    fn due_ms(&self) -> Option<u64> {
        match self {
            Self::Driven { until_ms, .. } => Some(*until_ms),
            Self::Waits(from_ms) => Some(*from_ms),
            Self::Ended => None,
        }
    }

    fn is_driven_by(&self, name: &str) -> bool {
        matches!(self, Self::Driven { owner, .. } if owner == name)
    }

    /// What becomes of it.
    fn then(self, next: Next<'_>) -> Self {
        match next {
            Next::Driven { owner, until_ms } => Self::Driven {
                owner: owner.to_owned(),
                until_ms,
            },
            Next::Waits(from_ms) => Self::Waits(from_ms),
            Next::Ended => Self::Ended,
            Next::Same => self,
        }
    }
}

impl Tables {
    fn stored(&self, project: &Project, row: &Versioned<RunRow>) -> StoredRun {
        StoredRun {
            project: project.clone(),
            run: row.value.run.clone(),
            open: self.open(project, &row.value.run),
            version: row.version,
            token: row.value.token,
        }
    }

    /// The step of a run that is in progress, and its message.
    fn open(&self, project: &Project, run: &Run) -> Option<Open> {
        let in_progress = |step: &Step| step.status == StepStatus::InProgress;
        let steps = self.steps.list(project, run.id.as_str(), in_progress);
        let step = steps.last()?.1.clone();
        let message = match &step.details {
            StepDetails::Message(id) => {
                self.messages
                    .find(project, run.thread_id.as_str(), id.as_str())
            }
            StepDetails::Calls(_) => None,
        };
        Some(Open {
            message: message.map(|message| message.value.clone()),
            step,
        })
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn insert_run(&self, project: &Project, insert: RunInsert<'_>) -> Stored<Added> {
        let mut tables = self.tables();
        match insert.thread {
            Some(thread) => tables.threads.insert(project, thread)?,
            None => match tables.admission(project, &insert.run.thread_id) {
                Added::Added => {}
                refused => return Ok(refused),
            },
        }
        for message in insert.messages {
            tables.messages.insert(project, message)?;
        }
        let row = RunRow {
            run: insert.run.clone(),
            token: 1,
            attention: Attention::Waits(0).then(insert.next),
        };
        tables.runs.insert(project, &row)?;
        for write in insert.writes {
            tables.write(project, write)?;
        }
        Ok(Added::Added)
    }

    async fn run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Stored<Option<StoredRun>> {
        let tables = self.tables();
        let found = tables.runs.find(project, thread.as_str(), id.as_str());
        Ok(found.map(|row| tables.stored(project, row)))
    }

    async fn runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Run>> {
        let tables = self.tables();
        if !tables.has_thread(project, thread) {
            return Ok(Some(empty_page()));
        }
        let page = tables.runs.page(project, thread.as_str(), query, |_| true);
        Ok(page.map(|page| Page {
            items: page.items.into_iter().map(|row| row.run).collect(),
            has_more: page.has_more,
        }))
    }

    async fn commit_run(&self, project: &Project, commit: RunCommit<'_>) -> Stored<bool> {
        let mut tables = self.tables();
        let run = commit.run;
        let found = tables
            .runs
            .find_mut(project, run.thread_id.as_str(), run.id.as_str())
            .filter(|row| row.version == commit.version && row.value.token == commit.token);
        let Some(row) = found else {
            return Ok(false);
        };
        let attention = row.value.attention.clone().then(commit.next);
        row.set(RunRow {
            run: run.clone(),
            token: commit.token,
            attention,
        });
        for write in commit.writes {
            tables.write(project, write)?;
        }
        Ok(true)
    }

    async fn claim_runs(
        &self,
        now_ms: u64,
        owner: &str,
        until_ms: u64,
        limit: u32,
    ) -> Stored<Vec<StoredRun>> {
        let mut tables = self.tables();
        let mut due: Vec<_> = tables
            .runs
            .living_mut()
            .filter_map(|(project, row)| {
                let due_ms = row.value.attention.due_ms()?;
                (due_ms <= now_ms).then_some((due_ms, project, row))
            })
            .collect();
        due.sort_by_key(|(due_ms, ..)| *due_ms);
        due.truncate(limit as usize);
        let mut claimed = Vec::new();
        for (_, project, row) in due {
            row.value.token += 1;
            row.value.attention = Attention::Driven {
                owner: owner.to_owned(),
                until_ms,
            };
            claimed.push((project.clone(), row.clone()));
        }
        Ok(claimed
            .iter()
            .map(|(project, row)| tables.stored(project, row))
            .collect())
    }

    async fn next_claim(&self) -> Stored<Option<u64>> {
        let mut tables = self.tables();
        let due = tables.runs.living_mut();
        Ok(due
            .filter_map(|(_, row)| row.value.attention.due_ms())
            .min())
    }

    async fn renew_leases(&self, owner: &str, until_ms: u64) -> Stored<()> {
        for (_, row) in self.tables().runs.living_mut() {
            if row.value.attention.is_driven_by(owner) {
                row.value.attention = Attention::Driven {
                    owner: owner.to_owned(),
                    until_ms,
                };
            }
        }
        Ok(())
    }

    async fn release_leases(&self, owner: Option<&str>, now_ms: u64) -> Stored<()> {
        for (_, row) in self.tables().runs.living_mut() {
            let attention = &mut row.value.attention;
            let released = match owner {
                Some(owner) => attention.is_driven_by(owner),
                None => matches!(attention, Attention::Driven { .. }),
            };
            if released {
                *attention = Attention::Waits(now_ms);
            }
        }
        Ok(())
    }

    async fn step(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        id: &StepId,
    ) -> Stored<Option<Step>> {
        let tables = self.tables();
        let found = tables.steps.find(project, run.as_str(), id.as_str());
        Ok(found
            .map(|found| found.value.clone())
            .filter(|step| step.thread_id == *thread))
    }

    async fn steps(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Step>> {
        let tables = self.tables();
        let run = run.as_str();
        if tables.runs.find(project, thread.as_str(), run).is_none() {
            return Ok(Some(empty_page()));
        }
        Ok(tables.steps.page(project, run, query, |_| true))
    }

    async fn steps_of_runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        runs: &[RunId],
    ) -> Stored<Vec<Step>> {
        let tables = self.tables();
        let mut steps: Vec<_> = runs
            .iter()
            .flat_map(|run| tables.steps.list(project, run.as_str(), |_| true))
            .filter(|(_, step)| step.thread_id == *thread)
            .collect();
        steps.sort_by_key(|(seq, _)| *seq);
        Ok(steps.into_iter().map(|(_, step)| step.clone()).collect())
    }
}
