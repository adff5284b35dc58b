//! What a collection of garbage needs.

use async_trait::async_trait;
use locum_domain::{file::File, project::Project};
use locum_engine::store::{Housekeeping, RowCounts, Stored};

use super::{MemoryStore, runs::Attention};

#[async_trait]
impl Housekeeping for MemoryStore {
    async fn expired_files(&self, now: u64, limit: u32) -> Stored<Vec<(Project, File)>> {
        let mut tables = self.tables();
        let expired = tables
            .files
            .living_mut()
            .filter(|(_, row)| row.value.expires_at.is_some_and(|at| at.0 <= now))
            .map(|(project, row)| (project.clone(), row.value.clone()));
        Ok(expired.take(limit as usize).collect())
    }

    async fn overdue_runs(&self, now: u64) -> Stored<u64> {
        let tables = self.tables();
        let overdue = tables.runs.living().map(|row| &row.value);
        Ok(overdue
            .filter(|row| row.attention != Attention::Ended && row.run.expires_at.0 < now)
            .count() as u64)
    }

    async fn deleted_rows(&self) -> Stored<RowCounts> {
        let tables = self.tables();
        Ok(RowCounts {
            assistants: tables.assistants.tombstones(),
            threads: tables.threads.tombstones(),
            messages: tables.messages.tombstones(),
            runs: tables.runs.tombstones(),
            steps: tables.steps.tombstones(),
            files: tables.files.tombstones(),
        })
    }

    async fn purge(&self, limit: u32) -> Stored<RowCounts> {
        let mut tables = self.tables();
        let mut left = u64::from(limit);
        Ok(RowCounts {
            steps: tables.steps.purge(&mut left),
            messages: tables.messages.purge(&mut left),
            runs: tables.runs.purge(&mut left),
            threads: tables.threads.purge(&mut left),
            assistants: tables.assistants.purge(&mut left),
            files: tables.files.purge(&mut left),
        })
    }

    async fn take_turn(&self, name: &str, now_ms: u64, next_ms: u64) -> Stored<bool> {
        let mut tables = self.tables();
        let next = tables.turns.entry(name.to_owned()).or_default();
        let is_due = *next <= now_ms;
        if is_due {
            *next = next_ms;
        }
        Ok(is_due)
    }

    async fn known_files(&self, ids: &[String]) -> Stored<Vec<String>> {
        let tables = self.tables();
        let known = tables.files.living().map(|row| row.value.id.as_str());
        Ok(known
            .filter(|id| ids.iter().any(|wanted| wanted == id))
            .map(ToOwned::to_owned)
            .collect())
    }

    async fn check(&self) -> Stored<()> {
        Ok(())
    }
}
