//! Durable writes without a server: the same kind of row, one transaction each.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::{Connection, params};

use super::TEXT;
use crate::measure::median;

/// A database of its own.
pub struct Database {
    connection: Connection,
    rows: u64,
}

/// One turn.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Transactions, each on the disk before the next begins.
    pub per_second: f64,
    /// The median time of one.
    pub write_ms: f64,
}

impl Figures {
    /// The median of several turns.
    pub fn median(turns: &[Self]) -> Self {
        Self {
            per_second: median(turns.iter().map(|turn| turn.per_second)),
            write_ms: median(turns.iter().map(|turn| turn.write_ms)),
        }
    }
}

impl Database {
    /// An empty one at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE messages (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL,
                 thread_id TEXT NOT NULL, data TEXT NOT NULL);
             CREATE INDEX messages_of_thread ON messages (thread_id, seq);",
        )?;
        Ok(Self {
            connection,
            rows: 0,
        })
    }

    /// Writes for as long as `turn`.
    pub fn write(&mut self, turn: Duration) -> Result<Figures> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO messages (id, project, thread_id, data) VALUES (?1, 'default', ?2, ?3)",
        )?;
        let data =
            format!(r#"{{"role":"user","status":"completed","content":[{{"text":"{TEXT}"}}]}}"#);
        let start = Instant::now();
        let mut times = Vec::new();
        while start.elapsed() < turn {
            let begun = Instant::now();
            self.rows += 1;
            insert.execute(params![
                format!("msg_{:027}", self.rows),
                "thread_of_the_bench",
                data
            ])?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Figures {
            per_second: times.len() as f64 / start.elapsed().as_secs_f64(),
            write_ms: median(times),
        })
    }
}
