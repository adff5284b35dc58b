//! Where databases differ: the one place to look at, and to add to, for another.
//!
//! Everything else keeps to what SQLite and PostgreSQL have in common: `ON CONFLICT … DO UPDATE`, partial indexes, no
//! `RETURNING`, no functions beyond `COUNT`, whole numbers as `BIGINT`.
//!
//! Statements are conditional on other tables' rows ("a message is added if its thread is there and free"). SQLite writes
//! one batch after the other, so that the condition still holds when the row is written. A database whose batches overlap
//! must lock the row that the condition reads: there `FROM threads …` of such an `INSERT … SELECT` needs `FOR SHARE`.

use crate::connection::Dialect;

/// How migrations write the column by which rows are in the order of their creation.
const SEQUENCE: &str = "{sequence}";

impl Dialect {
    /// A statement of a migration in this database's words.
    pub(crate) fn translate(self, sql: &str) -> String {
        sql.replace(
            SEQUENCE,
            match self {
                // Without AUTOINCREMENT a number may come again after the newest row was purged. Nothing remembers numbers,
                // so that this costs nothing, and each insert saves writing a second table.
                Self::Sqlite => "INTEGER PRIMARY KEY",
                Self::Postgres => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            },
        )
    }
}
