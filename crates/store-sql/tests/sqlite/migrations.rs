//! How the tables come to be, and what does not belong to this program.

use std::sync::Arc;

use futures_util::future::join;
use locum_engine::store::{AssistantStore, Housekeeping};
use locum_store_sql::{
    OpenError, SqlConnection, SqlError, SqlStore, Value, migrations::NEWEST_SCHEMA,
};

use crate::{
    objects::{assistant, project},
    sqlite::{Sqlite, over, statement, store, wait},
};

const VERSION: &str = "SELECT version FROM schema_version";

fn newest() -> Value {
    Value::Integer(i64::try_from(NEWEST_SCHEMA).unwrap())
}

#[test]
fn a_new_database_gets_all_tables() {
    let (store, sqlite) = store();
    assert_eq!(sqlite.value(VERSION), newest());
    assert_eq!(wait(store.check()), Ok(()));
}

#[test]
fn a_database_is_opened_again_as_it_is() {
    let (store, sqlite) = store();
    wait(store.insert_assistant(&project(), &assistant("asst_1"))).unwrap();
    sqlite.asked();

    let again = over(&sqlite);

    let tables = sqlite
        .asked()
        .into_iter()
        .filter(|statement| statement.sql.contains("CREATE TABLE assistants"));
    assert_eq!(tables.count(), 0);
    let found = wait(again.assistant(&project(), &"asst_1".into())).unwrap();
    assert!(found.is_some());
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let (_, sqlite) = store();
    sqlite.raw("UPDATE schema_version SET version = 1000");

    let refused = wait(SqlStore::open(Arc::clone(&sqlite))).unwrap_err();

    let known = NEWEST_SCHEMA;
    assert_eq!(refused, OpenError::Newer { found: 1000, known });
    let said = refused.to_string();
    assert!(said.contains("schema 1000"), "{said}");
    assert!(said.contains(&format!("up to {known}")), "{said}");
    assert!(said.contains("newer version"), "{said}");
    assert_eq!(sqlite.value(VERSION), Value::Integer(1000));
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let sqlite = Sqlite::empty();
    // The last table that the first migration makes is there already.
    sqlite.raw("CREATE TABLE probe (other TEXT)");

    let failed = wait(SqlStore::open(Arc::clone(&sqlite))).unwrap_err();

    assert!(
        matches!(failed, OpenError::Migration { to: 1, .. }),
        "{failed}"
    );
    assert_eq!(sqlite.value(VERSION), Value::Integer(0));
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'assistants'";
    assert_eq!(sqlite.value(tables), Value::Integer(0));

    sqlite.raw("DROP TABLE probe");
    over(&sqlite);
    assert_eq!(sqlite.value(VERSION), newest());
}

#[test]
fn of_two_programs_that_start_at_once_one_migrates() {
    let sqlite = Sqlite::empty();
    let (one, other) = wait(join(
        SqlStore::open(Arc::clone(&sqlite)),
        SqlStore::open(Arc::clone(&sqlite)),
    ));
    assert!(one.is_ok() && other.is_ok());
    let made = sqlite
        .asked()
        .into_iter()
        .filter(|statement| statement.sql.contains("CREATE TABLE assistants"));
    assert_eq!(made.count(), 1);
    assert_eq!(sqlite.value(VERSION), newest());
}

#[test]
fn a_version_that_cannot_be_read_is_told() {
    let sqlite = Sqlite::empty();
    sqlite.raw(
        "CREATE TABLE schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
         INSERT INTO schema_version VALUES (1, -1)",
    );
    let failed = wait(SqlStore::open(sqlite)).unwrap_err();
    assert!(
        matches!(failed, OpenError::Unreadable(SqlError::Failed(_))),
        "{failed}"
    );
}

#[test]
fn a_version_that_cannot_be_changed_is_no_endless_loop() {
    let sqlite = Sqlite::empty();
    sqlite.raw(
        "CREATE TABLE schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
         INSERT INTO schema_version VALUES (1, 0);
         CREATE TRIGGER stuck BEFORE UPDATE ON schema_version BEGIN SELECT RAISE(IGNORE); END",
    );
    let failed = wait(SqlStore::open(Arc::clone(&sqlite))).unwrap_err();
    assert!(
        matches!(failed, OpenError::Migration { to: 1, .. }),
        "{failed}"
    );
}

/// Migrations of releases are never changed, because databases have them behind them. A change of this text is a change
/// of the schema: it belongs into the next migration.
#[test]
fn the_schema_is_the_one_that_was_released() {
    let (_, sqlite) = store();
    let names = wait(sqlite.query(statement(
        "SELECT type || ' ' || name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1",
    )))
    .unwrap();
    let names: Vec<String> = names
        .into_iter()
        .map(|row| match row.into_iter().next() {
            Some(Value::Text(name)) => name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        names,
        [
            "index assistants_deleted",
            "index assistants_of_project",
            "index files_deleted",
            "index files_of_project",
            "index files_of_purpose",
            "index files_to_expire",
            "index messages_deleted",
            "index messages_of_run",
            "index messages_of_thread",
            "index runs_leased",
            "index runs_of_thread",
            "index runs_to_attend",
            "index steps_deleted",
            "index steps_in_progress",
            "index steps_of_run",
            "index threads_deleted",
            "index threads_of_project",
            "table assistants",
            "table files",
            "table messages",
            "table probe",
            "table rate_windows",
            "table runs",
            "table schema_version",
            "table steps",
            "table threads",
            "table turns",
        ]
    );
}
