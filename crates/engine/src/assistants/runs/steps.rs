//! The steps of runs.

use locum_domain::{
    error::ApiError,
    id::{RunId, StepId, ThreadId},
    page::{Page, PageQuery},
    project::Project,
    run::Step,
};

use crate::assistants::{Assistants, paging, store_failed};

/// What sentences call a step.
const NOUN: &str = "run step";

impl Assistants {
    /// Lists a run's steps.
    ///
    /// # Errors
    /// 404 for the thread or the run; 400 for a cursor that names none of its steps.
    pub async fn list_run_steps(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        query: &PageQuery,
    ) -> Result<Page<Step>, ApiError> {
        let page = paging::page(query, NOUN, |query| async move {
            self.world.store.steps(project, thread, run, &query).await
        })
        .await;
        if page.as_ref().map_or(true, |page| page.items.is_empty()) {
            // Of a run that is not there, the store knows no more than of one that has done nothing.
            self.retrieve_run(project, thread, run).await?;
        }
        page
    }

    /// Finds a step.
    ///
    /// # Errors
    /// 404 for the thread, the run or the step.
    pub async fn retrieve_run_step(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
        id: &StepId,
    ) -> Result<Step, ApiError> {
        let found = self.world.store.step(project, thread, run, id).await;
        if let Some(step) = found.map_err(store_failed)? {
            return Ok(step);
        }
        self.retrieve_run(project, thread, run).await?;
        Err(ApiError::no_such(NOUN, id.as_str()))
    }
}
