//! Batches that wait are committed together, and each still is what it would be alone.

use futures_util::future::join_all;
use locum_store_sql::{Outcome, SqlConnection, SqlError};
use rusqlite::Connection;

use crate::support::{
    add_word, check_integrity, database, expecting, make_words, statement, words,
};

const INSERT: &str = "INSERT INTO words (word) VALUES (?1)";

/// One thread, so that all batches of a `join!` are waiting before what comes behind them.
#[tokio::test]
async fn what_waits_is_committed_together() {
    let (database, folder) = database();
    make_words(&database).await;
    let before = database.commits();
    let other = Connection::open(folder.path().join("locum.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let names: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    let adding = join_all(names.iter().map(|name| add_word(&database, name)));
    let (added, ()) = tokio::join!(adding, async {
        other.execute_batch("COMMIT").unwrap();
    });
    assert!(added.iter().all(|it| *it == Ok(Outcome::Done(vec![1]))));
    assert_eq!(words(&database).await, names);
    // One holds the batch that came first, with whatever came before the thread looked again.
    let commits = database.commits() - before;
    assert!((1..=2).contains(&commits), "{commits}");
}

#[tokio::test]
async fn one_that_fails_takes_no_other_with_it() {
    let (database, folder) = database();
    make_words(&database).await;
    let other = Connection::open(folder.path().join("locum.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let unmet = database.batch(vec![
        statement(INSERT, &["half of it"]),
        expecting(1, "DELETE FROM words WHERE word = ?1", &["nobody"]),
    ]);
    let wrong = database.batch(vec![
        statement(INSERT, &["half again"]),
        statement("nonsense", &[]),
    ]);
    let ends_it = database.batch(vec![
        statement(INSERT, &["lost"]),
        statement("ROLLBACK", &[]),
    ]);
    let (first, unmet, twice, wrong, ends_it, last, ()) = tokio::join!(
        add_word(&database, "first"),
        unmet,
        add_word(&database, "first"),
        wrong,
        ends_it,
        add_word(&database, "last"),
        async { other.execute_batch("COMMIT").unwrap() }
    );
    assert_eq!(first, Ok(Outcome::Done(vec![1])));
    assert_eq!(unmet, Ok(Outcome::Unmet(1)));
    assert!(matches!(twice, Err(SqlError::Failed(_))), "{twice:?}");
    assert!(matches!(wrong, Err(SqlError::Failed(_))), "{wrong:?}");
    assert!(matches!(ends_it, Err(SqlError::Failed(_))), "{ends_it:?}");
    assert_eq!(last, Ok(Outcome::Done(vec![1])));
    assert_eq!(words(&database).await, ["first", "last"]);
}

#[tokio::test]
async fn only_changes_are_counted() {
    let (database, _folder) = database();
    make_words(&database).await;
    let done = database
        .batch(vec![
            statement(INSERT, &["a"]),
            statement("CREATE TABLE other (a TEXT)", &[]),
            statement("DELETE FROM words WHERE word = ?1", &["b"]),
            statement("UPDATE words SET word = ?1", &["c"]),
        ])
        .await;
    assert_eq!(done, Ok(Outcome::Done(vec![1, 0, 0, 1])));
}

#[tokio::test]
async fn readers_cannot_write() {
    let (database, _folder) = database();
    make_words(&database).await;
    let read = database.query(statement("DELETE FROM words", &[])).await;
    assert!(matches!(read, Err(SqlError::Failed(_))), "{read:?}");
}

#[tokio::test]
async fn closing_finishes_what_was_asked_for_and_leaves_one_file() {
    let (database, folder) = database();
    make_words(&database).await;
    let names: Vec<String> = (0..50).map(|number| format!("{number:02}")).collect();
    let adding = join_all(names.iter().map(|name| add_word(&database, name)));
    let (added, ()) = tokio::join!(adding, database.close());
    assert!(added.iter().all(Result::is_ok));
    let late = add_word(&database, "late").await;
    assert!(matches!(late, Err(SqlError::Unavailable(_))), "{late:?}");
    let late = database.query(statement("SELECT 1", &[])).await;
    assert!(matches!(late, Err(SqlError::Unavailable(_))), "{late:?}");
    database.close().await;

    let files: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    check_integrity(&folder.path().join("locum.db"));
    let again = locum::sqlite::Sqlite::open(&folder.path().join("locum.db")).unwrap();
    assert_eq!(words(&again).await, names);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("locum.db");
    std::fs::write(
        &path,
        "a letter to my bank, of more than a hundred bytes: ".repeat(9),
    )
    .unwrap();
    let error = locum::sqlite::Sqlite::open(&path).unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
}
