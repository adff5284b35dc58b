//! Copies all rows from one database to another, together with the numbers that keep them in order, and compares both sides.
//!
//! Rows are copied in the order of their numbers and in pieces, each of which is there whole or not at all. So what was copied of a
//! table is its beginning at any moment, and a copy that was broken off goes on behind the last row that is there. From
//! its first row until both sides were found to be the same, the target says that it is unfinished, and no Locum serves it.
//!
//! Nobody may change either side meanwhile: that is for the caller to see to, with [`in_use`] where others can be seen.
//!
//! Read in this order: [`Transfer`], `tables` (what is copied), `pieces` (how it is read and written), `checksum`.

mod checksum;
mod pieces;
mod tables;

use std::fmt;

use futures_util::future::{join, try_join};

pub use self::pieces::PieceSize;
use self::{
    checksum::Checksum,
    pieces::{Pieces, inserts},
    tables::{TABLES, Table},
};
use crate::{
    connection::{Outcome, Row, SqlConnection, SqlError, Statement, Value},
    migrations::{begin_of_copy, end_of_copy, is_unfinished},
};

/// Two databases, and who is told how far the copy is. Both have their tables, of the same schema.
pub struct Transfer<'a> {
    from: Side<'a>,
    to: Side<'a>,
    size: PieceSize,
    tell: &'a (dyn Fn(Told) + Sync),
}

/// What is told of a transfer while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A table's turn has come.
    Table {
        /// Its name.
        table: &'static str,
        /// What is done with it.
        doing: Doing,
        /// How many rows it has at the source.
        rows: u64,
        /// How many of them need nothing more.
        done: u64,
    },
    /// So many more rows are done.
    Rows(u64),
}

/// What is done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Its rows are copied.
    Copying,
    /// Its rows are compared.
    Comparing,
}

/// Why a copy cannot go on. What was copied until then stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The source failed.
    #[error("the source failed: {0}")]
    Source(#[source] SqlError),
    /// The target failed.
    #[error("the target failed: {0}")]
    Target(#[source] SqlError),
    /// The source is itself half of a copy.
    #[error("a copy into the source was begun and not finished: finish it first")]
    HalfASource,
    /// The target holds something else. Nothing is done to it.
    #[error(
        "the target holds other {0} than the source: a copy takes an empty database, or one into which the same source \
         was being copied"
    )]
    Foreign(&'static str),
}

/// A table on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub table: &'static str,
    /// What it holds at the source.
    pub from: Content,
    /// What it holds at the target.
    pub to: Content,
}

impl Compared {
    /// Whether it holds the same on both sides.
    pub fn is_same(&self) -> bool {
        self.from == self.to
    }
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How many rows.
    pub rows: u64,
    /// SHA-256 over all columns of all rows in order, in hexadecimal digits. Leases of runs are left out.
    pub checksum: String,
}

/// Who uses a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// So many of their connections are open.
    Connections(u64),
    /// They drive so many runs.
    Runs(u64),
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connections(count) => write!(f, "{count} connections of Locum are open there"),
            Self::Runs(count) => write!(f, "somebody drives {count} runs there"),
        }
    }
}

/// Whether others use a database at this moment, milliseconds since 1970. `name`: what their sessions are called. `None` also
/// where a database does not know its users.
///
/// # Errors
/// It cannot be asked.
pub async fn in_use(
    connection: &dyn SqlConnection,
    name: &str,
    now_ms: u64,
) -> Result<Option<InUse>, SqlError> {
    let Some(sessions) = connection.dialect().sessions(name) else {
        return Ok(None);
    };
    let sessions = whole(&connection.query(sessions).await?)?;
    if sessions > 0 {
        return Ok(Some(InUse::Connections(sessions)));
    }
    let driven =
        Statement::new("SELECT COUNT(*) FROM runs WHERE owner IS NOT NULL AND attend_at > ?1");
    let runs = whole(&connection.query(driven.bind(now_ms)).await?)?;
    Ok((runs > 0).then_some(InUse::Runs(runs)))
}

/// How much of a copy there is at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Some of it, or nothing.
    Begun,
    /// It was finished before.
    Finished,
}

impl<'a> Transfer<'a> {
    /// A transfer of all that `from` holds to `to`.
    pub fn new(
        from: &'a dyn SqlConnection,
        to: &'a dyn SqlConnection,
        tell: &'a (dyn Fn(Told) + Sync),
    ) -> Self {
        Self {
            from: Side::new(from, TransferError::Source),
            to: Side::new(to, TransferError::Target),
            size: PieceSize::default(),
            tell,
        }
    }

    /// The same in pieces of another size.
    #[must_use]
    pub fn in_pieces_of(self, size: PieceSize) -> Self {
        Self { size, ..self }
    }

    /// Copies what is not there yet, compares both sides, and gives the target free where they are the same.
    ///
    /// Leases are not copied, because they are the source's: whoever serves the target first claims the runs that are at work.
    ///
    /// # Errors
    /// The copy cannot go on. It can be begun again.
    pub async fn run(&self) -> Result<Vec<Compared>, TransferError> {
        if self.standing().await? == Standing::Begun {
            self.to.batch(vec![begin_of_copy()]).await?;
            for table in &TABLES {
                self.copy(table).await?;
            }
            let numbers = TABLES.iter();
            let numbers =
                numbers.filter_map(|table| self.to.connection.dialect().number_on(table.name));
            self.to.batch(numbers.collect()).await?;
        }
        let compared = self.compare().await?;
        if compared.iter().all(Compared::is_same) {
            self.to.batch(vec![end_of_copy()]).await?;
        }
        Ok(compared)
    }

    /// Compares both sides, and changes nothing.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub async fn compare(&self) -> Result<Vec<Compared>, TransferError> {
        let mut compared = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            let rows = self.from.count(table, None).await?;
            self.begin(table, Doing::Comparing, rows, 0);
            let (from, to) = try_join(
                self.content(self.from, table, self.tell),
                self.content(self.to, table, &|_| ()),
            )
            .await?;
            let table = table.name;
            compared.push(Compared { table, from, to });
        }
        Ok(compared)
    }

    /// How much there is already.
    async fn standing(&self) -> Result<Standing, TransferError> {
        if is_unfinished(self.from.connection)
            .await
            .map_err(TransferError::Source)?
        {
            return Err(TransferError::HalfASource);
        }
        let is_begun = is_unfinished(self.to.connection).await;
        let is_begun = is_begun.map_err(TransferError::Target)?;
        let (mut is_empty, mut is_whole) = (true, true);
        let mut first = None;
        for table in &TABLES {
            let rows = self.to.count(table, None).await?;
            if !self.is_beginning(table, rows).await? {
                return Err(TransferError::Foreign(table.name));
            }
            if rows > 0 {
                is_empty = false;
                first = first.or(Some(table.name));
            }
            is_whole &= rows == self.from.count(table, None).await?;
        }
        match first {
            _ if is_begun || is_empty => Ok(Standing::Begun),
            // Nothing is ever added to a database that is free to be served.
            Some(table) if !is_whole => Err(TransferError::Foreign(table)),
            _ => Ok(Standing::Finished),
        }
    }

    /// Whether the target's rows, so many, are the first ones of the source. It is told by their numbers and by the ids of the first
    /// and the last of them; the comparison in the end looks at everything.
    async fn is_beginning(&self, table: &Table, rows: u64) -> Result<bool, TransferError> {
        let Some(last) = self.to.id(table.last()).await? else {
            return Ok(true);
        };
        let Some(number) = last.first().cloned() else {
            return Ok(false);
        };
        let same_first = self.to.id(table.first()).await? == self.from.id(table.first()).await?;
        let same_last = self.from.id(table.at(number.clone())).await? == Some(last);
        let same_rows = self.from.count(table, Some(number)).await? == rows;
        Ok(same_first && same_last && same_rows)
    }

    async fn copy(&self, table: &'static Table) -> Result<(), TransferError> {
        let (rows, done) = (
            self.from.count(table, None).await?,
            self.to.count(table, None).await?,
        );
        self.begin(table, Doing::Copying, rows, done);
        let last = self.to.id(table.last()).await?;
        let after = last.and_then(|last| last.into_iter().next());
        let mut pieces = Pieces::new(self.from, table, self.size, after);
        let mut piece = pieces.next().await?;
        while let Some(rows) = piece {
            let count = rows.len() as u64;
            // The next ones are read while these are written.
            let (written, next) = join(self.to.batch(inserts(table, rows)), pieces.next()).await;
            written?;
            (self.tell)(Told::Rows(count));
            piece = next?;
        }
        Ok(())
    }

    async fn content(
        &self,
        side: Side<'a>,
        table: &'static Table,
        tell: &(dyn Fn(Told) + Sync),
    ) -> Result<Content, TransferError> {
        let mut checksum = Checksum::new(table);
        let mut pieces = Pieces::new(side, table, self.size, None);
        while let Some(rows) = pieces.next().await? {
            rows.iter().for_each(|row| checksum.add(row));
            tell(Told::Rows(rows.len() as u64));
        }
        Ok(checksum.content())
    }

    fn begin(&self, table: &Table, doing: Doing, rows: u64, done: u64) {
        (self.tell)(Told::Table {
            table: table.name,
            doing,
            rows,
            done,
        });
    }
}

impl fmt::Debug for Transfer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").finish_non_exhaustive()
    }
}

/// One of the two databases, and what its errors are called.
#[derive(Clone, Copy)]
struct Side<'a> {
    connection: &'a dyn SqlConnection,
    failed: fn(SqlError) -> TransferError,
}

impl<'a> Side<'a> {
    fn new(connection: &'a dyn SqlConnection, failed: fn(SqlError) -> TransferError) -> Self {
        Self { connection, failed }
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, TransferError> {
        self.connection.query(statement).await.map_err(self.failed)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, TransferError> {
        if statements.is_empty() {
            return Ok(Outcome::Done(Vec::new()));
        }
        self.connection.batch(statements).await.map_err(self.failed)
    }

    /// How many rows a table has, or how many up to the one with the number `upto`.
    async fn count(&self, table: &Table, upto: Option<Value>) -> Result<u64, TransferError> {
        let rows = self.query(table.count(upto)).await?;
        whole(&rows).map_err(self.failed)
    }

    /// Number and id of a row.
    async fn id(&self, statement: Statement) -> Result<Option<Row>, TransferError> {
        Ok(self.query(statement).await?.pop())
    }
}

/// The whole number that is all that a statement found.
fn whole(rows: &[Row]) -> Result<u64, SqlError> {
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Integer(whole)) if *whole >= 0 => Ok(whole.unsigned_abs()),
        _ => Err(SqlError::Failed("a count that is none".to_owned())),
    }
}
