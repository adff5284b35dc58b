//! Messages.

use async_trait::async_trait;
use locum_domain::{
    id::{MessageId, RunId, ThreadId},
    message::Message,
    page::PageQuery,
    project::Project,
};
use locum_engine::store::{Added, MaybePage, MessageStore, Stored, Versioned};

use crate::{
    connection::{Dialect, SqlConnection, Statement},
    list::List,
    row::encode,
    store::SqlStore,
    threads::{THREAD, TRIES, params_of_thread, too_lively},
};

#[async_trait]
impl<C: SqlConnection> MessageStore for SqlStore<C> {
    async fn insert_message(&self, project: &Project, message: &Message) -> Stored<Added> {
        for _ in 0..TRIES {
            if self
                .done(vec![append(self.dialect(), project, message)?])
                .await?
            {
                return Ok(Added::Added);
            }
            if let Some(obstacle) = self.obstacle(project, &message.thread_id).await? {
                return Ok(obstacle);
            }
        }
        Err(too_lively(&message.thread_id))
    }

    async fn message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Stored<Option<Versioned<Message>>> {
        let statement = Statement::new(
            "SELECT m.id, m.data, m.version FROM threads t CROSS JOIN messages m \
             WHERE t.id = ?1 AND t.project = ?2 AND t.deleted = 0 \
             AND m.id = ?3 AND m.thread_id = ?1 AND m.deleted = 0",
        )
        .bind_all(params_of_thread(project, thread))
        .bind(id.as_str());
        self.versioned(statement).await
    }

    async fn messages(
        &self,
        project: &Project,
        thread: &ThreadId,
        run: Option<&RunId>,
        query: &PageQuery,
    ) -> Stored<MaybePage<Message>> {
        let mut list = List {
            table: "messages",
            members: &[("thread_id", 1)],
            tombstones: true,
            parent: Some(THREAD),
            params: params_of_thread(project, thread),
        };
        if let Some(run) = run {
            list.members = &[("thread_id", 1), ("run_id", 3)];
            list.params.push(run.as_str().into());
        }
        self.page(&list, query).await
    }

    async fn update_message(
        &self,
        project: &Project,
        message: &Versioned<Message>,
    ) -> Stored<bool> {
        let id = message.value.id.as_str();
        let statement = Statement::new(
            "UPDATE messages SET data = ?1, version = version + 1 \
             WHERE id = ?2 AND thread_id = ?3 AND version = ?4 AND deleted = 0 \
             AND EXISTS (SELECT 1 FROM threads WHERE id = ?3 AND project = ?5 AND deleted = 0)",
        )
        .bind(encode(id, &message.value)?)
        .bind(id)
        .bind(message.value.thread_id.as_str())
        .bind(message.version)
        .bind(project.as_str())
        .of_one_row();
        self.done(vec![statement]).await
    }

    async fn delete_message(
        &self,
        project: &Project,
        thread: &ThreadId,
        id: &MessageId,
    ) -> Stored<bool> {
        let statement = Statement::new(
            "UPDATE messages SET deleted = 1, data = '', version = version + 1 \
             WHERE id = ?1 AND thread_id = ?2 AND deleted = 0 \
             AND EXISTS (SELECT 1 FROM threads WHERE id = ?2 AND project = ?3 AND deleted = 0)",
        )
        .bind(id.as_str())
        .bind(thread.as_str())
        .bind(project.as_str())
        .of_one_row();
        self.done(vec![statement]).await
    }
}

/// Adds a message to its thread, if that is there and free: all that a message costs.
fn append(dialect: Dialect, project: &Project, message: &Message) -> Stored<Statement> {
    let id = message.id.as_str();
    Ok(Statement::new(dialect.locking(
        "INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data) \
         SELECT ?1, ?2, ?3, ?4, ?5, 1, 0, ?6 FROM threads \
         WHERE id = ?4 AND project = ?2 AND deleted = 0 AND active_run IS NULL",
    ))
    .bind(id)
    .bind(project.as_str())
    .bind(message.created_at.0)
    .bind(message.thread_id.as_str())
    .bind(message.run_id.as_ref().map(RunId::as_str))
    .bind(encode(id, message)?)
    .of_one_row())
}

/// Adds a message to a thread of which the batch has made sure.
pub(crate) fn insert_of_message(project: &Project, message: &Message) -> Stored<Statement> {
    let id = message.id.as_str();
    Ok(Statement::new(
        "INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, ?6)",
    )
    .bind(id)
    .bind(project.as_str())
    .bind(message.created_at.0)
    .bind(message.thread_id.as_str())
    .bind(message.run_id.as_ref().map(RunId::as_str))
    .bind(encode(id, message)?))
}
