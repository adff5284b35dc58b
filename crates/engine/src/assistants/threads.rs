//! Threads.

use locum_domain::{
    error::ApiError,
    id::ThreadId,
    page::{Page, PageQuery},
    project::Project,
    thread::{NewThread, Thread, ThreadChange},
};

use super::{Assistants, CHANGE_TRIES, changes_too_often, paging, store_failed};

impl Assistants {
    /// Makes a thread with its first messages.
    ///
    /// # Errors
    /// 404 for a file that is not there.
    pub async fn create_thread(
        &self,
        project: &Project,
        new: NewThread,
    ) -> Result<Thread, ApiError> {
        self.check_files_at(project, "messages", &new.messages)
            .await?;
        let mut ids = self.world.ids();
        let thread = Thread {
            id: ThreadId::next(&mut ids),
            created_at: self.world.timestamp(),
            metadata: new.metadata,
            tool_resources: new.tool_resources,
        };
        let messages = self.stored_messages(&thread.id, new.messages, &mut ids);
        let store = &self.world.store;
        let stored = store.insert_thread(project, &thread, &messages).await;
        stored.map_err(store_failed)?;
        Ok(thread)
    }

    /// Lists threads, which OpenAI's API cannot.
    ///
    /// # Errors
    /// 400 for a cursor that names none.
    pub async fn list_threads(
        &self,
        project: &Project,
        query: &PageQuery,
    ) -> Result<Page<Thread>, ApiError> {
        paging::page(query, NOUN, |query| async move {
            self.world.store.threads(project, &query).await
        })
        .await
    }

    /// Finds a thread.
    ///
    /// # Errors
    /// 404.
    pub async fn retrieve_thread(
        &self,
        project: &Project,
        id: &ThreadId,
    ) -> Result<Thread, ApiError> {
        let found = self.world.store.thread(project, id).await;
        let found = found.map_err(store_failed)?;
        found.map(|it| it.value).ok_or_else(|| no_such(id))
    }

    /// Changes a thread.
    ///
    /// # Errors
    /// 404.
    pub async fn modify_thread(
        &self,
        project: &Project,
        id: &ThreadId,
        change: ThreadChange,
    ) -> Result<Thread, ApiError> {
        for _ in 0..CHANGE_TRIES {
            let found = self.world.store.thread(project, id).await;
            let mut changed = found.map_err(store_failed)?.ok_or_else(|| no_such(id))?;
            if change == ThreadChange::default() {
                return Ok(changed.value);
            }
            if let Some(metadata) = change.metadata.clone() {
                changed.value.metadata = metadata;
            }
            if let Some(resources) = change.tool_resources.clone() {
                changed.value.tool_resources = resources;
            }
            let stored = self.world.store.update_thread(project, &changed).await;
            if stored.map_err(store_failed)? {
                return Ok(changed.value);
            }
        }
        Err(changes_too_often(NOUN))
    }

    /// Deletes a thread with everything in it. A run at work on it is stopped.
    ///
    /// # Errors
    /// 404.
    pub async fn delete_thread(&self, project: &Project, id: &ThreadId) -> Result<(), ApiError> {
        let store = &self.world.store;
        // The newest run is the only one that can be at work.
        let newest = PageQuery {
            limit: 1,
            ..PageQuery::default()
        };
        let runs = store.runs(project, id, &newest).await;
        let runs = runs.map_err(store_failed)?;
        if !store
            .delete_thread(project, id)
            .await
            .map_err(store_failed)?
        {
            return Err(no_such(id));
        }
        for run in runs.into_iter().flat_map(|page| page.items) {
            self.drivers.ring(&run.id);
        }
        Ok(())
    }
}

/// What sentences call a thread.
const NOUN: &str = "thread";

fn no_such(id: &ThreadId) -> ApiError {
    ApiError::no_such(NOUN, id.as_str())
}
