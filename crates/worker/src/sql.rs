//! The store's connection: the object's own SQLite.
//!
//! It is synchronous and has one user, so that a transaction is a call. What it has done is on the disk once
//! [`sync`](worker::Storage::sync) has returned, and nothing is answered before.

use std::{cell::RefCell, rc::Rc};

use async_trait::async_trait;
use js_sys::{Function, Reflect};
use locum_store_sql::{Dialect, Expect, Outcome, Row, SqlConnection, SqlError, Statement, Value};
use worker::{
    SqlStorage, SqlStorageValue, Storage,
    send::{SendFuture, SendWrapper},
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
};

/// The SQLite of one object.
pub(crate) struct ObjectSql {
    storage: SendWrapper<Storage>,
    sql: SqlStorage,
    transact: SendWrapper<Option<Function>>,
}

impl ObjectSql {
    /// The SQLite of the object with this storage.
    pub(crate) fn new(storage: Storage) -> Self {
        let transact = Reflect::get(storage.as_raw(), &JsValue::from_str("transactionSync"));
        Self {
            sql: storage.sql(),
            storage: SendWrapper::new(storage),
            transact: SendWrapper::new(transact.ok().and_then(|found| found.dyn_into().ok())),
        }
    }

    /// Does all of it, or nothing.
    fn transact(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        let transact = self.transact.as_ref();
        let transact =
            transact.ok_or_else(|| SqlError::Failed("there are no transactions".to_owned()))?;
        let came_of_it = Rc::new(RefCell::new(None));
        let (sql, outcome) = (self.sql.clone(), Rc::clone(&came_of_it));
        // What it throws takes everything back.
        let body = Closure::once(move || -> Result<(), JsValue> {
            let done = do_all(&sql, &statements);
            let is_done = matches!(done, Ok(Outcome::Done(_)));
            *outcome.borrow_mut() = Some(done);
            if is_done {
                Ok(())
            } else {
                Err(JsValue::from_str("taken back"))
            }
        });
        let committed = transact.call1(self.storage.as_raw(), body.as_ref());
        let outcome = came_of_it.borrow_mut().take();
        match (outcome, committed) {
            (Some(Ok(Outcome::Done(_))), Err(error)) | (None, Err(error)) => {
                Err(failed(&error.into()))
            }
            (Some(outcome), _) => outcome,
            (None, Ok(_)) => Err(SqlError::Failed("the transaction did not run".to_owned())),
        }
    }
}

#[async_trait]
impl SqlConnection for ObjectSql {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        let rows = execute(&self.sql, &statement)?;
        rows.map(|row| row?.into_iter().map(value).collect())
            .collect()
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        let outcome = self.transact(statements)?;
        if matches!(outcome, Outcome::Done(_)) {
            let written = SendFuture::new(self.storage.sync()).await;
            written.map_err(|error| failed(&error))?;
        }
        Ok(outcome)
    }
}

fn do_all(sql: &SqlStorage, statements: &[Statement]) -> Result<Outcome, SqlError> {
    let mut changed = Vec::with_capacity(statements.len());
    for (at, statement) in statements.iter().enumerate() {
        execute(sql, statement)?.try_for_each(|row| row.map(drop))?;
        let changes = changes(sql)?;
        if let Expect::Changes(expected) = statement.expect
            && expected != changes
        {
            return Ok(Outcome::Unmet(at));
        }
        changed.push(changes);
    }
    Ok(Outcome::Done(changed))
}

/// How many rows the last statement changed. (A cursor's own count has the rows of indexes in it.)
fn changes(sql: &SqlStorage) -> Result<u64, SqlError> {
    let counted = execute(sql, &Statement::changes_of_last())?.next();
    match counted.transpose()?.and_then(|row| row.into_iter().next()) {
        Some(SqlStorageValue::Integer(count)) => Ok(u64::try_from(count).unwrap_or(0)),
        _ => Err(SqlError::Failed("changes cannot be counted".to_owned())),
    }
}

type RawRow = Result<Vec<SqlStorageValue>, SqlError>;

fn execute(
    sql: &SqlStorage,
    statement: &Statement,
) -> Result<impl Iterator<Item = RawRow> + use<>, SqlError> {
    let params: Vec<JsValue> = statement.params.iter().map(param).collect();
    let cursor = sql.exec_raw(&statement.sql, params);
    let cursor = cursor.map_err(|error| failed(&error))?;
    Ok(cursor.raw().map(|row| row.map_err(|error| failed(&error))))
}

fn param(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        // They stay within 2^53.
        Value::Integer(number) => JsValue::from_f64(*number as f64),
        Value::Text(text) => JsValue::from_str(text),
    }
}

fn value(value: SqlStorageValue) -> Result<Value, SqlError> {
    match value {
        SqlStorageValue::Null => Ok(Value::Null),
        SqlStorageValue::Integer(number) => Ok(Value::Integer(number)),
        SqlStorageValue::String(text) => Ok(Value::Text(text)),
        other => Err(SqlError::Failed(format!(
            "a value of another kind: {other:?}"
        ))),
    }
}

/// What the platform says, as the store tells it apart.
fn failed(error: &worker::Error) -> SqlError {
    let said = error.to_string();
    if said.contains("SQLITE_FULL") || said.contains("storage limit") {
        SqlError::Full(said)
    } else if said.contains("SQLITE_TOOBIG") {
        SqlError::TooLarge(said)
    } else if said.contains("reset") || said.contains("overloaded") {
        SqlError::Unavailable(said)
    } else {
        SqlError::Failed(said)
    }
}
