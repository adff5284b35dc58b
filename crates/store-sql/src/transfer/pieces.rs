//! Rows in pieces: few enough that memory does not grow with a table, nor with its rows.

use std::{collections::VecDeque, fmt::Write};

use super::{Side, TransferError, tables::Table};
use crate::connection::{Row, SqlError, Statement, Value};

/// The most parameters of a statement.
const MAX_PARAMS: usize = 100;
/// How many rows' sizes are read at once.
const SIZES: u64 = 8192;
/// A number ahead of those of all rows.
const AHEAD: i64 = -(1 << 52);

/// How large a piece may be. A row that alone is larger is a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceSize {
    /// The most rows.
    pub rows: usize,
    /// The most bytes of their objects.
    pub bytes: u64,
}

impl Default for PieceSize {
    fn default() -> Self {
        Self {
            rows: 2048,
            bytes: 8 << 20,
        }
    }
}

/// A table's rows in order.
pub(super) struct Pieces<'a> {
    side: Side<'a>,
    table: &'static Table,
    size: PieceSize,
    /// The number of the last row that was read.
    after: i64,
    /// The numbers with which the next pieces end.
    ends: VecDeque<i64>,
}

impl<'a> Pieces<'a> {
    /// The rows behind the one with the number `after`.
    pub fn new(
        side: Side<'a>,
        table: &'static Table,
        size: PieceSize,
        after: Option<Value>,
    ) -> Self {
        let after = match after {
            Some(Value::Integer(number)) => number,
            _ => AHEAD,
        };
        Self {
            side,
            table,
            size,
            after,
            ends: VecDeque::new(),
        }
    }

    /// The next rows; `None` where there are no more.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, TransferError> {
        if self.ends.is_empty() {
            let sizes = self.side.query(self.table.sizes(self.after, SIZES)).await?;
            self.ends = ends(&sizes, self.size).map_err(self.side.failed)?;
        }
        let Some(end) = self.ends.pop_front() else {
            return Ok(None);
        };
        let rows = self.side.query(self.table.rows(self.after, end)).await?;
        self.after = end;
        Ok(Some(rows))
    }
}

/// The numbers with which pieces end, of rows with these numbers and sizes.
fn ends(sizes: &[Row], size: PieceSize) -> Result<VecDeque<i64>, SqlError> {
    let mut ends = VecDeque::new();
    let (mut rows, mut bytes, mut last) = (0, 0, None);
    for row in sizes {
        let [Value::Integer(number), Value::Integer(more)] = row.as_slice() else {
            return Err(SqlError::Failed("a row without number or size".to_owned()));
        };
        let more = more.unsigned_abs();
        if let Some(last) = last
            && (rows == size.rows || bytes + more > size.bytes)
        {
            ends.push_back(last);
            (rows, bytes) = (0, 0);
        }
        rows += 1;
        bytes += more;
        last = Some(*number);
    }
    ends.extend(last);
    Ok(ends)
}

/// Writes rows as they are, several with each statement.
pub(super) fn inserts(table: &Table, rows: Vec<Row>) -> Vec<Statement> {
    let at_once = MAX_PARAMS / table.columns.len();
    let mut statements = Vec::with_capacity(rows.len().div_ceil(at_once));
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<Row> = rows.by_ref().take(at_once).collect();
        let statement = Statement::new(insert(table, some.len()));
        statements.push(statement.bind_all(some.into_iter().flatten()));
    }
    statements
}

/// A statement that writes so many rows.
fn insert(table: &Table, rows: usize) -> String {
    let mut sql = format!(
        "INSERT INTO {} ({}) VALUES ",
        table.name,
        table.columns.join(", ")
    );
    let width = table.columns.len();
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=width {
            let gap = if column == 1 { "" } else { ", " };
            let _ = write!(sql, "{gap}?{}", row * width + column);
        }
        sql.push(')');
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::tables::TABLES;

    fn ends_of(sizes: &[u64]) -> Vec<i64> {
        let rows: Vec<Row> = (1..)
            .zip(sizes)
            .map(|(number, &size)| vec![Value::Integer(number * 10), size.into()])
            .collect();
        let size = PieceSize { rows: 3, bytes: 10 };
        Vec::from(ends(&rows, size).unwrap())
    }

    #[test]
    fn a_piece_ends_with_its_rows_or_its_bytes() {
        assert!(ends_of(&[]).is_empty());
        assert_eq!(ends_of(&[1; 7]), [30, 60, 70]);
        assert_eq!(ends_of(&[5, 5, 5]), [20, 30]);
        assert_eq!(ends_of(&[99, 1, 99, 99]), [10, 20, 30, 40]);
    }

    #[test]
    fn no_statement_has_more_parameters_than_it_may() {
        for table in &TABLES {
            let row: Row = table.columns.iter().map(|_| Value::Null).collect();
            let statements = inserts(table, vec![row; 55]);
            let params: Vec<_> = statements.iter().map(|it| it.params.len()).collect();
            assert!(params.iter().all(|&count| count <= MAX_PARAMS));
            assert_eq!(params.iter().sum::<usize>(), 55 * table.columns.len());
            for statement in statements {
                let last = format!("?{})", statement.params.len());
                assert!(statement.sql.ends_with(&last), "{}", statement.sql);
            }
        }
    }
}
