//! The store's connection on SQLite: one file, in WAL mode, durable at each commit.
//!
//! It runs statements and knows none. Read in this order: [`Sqlite`], `settings` (how a connection is set up), `writer` (the
//! one thread that writes, and commits together what waits together), `readers`, `value`.

mod readers;
mod settings;
mod value;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use locum_store_sql::connection::{Dialect, Outcome, Row, SqlConnection, SqlError, Statement};

use self::{readers::Readers, writer::Writer};

/// An open database. Clones share it; it is closed with the last of them, or by [`Sqlite::close`].
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    /// Opens the database in the file at `path`, and makes the file where there is none.
    ///
    /// # Errors
    /// It cannot be opened, is no database, or is on a file system that cannot hold one.
    pub fn open(path: &Path) -> Result<Self, SqlError> {
        Ok(Self {
            writer: Writer::start(settings::to_write(path)?)?,
            readers: Readers::new(path),
        })
    }

    /// Does what was asked for before, and puts all of it into the one file. Nothing can be asked from then on.
    pub async fn close(&self) {
        // The one that closes last tidies up, and only the writer may.
        self.readers.close().await;
        self.writer.close().await;
    }

    /// How many transactions were committed: fewer than batches where several went together.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

#[async_trait]
impl SqlConnection for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        self.readers.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        self.writer.batch(statements).await
    }
}

/// What is answered once the database is closed.
fn closed() -> SqlError {
    SqlError::Unavailable("the database is closed".to_owned())
}
