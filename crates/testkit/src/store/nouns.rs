//! Assistants, threads, messages and files.

use async_trait::async_trait;
use locum_domain::{
    assistant::Assistant,
    file::{File, Purpose},
    id::{AssistantId, FileId, MessageId, RunId, ThreadId},
    message::Message,
    page::PageQuery,
    project::Project,
    thread::Thread,
};
use locum_engine::store::{
    Added, AssistantStore, FileStore, MaybePage, MessageStore, Stored, ThreadStore, Versioned,
};

use super::{MemoryStore, empty_page};

#[async_trait]
impl AssistantStore for MemoryStore {
    async fn insert_assistant(&self, project: &Project, assistant: &Assistant) -> Stored<()> {
        self.tables().assistants.insert(project, assistant)
    }

    async fn assistant(
        &self,
        project: &Project,
        id: &AssistantId,
    ) -> Stored<Option<Versioned<Assistant>>> {
        let tables = self.tables();
        Ok(tables.assistants.find(project, "", id.as_str()).cloned())
    }

    async fn assistants(
        &self,
        project: &Project,
        query: &PageQuery,
    ) -> Stored<MaybePage<Assistant>> {
        Ok(self.tables().assistants.page(project, "", query, |_| true))
    }

    async fn update_assistant(
        &self,
        project: &Project,
        assistant: &Versioned<Assistant>,
    ) -> Stored<bool> {
        Ok(self.tables().assistants.update(project, assistant))
    }

    async fn delete_assistant(&self, project: &Project, id: &AssistantId) -> Stored<bool> {
        Ok(self.tables().assistants.delete(project, "", id.as_str()))
    }
}

#[async_trait]
impl ThreadStore for MemoryStore {
    async fn insert_thread(
        &self,
        project: &Project,
        thread: &Thread,
        messages: &[Message],
    ) -> Stored<()> {
        let mut tables = self.tables();
        tables.threads.insert(project, thread)?;
        for message in messages {
            tables.messages.insert(project, message)?;
        }
        Ok(())
    }

    async fn thread(&self, project: &Project, id: &ThreadId) -> Stored<Option<Versioned<Thread>>> {
        let tables = self.tables();
        Ok(tables.threads.find(project, "", id.as_str()).cloned())
    }

    async fn threads(&self, project: &Project, query: &PageQuery) -> Stored<MaybePage<Thread>> {
        Ok(self.tables().threads.page(project, "", query, |_| true))
    }

    async fn update_thread(&self, project: &Project, thread: &Versioned<Thread>) -> Stored<bool> {
        Ok(self.tables().threads.update(project, thread))
    }

    async fn delete_thread(&self, project: &Project, id: &ThreadId) -> Stored<bool> {
        let mut tables = self.tables();
        let deleted = tables.threads.delete(project, "", id.as_str());
        if deleted {
            tables.messages.delete_where(|m| m.thread_id == *id);
            tables.runs.delete_where(|row| row.run.thread_id == *id);
            tables.steps.delete_where(|step| step.thread_id == *id);
        }
        Ok(deleted)
    }
}

#[async_trait]
impl MessageStore for MemoryStore {
    async fn insert_message(&self, project: &Project, message: &Message) -> Stored<Added> {
        let mut tables = self.tables();
        let admission = tables.admission(project, &message.thread_id);
        if admission == Added::Added {
            tables.messages.insert(project, message)?;
        }
        Ok(admission)
    }

    async fn message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Stored<Option<Versioned<Message>>> {
        let tables = self.tables();
        let found = tables.messages.find(project, thread.as_str(), id.as_str());
        Ok(found.cloned())
    }

    async fn messages(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: Option<&RunId>,
        query: &PageQuery,
    ) -> Stored<MaybePage<Message>> {
        let tables = self.tables();
        if !tables.has_thread(project, thread) {
            return Ok(Some(empty_page()));
        }
        let wanted = |message: &Message| run.is_none() || message.run_id.as_ref() == run;
        Ok(tables
            .messages
            .page(project, thread.as_str(), query, wanted))
    }

    async fn update_message(
        &self,
        project: &Project,
        message: &Versioned<Message>,
    ) -> Stored<bool> {
        Ok(self.tables().messages.update(project, message))
    }

    async fn delete_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Stored<bool> {
        let mut tables = self.tables();
        Ok(tables
            .messages
            .delete(project, thread.as_str(), id.as_str()))
    }
}

#[async_trait]
impl FileStore for MemoryStore {
    async fn insert_file(&self, project: &Project, file: &File) -> Stored<()> {
        self.tables().files.insert(project, file)
    }

    async fn file(&self, project: &Project, id: &FileId) -> Stored<Option<File>> {
        let tables = self.tables();
        let found = tables.files.find(project, "", id.as_str());
        Ok(found.map(|found| found.value.clone()))
    }

    async fn files(
        &self,
        project: &Project,
        purpose: Option<Purpose>,
        query: &PageQuery,
    ) -> Stored<MaybePage<File>> {
        let wanted = |file: &File| purpose.is_none_or(|purpose| file.purpose == purpose);
        Ok(self.tables().files.page(project, "", query, wanted))
    }

    async fn delete_file(&self, project: &Project, id: &FileId) -> Stored<bool> {
        Ok(self.tables().files.delete(project, "", id.as_str()))
    }
}
