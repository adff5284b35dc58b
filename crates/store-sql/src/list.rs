//! Lists, a page at a time: which statement reads a page.
//!
//! A page is found by its place in an index, so that it costs the same however deep in the list it is. It takes one
//! statement, cursors included. A cursor that is not known leaves the page empty; why an empty page is empty is asked
//! only then.

use std::fmt::Write;

use locum_domain::page::{Order, PageQuery};

use crate::connection::{Statement, Value};

/// A list of rows of one table.
pub(crate) struct List {
    /// The table.
    pub(crate) table: &'static str,
    /// The columns by which a row is part of the list, each with the number of its parameter.
    pub(crate) members: &'static [(&'static str, usize)],
    /// Whether rows of this table are deleted one by one.
    pub(crate) tombstones: bool,
    /// What must be there for the list to be there.
    pub(crate) parent: Option<Parent>,
    /// The parameters; those of `parent` first.
    pub(crate) params: Vec<Value>,
}

/// What a list belongs to: one row, or none.
pub(crate) struct Parent {
    /// The tables that it is in.
    pub(crate) tables: &'static str,
    /// When it is there.
    pub(crate) condition: &'static str,
    /// How many parameters it takes.
    pub(crate) params: usize,
}

impl List {
    /// Whether the page is read in the opposite of the order asked for: where all that is known of it is its end.
    pub(crate) fn backwards(&self, query: &PageQuery) -> bool {
        query.before.is_some() && query.after.is_none()
    }

    /// Reads a page and one row more, which says that there are more.
    pub(crate) fn page(&self, query: &PageQuery) -> Statement {
        let ascending = (query.order == Order::Ascending) != self.backwards(query);
        let mut params = self.params.clone();
        let mut sql = self.select("o.id, o.data");
        if self.tombstones {
            sql.push_str(" AND o.deleted = 0");
        }
        let (behind, ahead) = match query.order {
            Order::Ascending => (">", "<"),
            Order::Descending => ("<", ">"),
        };
        for (cursor, side) in [(&query.after, behind), (&query.before, ahead)] {
            if let Some(id) = cursor {
                params.push(Value::from(id.as_str()));
                let members = self.members("c");
                let _ = write!(
                    sql,
                    " AND o.seq {side} (SELECT c.seq FROM {} c WHERE c.id = ?{} AND {members})",
                    self.table,
                    params.len(),
                );
            }
        }
        params.push(Value::from(u64::from(query.limit) + 1));
        let direction = if ascending { "ASC" } else { "DESC" };
        let _ = write!(sql, " ORDER BY o.seq {direction} LIMIT ?{}", params.len());
        Statement::new(sql).bind_all(params)
    }

    /// Finds the row that a cursor names, deleted or not.
    pub(crate) fn cursor(&self, id: &str) -> Statement {
        let mut sql = self.select("o.id");
        let _ = write!(sql, " AND o.id = ?{}", self.params.len() + 1);
        Statement::new(sql)
            .bind_all(self.params.iter().cloned())
            .bind(id)
    }

    /// Finds what the list belongs to.
    pub(crate) fn parent(&self) -> Option<Statement> {
        self.parent.as_ref().map(|parent| {
            let (tables, condition) = (parent.tables, parent.condition);
            Statement::new(format!("SELECT t.id FROM {tables} WHERE {condition}"))
                .bind_all(self.params.iter().take(parent.params).cloned())
        })
    }

    fn select(&self, columns: &str) -> String {
        let (table, members) = (self.table, self.members("o"));
        match &self.parent {
            None => format!("SELECT {columns} FROM {table} o WHERE {members}"),
            // CROSS, because SQLite keeps to the order of tables that are joined so.
            Some(Parent {
                tables, condition, ..
            }) => format!(
                "SELECT {columns} FROM {tables} CROSS JOIN {table} o WHERE {condition} AND {members}"
            ),
        }
    }

    /// The condition that row `alias` is part of the list.
    fn members(&self, alias: &str) -> String {
        let conditions: Vec<String> = self
            .members
            .iter()
            .map(|(column, param)| format!("{alias}.{column} = ?{param}"))
            .collect();
        conditions.join(" AND ")
    }
}
