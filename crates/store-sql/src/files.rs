//! Files; their bytes are elsewhere.

use async_trait::async_trait;
use locum_domain::{
    file::{File, Purpose},
    id::FileId,
    page::PageQuery,
    project::Project,
};
use locum_engine::store::{FileStore, MaybePage, Stored};

use crate::{
    connection::{SqlConnection, Statement},
    list::List,
    row::encode,
    store::SqlStore,
};

#[async_trait]
impl<C: SqlConnection> FileStore for SqlStore<C> {
    async fn insert_file(&self, project: &Project, file: &File) -> Stored<()> {
        let id = file.id.as_str();
        let statement = Statement::new(
            "INSERT INTO files (id, project, created_at, purpose, expires_at, deleted, data) \
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
        )
        .bind(id)
        .bind(project.as_str())
        .bind(file.created_at.0)
        .bind(file.purpose.as_str())
        .bind(file.expires_at.map(|at| at.0))
        .bind(encode(id, file)?);
        self.batch(vec![statement]).await?;
        Ok(())
    }

    async fn file(&self, project: &Project, id: &FileId) -> Stored<Option<File>> {
        let statement = Statement::new(
            "SELECT id, data FROM files WHERE id = ?1 AND project = ?2 AND deleted = 0",
        );
        self.object(statement.bind(id.as_str()).bind(project.as_str()))
            .await
    }

    async fn files(
        &self,
        project: &Project,
        purpose: Option<Purpose>,
        query: &PageQuery,
    ) -> Stored<MaybePage<File>> {
        let mut list = List {
            table: "files",
            members: &[("project", 1)],
            tombstones: true,
            parent: None,
            params: vec![project.as_str().into()],
        };
        if let Some(purpose) = purpose {
            list.members = &[("project", 1), ("purpose", 2)];
            list.params.push(purpose.as_str().into());
        }
        self.page(&list, query).await
    }

    async fn delete_file(&self, project: &Project, id: &FileId) -> Stored<bool> {
        let statement = Statement::new(
            "UPDATE files SET deleted = 1, data = '' WHERE id = ?1 AND project = ?2 AND deleted = 0",
        )
        .bind(id.as_str())
        .bind(project.as_str())
        .of_one_row();
        self.done(vec![statement]).await
    }
}
