//! What a host must provide: a connection that runs statements, alone or several as one.
//!
//! It is this thin so that it can be had everywhere: on SQLite, on PostgreSQL, and on a Durable Object, whose transactions
//! are synchronous and take at most 100 parameters a statement.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;

/// A value in a row or of a parameter. Whole numbers stay within 2^53, because some hosts keep them as floating point.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// A row: its values in the order of the statement's columns.
pub type Row = Vec<Value>;

/// A statement with its parameters, which it names `?1`, `?2`, … in SQLite's way.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The text. Texts are few and come again, so that a host can prepare them once.
    pub sql: Cow<'static, str>,
    /// The parameters, at most 100.
    pub params: Vec<Value>,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a statement in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever comes.
    Anything,
    /// It changes exactly so many rows, or the whole batch is taken back.
    Changes(u64),
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is done and durable. The rows that each statement changed.
    Done(Vec<u64>),
    /// The statement at this place did not change what it should have, and nothing is done.
    Unmet(usize),
}

/// Why a statement could not be run. Nothing of its batch is done then, or everything, if only the answer was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The database is away, and may be back soon.
    #[error("{0}")]
    Unavailable(String),
    /// It has no room left.
    #[error("{0}")]
    Full(String),
    /// It takes no row that is so large. Nothing is done.
    #[error("{0}")]
    TooLarge(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
}

/// Which words a database has for what they all can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, as a file or in a Durable Object.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A connection, or several behind one.
#[async_trait]
pub trait SqlConnection: Send + Sync {
    /// Its words.
    fn dialect(&self) -> Dialect;

    /// Reads. Sees everything that was done before it was called.
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError>;

    /// Does all of it or nothing, and durably.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError>;
}

#[async_trait]
impl<C: SqlConnection + ?Sized> SqlConnection for Arc<C> {
    fn dialect(&self) -> Dialect {
        (**self).dialect()
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        (**self).query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        (**self).batch(statements).await
    }
}
