//! A checksum of what a table holds, which any two databases that hold the same have in common.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Content, tables::Table};
use crate::connection::{Row, Value};

/// The checksum of rows, one after the other.
pub(super) struct Checksum {
    hash: Sha256,
    rows: u64,
}

impl Checksum {
    /// Of a table without rows: its columns are part of it.
    pub fn new(table: &Table) -> Self {
        let mut this = Self {
            hash: Sha256::new(),
            rows: 0,
        };
        this.text(table.name);
        table.columns.iter().for_each(|column| this.text(column));
        this
    }

    /// Adds the next row. Each value says of what kind and how long it is, so that no two rows are the same to it that differ.
    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        for value in row {
            match value {
                Value::Null => self.hash.update([0]),
                Value::Integer(whole) => {
                    self.hash.update([1]);
                    self.hash.update(whole.to_le_bytes());
                }
                Value::Text(text) => self.text(text),
            }
        }
    }

    /// What was added.
    pub fn content(self) -> Content {
        let mut checksum = String::new();
        for byte in self.hash.finalize() {
            let _ = write!(checksum, "{byte:02x}");
        }
        let rows = self.rows;
        Content { rows, checksum }
    }

    fn text(&mut self, text: &str) {
        self.hash.update([2]);
        self.hash.update((text.len() as u64).to_le_bytes());
        self.hash.update(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::tables::TABLES;

    fn checksum(rows: &[&[Value]]) -> String {
        let mut checksum = Checksum::new(&TABLES[0]);
        rows.iter().for_each(|row| checksum.add(&row.to_vec()));
        checksum.content().checksum
    }

    #[test]
    fn what_differs_has_another_checksum() {
        let text = |it: &str| Value::Text(it.to_owned());
        let all = [
            checksum(&[]),
            checksum(&[&[Value::Null]]),
            checksum(&[&[Value::Integer(0)]]),
            checksum(&[&[text("")]]),
            checksum(&[&[text("ab"), text("c")]]),
            checksum(&[&[text("a"), text("bc")]]),
            checksum(&[&[text("a")], &[text("b")]]),
            checksum(&[&[text("b")], &[text("a")]]),
        ];
        for (place, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 64);
            assert!(!all[..place].contains(one), "{place}");
        }
    }
}
