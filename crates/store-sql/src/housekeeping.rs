//! What a collection of garbage needs.

use async_trait::async_trait;
use locum_domain::{file::File, project::Project};
use locum_engine::store::{Housekeeping, RowCounts, StoreError, Stored};

use crate::{
    connection::{SqlConnection, Statement},
    statement::{Brackets, MAX_IN_BRACKETS},
    store::SqlStore,
};

/// One kind of rows that are taken away: at most `?1` of them. What is in threads goes before its thread, and only the
/// first of the deleted threads are looked at, so that no call looks through all of them.
struct Purge {
    sql: &'static str,
    count: fn(&mut RowCounts) -> &mut u64,
}

/// In this order; each takes what the one before has left of the limit.
const PURGES: [Purge; 8] = [
    Purge {
        sql: "DELETE FROM steps WHERE seq IN (\
              SELECT s.seq FROM (SELECT id FROM threads WHERE deleted = 1 ORDER BY seq LIMIT ?1) t \
              CROSS JOIN runs r CROSS JOIN steps s \
              WHERE r.thread_id = t.id AND s.run_id = r.id AND s.deleted = 0 LIMIT ?1)",
        count: |counts| &mut counts.steps,
    },
    Purge {
        sql: "DELETE FROM runs WHERE seq IN (\
              SELECT r.seq FROM (SELECT id FROM threads WHERE deleted = 1 ORDER BY seq LIMIT ?1) t \
              CROSS JOIN runs r \
              WHERE r.thread_id = t.id AND NOT EXISTS (SELECT 1 FROM steps s WHERE s.run_id = r.id AND s.deleted = 0) \
              LIMIT ?1)",
        count: |counts| &mut counts.runs,
    },
    Purge {
        sql: "DELETE FROM messages WHERE seq IN (\
              SELECT m.seq FROM (SELECT id FROM threads WHERE deleted = 1 ORDER BY seq LIMIT ?1) t \
              CROSS JOIN messages m \
              WHERE m.thread_id = t.id AND m.deleted = 0 LIMIT ?1)",
        count: |counts| &mut counts.messages,
    },
    Purge {
        sql: "DELETE FROM threads WHERE seq IN (\
              SELECT t.seq FROM (\
              SELECT seq, id FROM threads WHERE deleted = 1 ORDER BY seq LIMIT ?1) t \
              WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.thread_id = t.id) \
              AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread_id = t.id AND m.deleted = 0))",
        count: |counts| &mut counts.threads,
    },
    Purge {
        sql: "DELETE FROM steps WHERE seq IN (\
              SELECT seq FROM steps WHERE deleted = 1 ORDER BY seq LIMIT ?1)",
        count: |counts| &mut counts.steps,
    },
    Purge {
        sql: "DELETE FROM messages WHERE seq IN (\
              SELECT seq FROM messages WHERE deleted = 1 ORDER BY seq LIMIT ?1)",
        count: |counts| &mut counts.messages,
    },
    Purge {
        sql: "DELETE FROM assistants WHERE seq IN (\
              SELECT seq FROM assistants WHERE deleted = 1 ORDER BY seq LIMIT ?1)",
        count: |counts| &mut counts.assistants,
    },
    Purge {
        sql: "DELETE FROM files WHERE seq IN (\
              SELECT seq FROM files WHERE deleted = 1 ORDER BY seq LIMIT ?1)",
        count: |counts| &mut counts.files,
    },
];

#[async_trait]
impl<C: SqlConnection> Housekeeping for SqlStore<C> {
    async fn expired_files(&self, now: u64, limit: u32) -> Stored<Vec<(Project, File)>> {
        let statement = Statement::new(
            "SELECT project, id, data FROM files \
             WHERE deleted = 0 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
        )
        .bind(now)
        .bind(u64::from(limit));
        self.rows(statement)
            .await?
            .map(|mut cells| Ok((Project::named(cells.text()?), cells.object()?)))
            .collect()
    }

    async fn overdue_runs(&self, now: u64) -> Stored<u64> {
        let statement = Statement::new(
            "SELECT COUNT(*) FROM runs WHERE attend_at IS NOT NULL AND expires_at < ?1",
        );
        self.count(statement.bind(now)).await
    }

    async fn deleted_rows(&self) -> Stored<RowCounts> {
        let statement = Statement::new(
            "SELECT \
             (SELECT COUNT(*) FROM assistants WHERE deleted = 1), \
             (SELECT COUNT(*) FROM threads WHERE deleted = 1), \
             (SELECT COUNT(*) FROM messages WHERE deleted = 1), \
             (SELECT COUNT(*) FROM threads t CROSS JOIN messages m \
             WHERE t.deleted = 1 AND m.thread_id = t.id AND m.deleted = 0), \
             (SELECT COUNT(*) FROM threads t CROSS JOIN runs r \
             WHERE t.deleted = 1 AND r.thread_id = t.id), \
             (SELECT COUNT(*) FROM steps WHERE deleted = 1), \
             (SELECT COUNT(*) FROM threads t CROSS JOIN runs r CROSS JOIN steps s \
             WHERE t.deleted = 1 AND r.thread_id = t.id AND s.run_id = r.id AND s.deleted = 0), \
             (SELECT COUNT(*) FROM files WHERE deleted = 1)",
        );
        let Some(mut cells) = self.row(statement).await? else {
            return Err(no_row());
        };
        Ok(RowCounts {
            assistants: cells.whole()?,
            threads: cells.whole()?,
            messages: cells.whole()? + cells.whole()?,
            runs: cells.whole()?,
            steps: cells.whole()? + cells.whole()?,
            files: cells.whole()?,
        })
    }

    async fn purge(&self, limit: u32) -> Stored<RowCounts> {
        let mut purged = RowCounts::default();
        for purge in &PURGES {
            let left = u64::from(limit).saturating_sub(purged.total());
            if left == 0 {
                break;
            }
            let changed = self.changed(Statement::new(purge.sql).bind(left)).await?;
            *(purge.count)(&mut purged) += changed;
        }
        Ok(purged)
    }

    async fn take_turn(&self, name: &str, now_ms: u64, next_ms: u64) -> Stored<bool> {
        let statement = Statement::new(
            "INSERT INTO turns (name, next_at) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE turns.next_at <= ?3",
        )
        .bind(name)
        .bind(next_ms)
        .bind(now_ms)
        .of_one_row();
        self.done(vec![statement]).await
    }

    async fn known_files(&self, ids: &[String]) -> Stored<Vec<String>> {
        let mut known = Vec::new();
        for ids in ids.chunks(MAX_IN_BRACKETS) {
            let brackets = Brackets::new(1, ids.iter().map(String::as_str));
            let statement = Statement::new(format!(
                "SELECT id FROM files WHERE deleted = 0 AND id IN ({})",
                brackets.places
            ))
            .bind_all(brackets.values);
            for mut cells in self.rows(statement).await? {
                known.push(cells.text()?);
            }
        }
        Ok(known)
    }

    async fn check(&self) -> Stored<()> {
        // Another value each time: a row that stays as it is would not be written.
        let write = Statement::new("UPDATE probe SET beat = 1 - beat WHERE id = 1").of_one_row();
        if !self.done(vec![write]).await? {
            return Err(no_row());
        }
        let read = Statement::new("SELECT beat FROM probe WHERE id = 1");
        self.count(read).await.map(drop)
    }
}

impl<C: SqlConnection> SqlStore<C> {
    async fn count(&self, statement: Statement) -> Stored<u64> {
        match self.row(statement).await? {
            Some(mut cells) => cells.whole(),
            None => Err(no_row()),
        }
    }
}

fn no_row() -> StoreError {
    StoreError::Failed("a row that is always there is missing".to_owned())
}
