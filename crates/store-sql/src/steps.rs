//! Run steps, as they are read; they are written together with their run.

use locum_domain::{
    id::{RunId, StepId, ThreadId},
    page::PageQuery,
    project::Project,
    run::Step,
};
use locum_engine::store::{MaybePage, Stored};

use crate::{
    connection::{SqlConnection, Statement},
    list::{List, Parent},
    statement::{Brackets, MAX_IN_BRACKETS},
    store::SqlStore,
    threads::params_of_thread,
};

/// A run as that which a list belongs to: as its thread, and `?3` is its id.
const RUN: Parent = Parent {
    tables: "threads t CROSS JOIN runs r",
    condition: "t.id = ?1 AND t.project = ?2 AND t.deleted = 0 AND r.id = ?3 AND r.thread_id = ?1",
    params: 3,
};

impl<C: SqlConnection> SqlStore<C> {
    pub(crate) async fn step_of_run(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        id: &StepId,
    ) -> Stored<Option<Step>> {
        let statement = Statement::new(
            "SELECT s.id, s.data FROM threads t CROSS JOIN steps s \
             WHERE t.id = ?1 AND t.project = ?2 AND t.deleted = 0 \
             AND s.id = ?4 AND s.run_id = ?3 AND s.thread_id = ?1 AND s.deleted = 0",
        )
        .bind_all(params_of_thread(project, thread))
        .bind(run.as_str())
        .bind(id.as_str());
        self.object(statement).await
    }

    pub(crate) async fn page_of_steps(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        query: &PageQuery,
    ) -> Stored<MaybePage<Step>> {
        let mut params = params_of_thread(project, thread);
        params.push(run.as_str().into());
        let list = List {
            table: "steps",
            members: &[("run_id", 3)],
            tombstones: true,
            parent: Some(RUN),
            params,
        };
        self.page(&list, query).await
    }

    pub(crate) async fn all_steps_of_runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        runs: &[RunId],
    ) -> Stored<Vec<Step>> {
        let mut steps: Vec<(u64, Step)> = Vec::new();
        for runs in runs.chunks(MAX_IN_BRACKETS) {
            let brackets = Brackets::new(3, runs.iter().map(RunId::as_str));
            let statement = Statement::new(format!(
                "SELECT s.seq, s.id, s.data FROM threads t CROSS JOIN steps s \
                 WHERE t.id = ?1 AND t.project = ?2 AND t.deleted = 0 \
                 AND s.run_id IN ({}) AND s.thread_id = ?1 AND s.deleted = 0",
                brackets.places
            ))
            .bind_all(params_of_thread(project, thread))
            .bind_all(brackets.values);
            for mut cells in self.rows(statement).await? {
                let place = cells.whole()?;
                steps.push((place, cells.object()?));
            }
        }
        steps.sort_by_key(|(place, _)| *place);
        steps.dedup_by_key(|(place, _)| *place);
        Ok(steps.into_iter().map(|(_, step)| step).collect())
    }
}
