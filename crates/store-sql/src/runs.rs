//! Runs: the store's port. What a batch writes is in [`writes`], who attends to a run in [`claims`].

mod claims;
mod writes;

use async_trait::async_trait;
use locum_domain::{
    id::{RunId, StepId, ThreadId},
    page::PageQuery,
    project::Project,
    run::{Open, Run, Step},
};
use locum_engine::store::{Added, MaybePage, RunCommit, RunInsert, RunStore, Stored, StoredRun};

use self::writes::{all_of_commit, all_of_insert};
use crate::{
    connection::{Outcome, SqlConnection, Statement},
    list::List,
    row::Cells,
    store::SqlStore,
    threads::{THREAD, TRIES, params_of_thread, too_lively},
};

/// The columns of a [`StoredRun`] out of `runs r` with its open step and message.
macro_rules! select_stored_run {
    ($from:literal, $condition:literal) => {
        concat!(
            "SELECT r.project, r.version, r.token, r.id, r.data, s.id, s.data, m.id, m.data FROM ",
            $from,
            " LEFT JOIN steps s ON s.run_id = r.id AND s.status = 'in_progress' AND s.deleted = 0 \
             LEFT JOIN messages m ON m.id = s.message_id AND m.deleted = 0 WHERE ",
            $condition,
            " ORDER BY s.seq DESC LIMIT 1"
        )
    };
}
use select_stored_run;

/// A run as a row of [`select_stored_run`] holds it.
fn stored_run(mut cells: Cells) -> Stored<StoredRun> {
    Ok(StoredRun {
        project: Project::named(cells.text()?),
        version: cells.whole()?,
        token: cells.whole()?,
        run: cells.object()?,
        open: match cells.optional_object()? {
            Some(step) => Some(Open {
                step,
                message: cells.optional_object()?,
            }),
            None => None,
        },
    })
}

#[async_trait]
impl<C: SqlConnection> RunStore for SqlStore<C> {
    async fn insert_run(&self, project: &Project, insert: RunInsert<'_>) -> Stored<Added> {
        let thread = &insert.run.thread_id;
        for _ in 0..TRIES {
            match self.batch(all_of_insert(project, insert)?).await? {
                Outcome::Done(_) => return Ok(Added::Added),
                Outcome::Unmet(_) => {
                    if let Some(obstacle) = self.obstacle(project, thread).await? {
                        return Ok(obstacle);
                    }
                }
            }
        }
        Err(too_lively(thread))
    }

    async fn run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Stored<Option<StoredRun>> {
        let statement = Statement::new(select_stored_run!(
            "threads t CROSS JOIN runs r",
            "t.id = ?1 AND t.project = ?2 AND t.deleted = 0 AND r.id = ?3 AND r.thread_id = ?1"
        ))
        .bind_all(params_of_thread(project, thread))
        .bind(id.as_str());
        self.row(statement).await?.map(stored_run).transpose()
    }

    async fn runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Run>> {
        let list = List {
            table: "runs",
            members: &[("thread_id", 1)],
            tombstones: false,
            parent: Some(THREAD),
            params: params_of_thread(project, thread),
        };
        self.page(&list, query).await
    }

    async fn commit_run(&self, project: &Project, commit: RunCommit<'_>) -> Stored<bool> {
        let statements = all_of_commit(self.dialect(), project, commit)?;
        self.done(statements).await
    }

    async fn claim_runs(
        &self,
        now_ms: u64,
        owner: &str,
        until_ms: u64,
        limit: u32,
    ) -> Stored<Vec<StoredRun>> {
        self.claim(now_ms, owner, until_ms, limit).await
    }

    async fn next_claim(&self) -> Stored<Option<u64>> {
        self.next_due().await
    }

    async fn renew_leases(&self, owner: &str, until_ms: u64) -> Stored<()> {
        let statement = Statement::new("UPDATE runs SET attend_at = ?1 WHERE owner = ?2");
        self.changed(statement.bind(until_ms).bind(owner)).await?;
        Ok(())
    }

    async fn release_leases(&self, owner: Option<&str>, now_ms: u64) -> Stored<()> {
        let statement = match owner {
            Some(owner) => {
                Statement::new("UPDATE runs SET attend_at = ?1, owner = NULL WHERE owner = ?2")
                    .bind(now_ms)
                    .bind(owner)
            }
            None => Statement::new(
                "UPDATE runs SET attend_at = ?1, owner = NULL WHERE owner IS NOT NULL",
            )
            .bind(now_ms),
        };
        let bell = self.dialect().bell("");
        self.batch([statement].into_iter().chain(bell).collect())
            .await?;
        Ok(())
    }

    async fn step(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        id: &StepId,
    ) -> Stored<Option<Step>> {
        self.step_of_run(project, thread, run, id).await
    }

    async fn steps(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Step>> {
        self.page_of_steps(project, thread, run, query).await
    }

    async fn steps_of_runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        runs: &[RunId],
    ) -> Stored<Vec<Step>> {
        self.all_steps_of_runs(project, thread, runs).await
    }
}
