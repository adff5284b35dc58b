//! Assistants.

use async_trait::async_trait;
use locum_domain::{assistant::Assistant, id::AssistantId, page::PageQuery, project::Project};
use locum_engine::store::{AssistantStore, MaybePage, Stored, Versioned};

use crate::{
    connection::{SqlConnection, Statement},
    list::List,
    row::encode,
    store::SqlStore,
};

#[async_trait]
impl<C: SqlConnection> AssistantStore for SqlStore<C> {
    async fn insert_assistant(&self, project: &Project, assistant: &Assistant) -> Stored<()> {
        let id = assistant.id.as_str();
        let statement = Statement::new(
            "INSERT INTO assistants (id, project, created_at, version, deleted, data) \
             VALUES (?1, ?2, ?3, 1, 0, ?4)",
        )
        .bind(id)
        .bind(project.as_str())
        .bind(assistant.created_at.0)
        .bind(encode(id, assistant)?);
        self.batch(vec![statement]).await?;
        Ok(())
    }

    async fn assistant(
        &self,
        project: &Project,
        id: &AssistantId,
    ) -> Stored<Option<Versioned<Assistant>>> {
        let statement = Statement::new(
            "SELECT id, data, version FROM assistants WHERE id = ?1 AND project = ?2 AND deleted = 0",
        );
        self.versioned(statement.bind(id.as_str()).bind(project.as_str()))
            .await
    }

    async fn assistants(
        &self,
        project: &Project,
        query: &PageQuery,
    ) -> Stored<MaybePage<Assistant>> {
        let list = List {
            table: "assistants",
            members: &[("project", 1)],
            tombstones: true,
            parent: None,
            params: vec![project.as_str().into()],
        };
        self.page(&list, query).await
    }

    async fn update_assistant(
        &self,
        project: &Project,
        assistant: &Versioned<Assistant>,
    ) -> Stored<bool> {
        let id = assistant.value.id.as_str();
        let statement = Statement::new(
            "UPDATE assistants SET data = ?1, version = version + 1 \
             WHERE id = ?2 AND project = ?3 AND version = ?4 AND deleted = 0",
        )
        .bind(encode(id, &assistant.value)?)
        .bind(id)
        .bind(project.as_str())
        .bind(assistant.version)
        .of_one_row();
        self.done(vec![statement]).await
    }

    async fn delete_assistant(&self, project: &Project, id: &AssistantId) -> Stored<bool> {
        let statement = Statement::new(
            "UPDATE assistants SET deleted = 1, data = '', version = version + 1 \
             WHERE id = ?1 AND project = ?2 AND deleted = 0",
        )
        .bind(id.as_str())
        .bind(project.as_str())
        .of_one_row();
        self.done(vec![statement]).await
    }
}
