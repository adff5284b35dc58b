//! Assistants themselves.

use locum_domain::{
    assistant::{Assistant, AssistantChange, Profile},
    error::ApiError,
    id::AssistantId,
    page::{Page, PageQuery},
    project::Project,
};

use super::{Assistants, CHANGE_TRIES, changes_too_often, paging, store_failed};

impl Assistants {
    /// Makes an assistant.
    ///
    /// # Errors
    /// The store's.
    pub async fn create_assistant(
        &self,
        project: &Project,
        profile: Profile,
    ) -> Result<Assistant, ApiError> {
        let assistant = Assistant {
            id: AssistantId::next(&mut self.world.ids()),
            created_at: self.world.timestamp(),
            profile,
        };
        let stored = self.world.store.insert_assistant(project, &assistant).await;
        stored.map_err(store_failed)?;
        Ok(assistant)
    }

    /// Lists assistants.
    ///
    /// # Errors
    /// 400 for a cursor that names none.
    pub async fn list_assistants(
        &self,
        project: &Project,
        query: &PageQuery,
    ) -> Result<Page<Assistant>, ApiError> {
        paging::page(query, NOUN, |query| async move {
            self.world.store.assistants(project, &query).await
        })
        .await
    }

    /// Finds an assistant.
    ///
    /// # Errors
    /// 404.
    pub async fn retrieve_assistant(
        &self,
        project: &Project,
        id: &AssistantId,
    ) -> Result<Assistant, ApiError> {
        let found = self.world.store.assistant(project, id).await;
        let found = found.map_err(store_failed)?;
        found.map(|it| it.value).ok_or_else(|| no_such(id))
    }

    /// Changes an assistant.
    ///
    /// # Errors
    /// 404.
    pub async fn modify_assistant(
        &self,
        project: &Project,
        id: &AssistantId,
        change: AssistantChange,
    ) -> Result<Assistant, ApiError> {
        for _ in 0..CHANGE_TRIES {
            let found = self.world.store.assistant(project, id).await;
            let mut changed = found.map_err(store_failed)?.ok_or_else(|| no_such(id))?;
            if change == AssistantChange::default() {
                return Ok(changed.value);
            }
            change.clone().apply(&mut changed.value.profile);
            let stored = self.world.store.update_assistant(project, &changed).await;
            if stored.map_err(store_failed)? {
                return Ok(changed.value);
            }
        }
        Err(changes_too_often(NOUN))
    }

    /// Deletes an assistant. Its runs go on.
    ///
    /// # Errors
    /// 404.
    pub async fn delete_assistant(
        &self,
        project: &Project,
        id: &AssistantId,
    ) -> Result<(), ApiError> {
        let deleted = self.world.store.delete_assistant(project, id).await;
        if deleted.map_err(store_failed)? {
            Ok(())
        } else {
            Err(no_such(id))
        }
    }
}

/// What sentences call an assistant.
const NOUN: &str = "assistant";

fn no_such(id: &AssistantId) -> ApiError {
    ApiError::no_such(NOUN, id.as_str())
}
