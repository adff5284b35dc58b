//! A database in a folder that goes with the test.

use std::path::Path;

use locum::sqlite::Sqlite;
use locum_domain::{
    id::{MessageId, ThreadId},
    message::{Content, Message, MessageStatus, Role},
    metadata::Metadata,
    thread::Thread,
    time::Timestamp,
};
use locum_store_sql::{Expect, Outcome, SqlConnection, SqlError, Statement, Value};
use tempfile::TempDir;

/// A new database; it is in the folder, which goes with the second value.
pub fn database() -> (Sqlite, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = Sqlite::open(&folder.path().join("locum.db")).unwrap();
    (database, folder)
}

/// A statement with texts for parameters.
pub fn statement(sql: &'static str, texts: &[&str]) -> Statement {
    Statement {
        sql: sql.into(),
        params: texts
            .iter()
            .map(|&text| Value::Text(text.to_owned()))
            .collect(),
        expect: Expect::Anything,
    }
}

/// The same, of which so many changes are expected.
pub fn expecting(changes: u64, sql: &'static str, texts: &[&str]) -> Statement {
    Statement {
        expect: Expect::Changes(changes),
        ..statement(sql, texts)
    }
}

/// A table of words, none of which comes twice.
pub async fn make_words(database: &Sqlite) {
    let table = statement("CREATE TABLE words (word TEXT PRIMARY KEY)", &[]);
    database.batch(vec![table]).await.unwrap();
}

/// Adds a word.
pub async fn add_word(database: &Sqlite, word: &str) -> Result<Outcome, SqlError> {
    let insert = expecting(1, "INSERT INTO words (word) VALUES (?1)", &[word]);
    database.batch(vec![insert]).await
}

/// All words in order.
pub async fn words(database: &Sqlite) -> Vec<String> {
    let select = statement("SELECT word FROM words ORDER BY word", &[]);
    let rows = database.query(select).await.unwrap();
    rows.into_iter()
        .map(|row| match row.as_slice() {
            [Value::Text(word)] => word.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Checks that the file is whole.
#[track_caller]
pub fn check_integrity(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

pub fn thread(id: &str) -> Thread {
    Thread {
        id: ThreadId::from(id),
        created_at: Timestamp(1_700_000_000),
        metadata: Metadata::default(),
        tool_resources: None,
    }
}

pub fn message(thread: &str, id: &str, text: &str) -> Message {
    Message {
        id: MessageId::from(id),
        thread_id: ThreadId::from(thread),
        created_at: Timestamp(1_700_000_000),
        status: MessageStatus::Completed,
        incomplete: None,
        completed_at: None,
        incomplete_at: None,
        role: Role::User,
        content: vec![Content::Text(text.to_owned())],
        assistant_id: None,
        run_id: None,
        attachments: Vec::new(),
        metadata: Metadata::default(),
        signature: None,
    }
}
