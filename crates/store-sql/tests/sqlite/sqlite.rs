//! A connection to SQLite in memory, which tells what it was asked and lets others in between.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use async_trait::async_trait;
use locum_store_sql::{
    Dialect, Expect, Outcome, Row, SqlConnection, SqlError, SqlStore, Statement, Value,
};
use locum_testkit::VirtualClock;
use rusqlite::{Connection, params_from_iter, types::ValueRef};

type Hook = Box<dyn FnOnce() + Send>;

/// A connection to SQLite.
pub struct Sqlite {
    connection: Mutex<Connection>,
    asked: Mutex<Vec<Statement>>,
    before_batch: Mutex<Option<Hook>>,
    before_query: Mutex<Option<Hook>>,
}

/// The store that tests ask.
pub type Store = SqlStore<Arc<Sqlite>>;

impl Sqlite {
    /// One without tables.
    pub fn empty() -> Arc<Self> {
        Arc::new(Self {
            connection: Mutex::new(Connection::open_in_memory().unwrap()),
            asked: Mutex::new(Vec::new()),
            before_batch: Mutex::new(None),
            before_query: Mutex::new(None),
        })
    }

    /// Runs statements as they stand.
    pub fn raw(&self, sql: &str) {
        lock(&self.connection).execute_batch(sql).unwrap();
    }

    /// The only value of the only row of a statement.
    pub fn value(&self, sql: &str) -> Value {
        let connection = lock(&self.connection);
        let (mut rows, _) = run(&connection, &statement(sql)).unwrap();
        rows.remove(0).remove(0)
    }

    /// How SQLite goes about a statement, line by line.
    pub fn plan(&self, sql: &str) -> Vec<String> {
        let connection = lock(&self.connection);
        let mut prepared = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nulls = vec![rusqlite::types::Null; prepared.parameter_count()];
        let lines = prepared.query_map(params_from_iter(nulls), |row| row.get(3));
        lines.unwrap().map(Result::unwrap).collect()
    }

    /// The statements that it was asked since the last time.
    pub fn asked(&self) -> Vec<Statement> {
        std::mem::take(&mut lock(&self.asked))
    }

    /// Something that happens right ahead of the next batch.
    pub fn before_next_batch(&self, hook: impl FnOnce() + Send + 'static) {
        *lock(&self.before_batch) = Some(Box::new(hook));
    }

    /// Something that happens right ahead of the next query.
    pub fn before_next_query(&self, hook: impl FnOnce() + Send + 'static) {
        *lock(&self.before_query) = Some(Box::new(hook));
    }
}

#[async_trait]
impl SqlConnection for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        others_first().await;
        happen(&self.before_query);
        let connection = lock(&self.connection);
        let rows = run(&connection, &statement).map_err(failed)?.0;
        lock(&self.asked).push(statement);
        Ok(rows)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        others_first().await;
        happen(&self.before_batch);
        let connection = lock(&self.connection);
        let transaction = connection.unchecked_transaction().map_err(failed)?;
        let mut changes = Vec::new();
        for (place, statement) in statements.iter().enumerate() {
            let (_, changed) = run(&transaction, statement).map_err(failed)?;
            if matches!(statement.expect, Expect::Changes(expected) if expected != changed) {
                return Ok(Outcome::Unmet(place));
            }
            changes.push(changed);
        }
        transaction.commit().map_err(failed)?;
        lock(&self.asked).extend(statements);
        Ok(Outcome::Done(changes))
    }
}

/// Runs a statement: its rows, and how many rows it changed.
fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<(Vec<Row>, u64)> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    assert!(statement.params.len() <= 100, "{}", statement.sql);
    assert_eq!(
        prepared.parameter_count(),
        statement.params.len(),
        "{}",
        statement.sql
    );
    let params = statement.params.iter().map(|value| match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(whole) => {
            assert!(whole.abs() < 1 << 53, "{whole}");
            rusqlite::types::Value::Integer(*whole)
        }
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
    });
    let columns = prepared.column_count();
    let mut found = Vec::new();
    let mut rows = prepared.query(params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(whole) => Value::Integer(whole),
                ValueRef::Text(text) => Value::Text(String::from_utf8(text.to_vec()).unwrap()),
                other => panic!("{other:?}"),
            })
        });
        found.push(values.collect::<rusqlite::Result<_>>()?);
    }
    Ok((found, connection.changes()))
}

fn failed(error: rusqlite::Error) -> SqlError {
    SqlError::Failed(error.to_string())
}

fn happen(hook: &Mutex<Option<Hook>>) {
    let hook = lock(hook).take();
    if let Some(hook) = hook {
        hook();
    }
}

/// Lets other futures go on, as a connection does that is not always at once.
async fn others_first() {
    let mut asked = false;
    poll_fn(|context| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A statement without parameters.
pub fn statement(sql: &str) -> Statement {
    Statement {
        sql: sql.to_owned().into(),
        params: Vec::new(),
        expect: Expect::Anything,
    }
}

/// Runs a future to its end.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    VirtualClock::new().run(future)
}

/// An empty store, and the database below it.
pub fn store() -> (Store, Arc<Sqlite>) {
    let sqlite = Sqlite::empty();
    (over(&sqlite), sqlite)
}

/// A store over a database.
pub fn over(sqlite: &Arc<Sqlite>) -> Store {
    wait(SqlStore::open(Arc::clone(sqlite))).unwrap()
}
