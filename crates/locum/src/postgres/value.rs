//! PostgreSQL's values and errors, and the store's.

use std::error::Error as _;

use bytes::BytesMut;
use locum_store_sql::connection::{Row, SqlError, Value};
use tokio_postgres::{
    Error,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

type Boxed = Box<dyn std::error::Error + Sync + Send>;

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub &'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            Value::Text(text) if *kind == Type::TEXT => text.to_sql(kind, out),
            Value::Integer(_) => Err(format!("a whole number in the place of {kind}").into()),
            Value::Text(_) => Err(format!("a text in the place of {kind}").into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT)
    }

    to_sql_checked!();
}

/// A value in a row.
struct Cell(Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(Self(match *kind {
            Type::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(kind, raw)?.into()),
            _ => Value::Text(String::from_sql(kind, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Boxed> {
        Ok(Self(Value::Null))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::TEXT)
    }
}

/// A row's values.
pub(super) fn row(found: &tokio_postgres::Row) -> Result<Row, Error> {
    let values = (0..found.len()).map(|column| Ok(found.try_get::<_, Cell>(column)?.0));
    values.collect()
}

/// The store's word for an error. Its text holds no values: the server's details, which do, are left out.
pub(super) fn error(failed: &Error) -> SqlError {
    let Some(said) = failed.as_db_error() else {
        let text = match failed.source() {
            Some(cause) => format!("{failed}: {cause}"),
            None => failed.to_string(),
        };
        let is_ours = text.contains("parameter") || text.contains("deserializing");
        return if is_ours {
            SqlError::Failed(text)
        } else {
            SqlError::Unavailable(text)
        };
    };
    let code = said.code();
    let text = format!("{} ({})", said.message(), code.code());
    if *code == SqlState::DISK_FULL {
        SqlError::Full(text)
    } else if *code == SqlState::PROGRAM_LIMIT_EXCEEDED {
        SqlError::TooLarge(text)
    } else if is_passing(code) {
        SqlError::Unavailable(text)
    } else {
        SqlError::Failed(text)
    }
}

/// Whether what failed may go well later, or with another server: lost connections (class 08), too many of them and what else
/// is short (53), transactions that got in each other's way (40), locks (55), a server that is starting, stopping or has become
/// a standby (57, 25006), and what ended with the session (25P03).
fn is_passing(code: &SqlState) -> bool {
    ["08", "40", "53", "55", "57"]
        .iter()
        .any(|class| code.code().starts_with(class))
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

/// Whether the server gave the transaction up because it and another waited for each other.
pub(super) fn is_circle(code: &SqlState) -> bool {
    *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE
}

/// Whether the server is starting, and will take connections soon.
pub(super) fn is_starting(failed: &Error) -> bool {
    failed.code() == Some(&SqlState::CANNOT_CONNECT_NOW)
}
