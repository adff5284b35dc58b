//! The store, and the few ways in which it runs statements.

use std::fmt;

use locum_domain::page::{Page, PageQuery};
use locum_engine::store::{MaybePage, StoreError, Stored, Versioned};
use serde::de::DeserializeOwned;

use crate::{
    connection::{Dialect, Outcome, SqlConnection, SqlError, Statement},
    list::List,
    migrations::{OpenError, migrate},
    row::Cells,
};

/// The engine's store over a connection.
pub struct SqlStore<C> {
    connection: C,
}

impl<C: SqlConnection> SqlStore<C> {
    /// The store over `connection`, whose tables are made or brought up to date first.
    pub async fn open(connection: C) -> Result<Self, OpenError> {
        migrate(&connection).await?;
        Ok(Self { connection })
    }

    /// The database's words.
    pub(crate) fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// Runs statements as one.
    pub(crate) async fn batch(&self, statements: Vec<Statement>) -> Stored<Outcome> {
        Ok(self.connection.batch(statements).await?)
    }

    /// Runs statements as one; false, and nothing done, where one did not change what it should have.
    pub(crate) async fn done(&self, statements: Vec<Statement>) -> Stored<bool> {
        Ok(matches!(
            self.connection.batch(statements).await?,
            Outcome::Done(_)
        ))
    }

    /// Runs one statement and says how many rows it changed.
    pub(crate) async fn changed(&self, statement: Statement) -> Stored<u64> {
        match self.connection.batch(vec![statement]).await? {
            Outcome::Done(changed) => Ok(changed.first().copied().unwrap_or(0)),
            Outcome::Unmet(_) => Ok(0),
        }
    }

    /// The rows that a statement finds.
    pub(crate) async fn rows(
        &self,
        statement: Statement,
    ) -> Stored<impl Iterator<Item = Cells> + use<C>> {
        let rows = self.connection.query(statement).await?;
        Ok(rows.into_iter().map(Cells::of))
    }

    /// The first row that a statement finds.
    pub(crate) async fn row(&self, statement: Statement) -> Stored<Option<Cells>> {
        Ok(self.rows(statement).await?.next())
    }

    /// The object that a statement finds, as the columns `id`, `data`.
    pub(crate) async fn object<T: DeserializeOwned>(
        &self,
        statement: Statement,
    ) -> Stored<Option<T>> {
        let row = self.row(statement).await?;
        row.map(|mut cells| cells.object()).transpose()
    }

    /// The object that a statement finds, as the columns `id`, `data`, `version`.
    pub(crate) async fn versioned<T: DeserializeOwned>(
        &self,
        statement: Statement,
    ) -> Stored<Option<Versioned<T>>> {
        let Some(mut cells) = self.row(statement).await? else {
            return Ok(None);
        };
        Ok(Some(Versioned {
            value: cells.object()?,
            version: cells.whole()?,
        }))
    }

    /// A page of a list.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        list: &List,
        query: &PageQuery,
    ) -> Stored<MaybePage<T>> {
        let mut items: Vec<T> = self
            .rows(list.page(query))
            .await?
            .map(|mut cells| cells.object())
            .collect::<Stored<_>>()?;
        if items.is_empty() && !self.cursors_are_known(list, query).await? {
            return Ok(None);
        }
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        if list.backwards(query) {
            items.reverse();
        }
        Ok(Some(Page { items, has_more }))
    }

    /// Whether a page is empty for another reason than a cursor that names no object of the list.
    async fn cursors_are_known(&self, list: &List, query: &PageQuery) -> Stored<bool> {
        for id in [&query.after, &query.before].into_iter().flatten() {
            if self.row(list.cursor(id)).await?.is_none() {
                let Some(parent) = list.parent() else {
                    return Ok(false);
                };
                return Ok(self.row(parent).await?.is_none());
            }
        }
        Ok(true)
    }
}

impl<C> fmt::Debug for SqlStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").finish_non_exhaustive()
    }
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Unavailable(why) => Self::Unavailable(why),
            SqlError::Full(why) => Self::Full(why),
            SqlError::TooLarge(why) => Self::TooLarge(why),
            SqlError::Failed(why) => Self::Failed(why),
        }
    }
}
