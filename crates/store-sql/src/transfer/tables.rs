//! What is copied: all tables with objects, and all of their columns.
//!
//! Tables that come and go with processes are left out: `probe`, `schema_version`, `turns` and `rate_windows`.

use crate::connection::{Statement, Value};

/// A table whose rows are numbered by `seq` and have an `id`.
pub(super) struct Table {
    /// Its name.
    pub name: &'static str,
    /// All of its columns; the first is `seq`.
    pub columns: &'static [&'static str],
    /// What is read in the place of a column.
    reads: &'static [(&'static str, &'static str)],
}

/// All of them. A test compares this list with what the migrations make.
pub(super) const TABLES: [Table; 6] = [
    Table {
        name: "assistants",
        columns: &[
            "seq",
            "id",
            "project",
            "created_at",
            "version",
            "deleted",
            "data",
        ],
        reads: &[],
    },
    Table {
        name: "threads",
        columns: &[
            "seq",
            "id",
            "project",
            "created_at",
            "version",
            "deleted",
            "active_run",
            "data",
        ],
        reads: &[],
    },
    Table {
        name: "messages",
        columns: &[
            "seq",
            "id",
            "project",
            "created_at",
            "thread_id",
            "run_id",
            "version",
            "deleted",
            "data",
        ],
        reads: &[],
    },
    Table {
        name: "runs",
        columns: &[
            "seq",
            "id",
            "project",
            "created_at",
            "thread_id",
            "version",
            "token",
            "owner",
            "attend_at",
            "expires_at",
            "data",
        ],
        // A lease is a process's that knows the source alone: the run may be claimed by whoever comes first.
        reads: &[
            ("owner", "CAST(NULL AS TEXT)"),
            (
                "attend_at",
                "CASE WHEN owner IS NULL OR attend_at IS NULL THEN attend_at ELSE created_at * 1000 END",
            ),
        ],
    },
    Table {
        name: "steps",
        columns: &[
            "seq",
            "id",
            "project",
            "created_at",
            "thread_id",
            "run_id",
            "status",
            "message_id",
            "deleted",
            "data",
        ],
        reads: &[],
    },
    Table {
        name: "files",
        columns: &[
            "seq",
            "id",
            "project",
            "created_at",
            "purpose",
            "expires_at",
            "deleted",
            "data",
        ],
        reads: &[],
    },
];

impl Table {
    /// Counts the rows, or those up to the one with the number `upto`.
    pub fn count(&self, upto: Option<Value>) -> Statement {
        let name = self.name;
        match upto {
            None => Statement::new(format!("SELECT COUNT(*) FROM {name}")),
            Some(upto) => {
                Statement::new(format!("SELECT COUNT(*) FROM {name} WHERE seq <= ?1")).bind(upto)
            }
        }
    }

    /// Number and id of the first row.
    pub fn first(&self) -> Statement {
        let name = self.name;
        Statement::new(format!("SELECT seq, id FROM {name} ORDER BY seq LIMIT 1"))
    }

    /// Number and id of the last row.
    pub fn last(&self) -> Statement {
        let name = self.name;
        Statement::new(format!(
            "SELECT seq, id FROM {name} ORDER BY seq DESC LIMIT 1"
        ))
    }

    /// Number and id of the row with this number.
    pub fn at(&self, number: Value) -> Statement {
        let name = self.name;
        Statement::new(format!("SELECT seq, id FROM {name} WHERE seq = ?1")).bind(number)
    }

    /// Numbers and sizes of the rows behind `after`, at most `limit`. It reads no row whole.
    pub fn sizes(&self, after: i64, limit: u64) -> Statement {
        let name = self.name;
        Statement::new(format!(
            "SELECT seq, octet_length(data) FROM {name} WHERE seq > ?1 ORDER BY seq LIMIT ?2"
        ))
        .bind(Value::Integer(after))
        .bind(limit)
    }

    /// All columns of the rows behind `after`, up to `upto`.
    pub fn rows(&self, after: i64, upto: i64) -> Statement {
        let columns = self.columns.iter().map(|column| {
            let read = self.reads.iter().find(|(name, _)| name == column);
            read.map_or(*column, |(_, instead)| instead)
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let name = self.name;
        Statement::new(format!(
            "SELECT {columns} FROM {name} WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"
        ))
        .bind(Value::Integer(after))
        .bind(Value::Integer(upto))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::{connection::Dialect, migrations::all_statements};

    const LEFT_OUT: [&str; 3] = ["probe", "turns", "rate_windows"];

    /// Whoever adds a table or a column decides here whether it is copied.
    #[test]
    fn all_tables_and_columns_are_known() {
        let database = Connection::open_in_memory().unwrap();
        for statement in all_statements(Dialect::Sqlite) {
            database.execute_batch(&statement).unwrap();
        }
        let column = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
                      WHERE t.type = 'table' ORDER BY t.rowid, c.cid";
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        let mut columns = database.prepare(column).unwrap();
        let mut rows = columns.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (table, column): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
            match found.last_mut() {
                Some((last, columns)) if *last == table => columns.push(column),
                _ => found.push((table, vec![column])),
            }
        }
        found.retain(|(table, _)| !LEFT_OUT.contains(&table.as_str()));
        let known = TABLES.iter().map(|table| {
            let columns = table.columns.iter().map(ToString::to_string);
            (table.name.to_owned(), columns.collect())
        });
        assert_eq!(found, known.collect::<Vec<(String, Vec<String>)>>());
    }

    #[test]
    fn what_is_read_in_the_place_of_a_column_has_its_place() {
        for table in &TABLES {
            assert_eq!(table.columns[..2], ["seq", "id"]);
            for (column, _) in table.reads {
                assert!(table.columns.contains(column), "{column}");
            }
        }
    }
}
