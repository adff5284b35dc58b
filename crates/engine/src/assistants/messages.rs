//! Messages.

use std::collections::HashSet;

use locum_domain::{
    error::ApiError,
    id::{FileId, Ids, MessageId, RunId, ThreadId},
    message::{Content, Message, MessageStatus, NewMessage},
    metadata::Metadata,
    page::{Page, PageQuery},
    project::Project,
};

use super::{Assistants, CHANGE_TRIES, changes_too_often, paging, store_failed};
use crate::store::Added;

impl Assistants {
    /// Adds a message to a thread.
    ///
    /// # Errors
    /// 404 for a thread or a file that is not there; 400 while a run is at work on the thread.
    pub async fn create_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        new: NewMessage,
    ) -> Result<Message, ApiError> {
        self.check_files_of(project, "", &new).await?;
        let message = self.stored_message(thread, new, &mut self.world.ids());
        let added = self.world.store.insert_message(project, &message).await;
        match added.map_err(store_failed)? {
            Added::Added => Ok(message),
            Added::NoThread => Err(ApiError::no_such("thread", thread.as_str())),
            Added::Busy(run) => Err(ApiError::thread_is_busy(thread, &run)),
        }
    }

    /// Lists a thread's messages, or those that one run wrote.
    ///
    /// # Errors
    /// 404 for a thread that is not there; 400 for a cursor that names none of its messages.
    pub async fn list_messages(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: Option<&RunId>,
        query: &PageQuery,
    ) -> Result<Page<Message>, ApiError> {
        let page = paging::page(query, NOUN, |query| async move {
            let store = &self.world.store;
            store.messages(project, thread, run, &query).await
        })
        .await;
        if page.as_ref().map_or(true, |page| page.items.is_empty()) {
            // Of a thread that is not there, the store knows no more than of an empty one.
            self.retrieve_thread(project, thread).await?;
        }
        page
    }

    /// Finds a message.
    ///
    /// # Errors
    /// 404 for the thread or the message.
    pub async fn retrieve_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Result<Message, ApiError> {
        let found = self.world.store.message(project, thread, id).await;
        match found.map_err(store_failed)? {
            Some(found) => Ok(found.value),
            None => Err(self.no_such_message(project, thread, id).await),
        }
    }

    /// Replaces a message's metadata, where there is something to replace it with.
    ///
    /// # Errors
    /// 404 for the thread or the message.
    pub async fn modify_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
        metadata: Option<Metadata>,
    ) -> Result<Message, ApiError> {
        let Some(metadata) = metadata else {
            return self.retrieve_message(project, thread, id).await;
        };
        for _ in 0..CHANGE_TRIES {
            let found = self.world.store.message(project, thread, id).await;
            let Some(mut changed) = found.map_err(store_failed)? else {
                return Err(self.no_such_message(project, thread, id).await);
            };
            changed.value.metadata.clone_from(&metadata);
            let stored = self.world.store.update_message(project, &changed).await;
            if stored.map_err(store_failed)? {
                return Ok(changed.value);
            }
        }
        Err(changes_too_often(NOUN))
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// 404 for the thread or the message.
    pub async fn delete_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Result<(), ApiError> {
        let deleted = self.world.store.delete_message(project, thread, id).await;
        if deleted.map_err(store_failed)? {
            Ok(())
        } else {
            Err(self.no_such_message(project, thread, id).await)
        }
    }

    /// The messages as they will be stored in `thread`: whole, and made now.
    pub(crate) fn stored_messages(
        &self,
        thread: &ThreadId,
        new: Vec<NewMessage>,
        ids: &mut Ids,
    ) -> Vec<Message> {
        new.into_iter()
            .map(|new| self.stored_message(thread, new, ids))
            .collect()
    }

    fn stored_message(&self, thread: &ThreadId, new: NewMessage, ids: &mut Ids) -> Message {
        let now = self.world.timestamp();
        Message {
            id: MessageId::next(ids),
            thread_id: thread.clone(),
            created_at: now,
            status: MessageStatus::Completed,
            incomplete: None,
            completed_at: Some(now),
            incomplete_at: None,
            role: new.role,
            content: new.content,
            assistant_id: None,
            run_id: None,
            attachments: new.attachments,
            metadata: new.metadata,
            signature: None,
        }
    }

    /// Sees to it that all files which the additional `messages` of a run name are there.
    ///
    /// # Errors
    /// 404 for one that is not, or no longer.
    pub(crate) async fn check_files(
        &self,
        project: &Project,
        messages: &[NewMessage],
    ) -> Result<(), ApiError> {
        self.check_files_at(project, "additional_messages", messages)
            .await
    }

    /// Sees to it that all files which `messages` name are there. `place`: where the messages are in the request, as
    /// `additional_messages`, for `param`.
    ///
    /// # Errors
    /// 404 for one that is not, or no longer.
    pub(crate) async fn check_files_at(
        &self,
        project: &Project,
        place: &str,
        messages: &[NewMessage],
    ) -> Result<(), ApiError> {
        for (index, message) in messages.iter().enumerate() {
            let place = format!("{place}[{index}].");
            self.check_files_of(project, &place, message).await?;
        }
        Ok(())
    }

    /// `prefix`: what stands before the message's own fields in `param`.
    async fn check_files_of(
        &self,
        project: &Project,
        prefix: &str,
        message: &NewMessage,
    ) -> Result<(), ApiError> {
        let images = message.content.iter().enumerate();
        let images = images.filter_map(|(index, content)| match content {
            Content::ImageFile { file_id, .. } => {
                Some((file_id, format!("content[{index}].image_file.file_id")))
            }
            _ => None,
        });
        let attachments = message.attachments.iter().enumerate().map(|(index, it)| {
            let field = format!("attachments[{index}].file_id");
            (&it.file_id, field)
        });
        let mut checked = HashSet::new();
        for (file, field) in images.chain(attachments) {
            if !checked.insert(file) {
                continue;
            }
            let found = self
                .retrieve_file(project, &FileId::from(file.as_str()))
                .await;
            found.map_err(|error| match error.status {
                404 => error.param(format!("{prefix}{field}")),
                _ => error,
            })?;
        }
        Ok(())
    }

    /// Why a message is not there: because its thread is not, or by itself.
    async fn no_such_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> ApiError {
        match self.retrieve_thread(project, thread).await {
            Ok(_) => ApiError::no_such(NOUN, id.as_str()),
            Err(error) => error,
        }
    }
}

/// What sentences call a message.
const NOUN: &str = "message";
