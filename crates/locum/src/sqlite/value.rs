//! SQLite's values and errors, and the store's.

use locum_store_sql::connection::{Row, SqlError, Statement, Value};
use rusqlite::{
    Connection, ErrorCode, Statement as Prepared, ToSql,
    ffi::SQLITE_IOERR_SHMSIZE,
    types::{ToSqlOutput, ValueRef},
};

/// A parameter.
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Runs a statement and returns its rows.
pub(super) fn rows(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, SqlError> {
    let mut prepared = connection.prepare_cached(&statement.sql).map_err(error)?;
    bind(&mut prepared, &statement.params).map_err(error)?;
    let columns = prepared.column_count();
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(error)? {
        let values = (0..columns).map(|column| row.get_ref(column).map_err(error).and_then(value));
        rows.push(values.collect::<Result<Row, _>>()?);
    }
    Ok(rows)
}

/// Runs a statement and returns how many rows it changed.
pub(super) fn changes(connection: &Connection, statement: &Statement) -> rusqlite::Result<u64> {
    let before = connection.total_changes();
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    bind(&mut prepared, &statement.params)?;
    let mut found = prepared.raw_query();
    while found.next()?.is_some() {}
    // What changes no row leaves the count of the statement before it.
    let any = connection.total_changes() != before;
    Ok(if any { connection.changes() } else { 0 })
}

fn bind(prepared: &mut Prepared<'_>, parameters: &[Value]) -> rusqlite::Result<()> {
    for (place, parameter) in parameters.iter().enumerate() {
        prepared.raw_bind_parameter(place + 1, Parameter(parameter))?;
    }
    Ok(())
}

fn value(held: ValueRef<'_>) -> Result<Value, SqlError> {
    match held {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(text) => match str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(error) => Err(SqlError::Failed(format!("a text that is none: {error}"))),
        },
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(SqlError::Failed(
            "a value that is none of the store's".to_owned(),
        )),
    }
}

/// The store's word for an error of SQLite. Its text holds no values.
pub(super) fn error(error: rusqlite::Error) -> SqlError {
    let text = error.to_string();
    match error.sqlite_error() {
        Some(it) if it.code == ErrorCode::DiskFull || it.extended_code == SQLITE_IOERR_SHMSIZE => {
            SqlError::Full(text)
        }
        Some(it) if it.code == ErrorCode::TooBig => SqlError::TooLarge(text),
        Some(it) if matches!(it.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            SqlError::Unavailable(text)
        }
        _ => SqlError::Failed(text),
    }
}
