//! How the tables come to be: numbered migrations, each applied once and whole.
//!
//! The list only ever grows. A migration that was part of a release is never changed: the next one mends it.

use crate::{
    connection::{Outcome, SqlConnection, SqlError, Statement},
    row::Cells,
};

/// All migrations in order; the first is number 1. One statement ends with each line that ends with `;`.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_objects.sql"),
    include_str!("migrations/0002_replicas.sql"),
];

/// The schema that this program works with: the number of its last migration.
pub const NEWEST_SCHEMA: u64 = MIGRATIONS.len() as u64;

/// Why a database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A newer program has changed it.
    #[error(
        "the database has schema {found}, and this program knows schemas up to {known}: start the newer version of Locum \
         that has used it last, or restore a backup from before"
    )]
    Newer {
        /// Its schema.
        found: u64,
        /// The newest schema that this program knows.
        known: u64,
    },
    /// A migration failed. The schema is still the one before.
    #[error("the database could not be brought to schema {to}: {source}")]
    Migration {
        /// The schema that it should have got.
        to: u64,
        /// What went wrong.
        source: SqlError,
    },
    /// It is the target of a copy that was broken off.
    #[error(
        "a copy into the database was begun and not finished: run `locum migrate` again, with the same databases"
    )]
    Unfinished,
    /// Its schema could not be read.
    #[error("the database's schema could not be read: {0}")]
    Unreadable(#[from] SqlError),
}

/// Makes a database ready for use: brings it to [`NEWEST_SCHEMA`]. Several programs may do so at once.
///
/// # Errors
/// It is newer than this program, or a migration failed; it is as it was then. Or it is half of a copy.
pub async fn migrate(connection: &(impl SqlConnection + ?Sized)) -> Result<(), OpenError> {
    make_tables(connection).await?;
    if is_unfinished(connection).await? {
        return Err(OpenError::Unfinished);
    }
    Ok(())
}

/// Brings a database to [`NEWEST_SCHEMA`] that may be half of a copy, for whoever goes on with the copy.
///
/// # Errors
/// It is newer than this program, or a migration failed; it is as it was then.
pub async fn make_tables(connection: &(impl SqlConnection + ?Sized)) -> Result<(), OpenError> {
    let lock = || connection.dialect().lock_of_schema();
    let mut begin = Vec::from_iter(lock());
    begin.extend([
        Statement::new(
            "CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
        ),
        Statement::new(
            "INSERT INTO schema_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING",
        ),
    ]);
    connection.batch(begin).await?;
    let mut from = version(connection).await?;
    loop {
        if from > NEWEST_SCHEMA {
            return Err(OpenError::Newer {
                found: from,
                known: NEWEST_SCHEMA,
            });
        }
        let to = from + 1;
        let Some(migration) = usize::try_from(from).ok().and_then(|at| MIGRATIONS.get(at)) else {
            return Ok(());
        };
        let failed = |source| OpenError::Migration { to, source };
        let mut batch = Vec::from_iter(lock());
        batch.push(
            Statement::new("UPDATE schema_version SET version = ?1 WHERE id = 1 AND version = ?2")
                .bind(to)
                .bind(from)
                .of_one_row(),
        );
        let dialect = connection.dialect();
        batch.extend(statements(migration).map(|sql| Statement::new(dialect.translate(sql))));
        from = match connection.batch(batch).await.map_err(failed)? {
            Outcome::Done(_) => to,
            // Another program was faster.
            Outcome::Unmet(_) => match version(connection).await? {
                found if found == from => {
                    return Err(failed(SqlError::Failed(
                        "the row of the schema's version cannot be changed".to_owned(),
                    )));
                }
                found => found,
            },
        };
    }
}

/// The row of `schema_version` that is there as long as the database is the target of an unfinished copy.
const UNFINISHED_ROW: u64 = 2;

/// Whether a copy into the database was begun and not finished.
pub(crate) async fn is_unfinished(
    connection: &(impl SqlConnection + ?Sized),
) -> Result<bool, SqlError> {
    let statement = Statement::new("SELECT version FROM schema_version WHERE id = ?1");
    let rows = connection.query(statement.bind(UNFINISHED_ROW)).await?;
    Ok(!rows.is_empty())
}

/// Says in the database that it is the target of an unfinished copy.
pub(crate) fn begin_of_copy() -> Statement {
    Statement::new(
        "INSERT INTO schema_version (id, version) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
    )
    .bind(UNFINISHED_ROW)
    .bind(NEWEST_SCHEMA)
}

/// Takes back what [`begin_of_copy`] says.
pub(crate) fn end_of_copy() -> Statement {
    Statement::new("DELETE FROM schema_version WHERE id = ?1").bind(UNFINISHED_ROW)
}

async fn version(connection: &(impl SqlConnection + ?Sized)) -> Result<u64, SqlError> {
    let statement = Statement::new("SELECT version FROM schema_version WHERE id = 1");
    let rows = connection.query(statement).await?;
    let version = rows
        .into_iter()
        .next()
        .and_then(|row| Cells::of(row).whole().ok());
    version.ok_or_else(|| SqlError::Failed("the row of the schema's version is missing".to_owned()))
}

/// The statements of a migration.
fn statements(migration: &'static str) -> impl Iterator<Item = &'static str> {
    migration
        .split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
}

/// All that the migrations do.
#[cfg(test)]
pub(crate) fn all_statements(dialect: crate::connection::Dialect) -> impl Iterator<Item = String> {
    let all = MIGRATIONS
        .iter()
        .flat_map(|migration| statements(migration));
    all.map(move |sql| dialect.translate(sql))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Dialect;

    #[test]
    fn a_migration_falls_apart_into_whole_statements() {
        for migration in MIGRATIONS {
            assert!(migration.ends_with(";\n"));
            for statement in statements(migration) {
                let words = statement
                    .lines()
                    .find(|line| !line.is_empty() && !line.starts_with("--"))
                    .unwrap_or_default();
                assert!(
                    [
                        "CREATE ", "ALTER ", "INSERT ", "UPDATE ", "DROP ", "DELETE "
                    ]
                    .iter()
                    .any(|verb| words.starts_with(verb)),
                    "{statement}"
                );
                assert_eq!(
                    statement.matches('(').count(),
                    statement.matches(')').count(),
                    "{statement}"
                );
            }
        }
    }

    #[test]
    fn no_word_of_a_migration_is_left_untranslated() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            for statement in MIGRATIONS.iter().flat_map(|sql| statements(sql)) {
                assert!(!dialect.translate(statement).contains('{'), "{statement}");
            }
        }
    }
}
