//! Runs, as clients ask for them.
//!
//! What a client asks for is checked against the run as it is stored, and stored with the version that was checked; when
//! somebody else was faster, everything is looked at again. Whoever drives the run is told. Beginning a run, and going on with
//! one, is in `begin`.

mod begin;
mod steps;

use std::sync::Arc;

use locum_domain::{
    error::ApiError,
    id::{RunId, ThreadId},
    metadata::Metadata,
    page::{Page, PageQuery},
    project::Project,
    run::{Input, Run, RunStatus},
};

use super::{
    Assistants, CHANGE_TRIES,
    audience::Audience,
    changes_too_often,
    drive::{Driver, Found, machine_of},
    paging, store_failed,
};
use crate::store::{Next, RunCommit, StoredRun};

/// What sentences call a run.
const NOUN: &str = "run";

impl Assistants {
    /// Lists a thread's runs.
    ///
    /// # Errors
    /// 404 for a thread that is not there; 400 for a cursor that names none of its runs.
    pub async fn list_runs(
        &self,
        project: &Project,
        thread: &ThreadId,
        query: &PageQuery,
    ) -> Result<Page<Run>, ApiError> {
        let page = paging::page(query, NOUN, |query| async move {
            self.world.store.runs(project, thread, &query).await
        })
        .await;
        if page.as_ref().map_or(true, |page| page.items.is_empty()) {
            // Of a thread that is not there, the store knows no more than of an empty one.
            self.retrieve_thread(project, thread).await?;
        }
        page
    }

    /// Finds a run.
    ///
    /// # Errors
    /// 404 for the thread or the run.
    pub async fn retrieve_run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Result<Run, ApiError> {
        Ok(self.stored_run(project, thread, id).await?.run)
    }

    /// Replaces a run's metadata, where there is something to replace it with.
    ///
    /// # Errors
    /// 404 for the thread or the run.
    pub async fn modify_run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
        metadata: Option<Metadata>,
    ) -> Result<Run, ApiError> {
        for _ in 0..CHANGE_TRIES {
            let mut found = self.stored_run(project, thread, id).await?;
            let Some(metadata) = &metadata else {
                return Ok(found.run);
            };
            found.run.metadata.clone_from(metadata);
            let commit = RunCommit {
                run: &found.run,
                version: found.version,
                token: found.token,
                writes: &[],
                next: Next::Same,
            };
            let stored = self.world.store.commit_run(project, commit).await;
            if stored.map_err(store_failed)? {
                self.drivers.ring(id);
                return Ok(found.run);
            }
        }
        Err(changes_too_often(NOUN))
    }

    /// Has a run stopped. It is `cancelling` in the answer.
    ///
    /// # Errors
    /// 404 for the thread or the run; 400 where it has ended, or is being stopped already.
    pub async fn cancel_run(
        self: &Arc<Self>,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Result<Run, ApiError> {
        for _ in 0..CHANGE_TRIES {
            let found = self.stored_run(project, thread, id).await?;
            let cancelled = if found.run.status == RunStatus::RequiresAction {
                self.cancel_waiting(found).await?
            } else {
                self.cancel_working(found).await?
            };
            if let Some(run) = cancelled {
                return Ok(run);
            }
        }
        Err(changes_too_often(NOUN))
    }

    /// Cancels a run that somebody drives; `None` where it was changed meanwhile.
    async fn cancel_working(&self, found: StoredRun) -> Result<Option<Run>, ApiError> {
        let (project, version, token) = (found.project.clone(), found.version, found.token);
        let mut machine = machine_of(&found);
        let mut ids = self.world.ids();
        let output = machine
            .handle(self.world.timestamp(), &mut ids, Input::Cancel)
            .map_err(|refused| ApiError::run_refuses(&refused))?;
        let commit = RunCommit {
            run: machine.run(),
            version,
            token,
            writes: &output.writes,
            next: Next::Same,
        };
        let stored = self.world.store.commit_run(&project, commit).await;
        if !stored.map_err(store_failed)? {
            return Ok(None);
        }
        if !self.drivers.ring(&machine.run().id) {
            self.drivers.attendant.ring();
        }
        Ok(Some(machine.run().clone()))
    }

    /// Cancels a run that waits for outputs, so that nobody drives it; `None` where it was changed meanwhile.
    async fn cancel_waiting(self: &Arc<Self>, found: StoredRun) -> Result<Option<Run>, ApiError> {
        let mut machine = machine_of(&found);
        let mut ids = self.world.ids();
        let output = machine
            .handle(self.world.timestamp(), &mut ids, Input::Cancel)
            .map_err(|refused| ApiError::run_refuses(&refused))?;
        let place = self.place(&found);
        let lease_end = self.lease_end();
        let commit = RunCommit {
            run: machine.run(),
            version: found.version,
            token: found.token,
            writes: &output.writes,
            next: match place {
                Some(_) => self.next_of(machine.run(), lease_end),
                // This process stops: the next one finds it.
                None => Next::Waits(self.world.unix_ms()),
            },
        };
        let stored = self.world.store.commit_run(&found.project, commit).await;
        if !stored.map_err(store_failed)? {
            place
                .into_iter()
                .for_each(super::drive::drivers::Place::leave);
            return Ok(None);
        }
        let run = machine.run().clone();
        if let Some(place) = place {
            let found = Found {
                project: found.project,
                machine,
                version: found.version + 1,
                token: found.token,
                leased_until_ms: lease_end,
            };
            Driver::new(self, place, found, Audience::nobody()).go_on(output);
        }
        Ok(Some(run))
    }

    async fn stored_run(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Result<StoredRun, ApiError> {
        let found = self.world.store.run(project, thread, id).await;
        if let Some(found) = found.map_err(store_failed)? {
            return Ok(found);
        }
        self.retrieve_thread(project, thread).await?;
        Err(ApiError::no_such(NOUN, id.as_str()))
    }
}
