//! Threads.

use async_trait::async_trait;
use locum_domain::{
    id::{RunId, ThreadId},
    message::Message,
    page::PageQuery,
    project::Project,
    thread::Thread,
};
use locum_engine::store::{Added, MaybePage, StoreError, Stored, ThreadStore, Versioned};

use crate::{
    connection::{SqlConnection, Statement, Value},
    list::{List, Parent},
    messages::insert_of_message,
    row::encode,
    store::SqlStore,
};

/// A thread as that which a list belongs to: `?1` is its id, `?2` its project.
pub(crate) const THREAD: Parent = Parent {
    tables: "threads t",
    condition: "t.id = ?1 AND t.project = ?2 AND t.deleted = 0",
    params: 2,
};

/// How often something is tried to be added to a thread that was busy and, looked at, is free again.
pub(crate) const TRIES: u32 = 16;

#[async_trait]
impl<C: SqlConnection> ThreadStore for SqlStore<C> {
    async fn insert_thread(
        &self,
        project: &Project,
        thread: &Thread,
        messages: &[Message],
    ) -> Stored<()> {
        let mut statements = vec![insert_of_thread(project, thread, None)?];
        for message in messages {
            statements.push(insert_of_message(project, message)?);
        }
        self.batch(statements).await?;
        Ok(())
    }

    async fn thread(&self, project: &Project, id: &ThreadId) -> Stored<Option<Versioned<Thread>>> {
        let statement = Statement::new(
            "SELECT id, data, version FROM threads WHERE id = ?1 AND project = ?2 AND deleted = 0",
        );
        self.versioned(statement.bind(id.as_str()).bind(project.as_str()))
            .await
    }

    async fn threads(&self, project: &Project, query: &PageQuery) -> Stored<MaybePage<Thread>> {
        let list = List {
            table: "threads",
            members: &[("project", 1)],
            tombstones: true,
            parent: None,
            params: vec![project.as_str().into()],
        };
        self.page(&list, query).await
    }

    async fn update_thread(&self, project: &Project, thread: &Versioned<Thread>) -> Stored<bool> {
        let id = thread.value.id.as_str();
        let statement = Statement::new(
            "UPDATE threads SET data = ?1, version = version + 1 \
             WHERE id = ?2 AND project = ?3 AND version = ?4 AND deleted = 0",
        )
        .bind(encode(id, &thread.value)?)
        .bind(id)
        .bind(project.as_str())
        .bind(thread.version)
        .of_one_row();
        self.done(vec![statement]).await
    }

    async fn delete_thread(&self, project: &Project, id: &ThreadId) -> Stored<bool> {
        let delete = Statement::new(
            "UPDATE threads SET deleted = 1, data = '', version = version + 1 \
             WHERE id = ?1 AND project = ?2 AND deleted = 0",
        )
        .bind(id.as_str())
        .bind(project.as_str())
        .of_one_row();
        // A thread has one run at most that has not ended, and its row still names it.
        let fence_off = Statement::new(
            "UPDATE runs SET token = token + 1, owner = NULL, attend_at = NULL \
             WHERE id = (SELECT active_run FROM threads WHERE id = ?1)",
        )
        .bind(id.as_str());
        let bell = self.dialect().bell_of_thread(id.as_str());
        self.done([delete, fence_off].into_iter().chain(bell).collect())
            .await
    }
}

/// Adds a thread, on which `active_run` is at work.
pub(crate) fn insert_of_thread(
    project: &Project,
    thread: &Thread,
    active_run: Option<&RunId>,
) -> Stored<Statement> {
    let id = thread.id.as_str();
    Ok(Statement::new(
        "INSERT INTO threads (id, project, created_at, version, deleted, active_run, data) \
         VALUES (?1, ?2, ?3, 1, 0, ?4, ?5)",
    )
    .bind(id)
    .bind(project.as_str())
    .bind(thread.created_at.0)
    .bind(active_run.map(RunId::as_str))
    .bind(encode(id, thread)?))
}

/// What is said after [`TRIES`].
pub(crate) fn too_lively(id: &ThreadId) -> StoreError {
    StoreError::Unavailable(format!("{id} is never free for long enough"))
}

/// The parameters of [`THREAD`].
pub(crate) fn params_of_thread(project: &Project, id: &ThreadId) -> Vec<Value> {
    vec![id.as_str().into(), project.as_str().into()]
}

impl<C: SqlConnection> SqlStore<C> {
    /// Why nothing could be added to a thread; `None` where something could be now.
    pub(crate) async fn obstacle(&self, project: &Project, id: &ThreadId) -> Stored<Option<Added>> {
        let statement = Statement::new(
            "SELECT active_run FROM threads WHERE id = ?1 AND project = ?2 AND deleted = 0",
        );
        let row = self
            .row(statement.bind(id.as_str()).bind(project.as_str()))
            .await?;
        Ok(match row {
            None => Some(Added::NoThread),
            Some(mut cells) => cells
                .optional_text()?
                .map(|run| Added::Busy(RunId::from(run))),
        })
    }
}
