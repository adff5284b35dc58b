//! Claiming runs that nobody attends to.

use locum_engine::store::{Stored, StoredRun};
use tracing::error;

use super::{select_stored_run, stored_run};
use crate::{
    connection::{Outcome, SqlConnection, Statement},
    store::SqlStore,
};

/// How often runs are looked for of which others took some in between.
const TRIES: u32 = 16;

impl<C: SqlConnection> SqlStore<C> {
    /// See [`claim_runs`](locum_engine::store::RunStore::claim_runs).
    ///
    /// A run whose row cannot be read stays behind, claimed, so that it does not keep others waiting.
    pub(super) async fn claim(
        &self,
        now_ms: u64,
        owner: &str,
        until_ms: u64,
        limit: u32,
    ) -> Stored<Vec<StoredRun>> {
        let mut claimed = Vec::new();
        let mut left = limit;
        for _ in 0..TRIES {
            let due = self.due(now_ms, left).await?;
            if due.is_empty() {
                break;
            }
            let wanted = due.len();
            let won = self.take(due, now_ms, owner, until_ms).await?;
            let all = won.len() == wanted;
            for (id, token) in won {
                left = left.saturating_sub(1);
                match self.run_of_token(&id, token).await {
                    Ok(run) => claimed.extend(run),
                    Err(error) => error!(run = id, %error, "a run that waits cannot be read"),
                }
            }
            // What others were faster at leaves room for more.
            if all || left == 0 {
                break;
            }
        }
        Ok(claimed)
    }

    /// See [`next_claim`](locum_engine::store::RunStore::next_claim).
    pub(super) async fn next_due(&self) -> Stored<Option<u64>> {
        let statement = Statement::new(
            "SELECT attend_at FROM runs WHERE attend_at IS NOT NULL ORDER BY attend_at LIMIT 1",
        );
        let row = self.row(statement).await?;
        row.map(|mut cells| cells.whole()).transpose()
    }

    /// Claims these runs, in one batch, and says which of them it got, with their new tokens.
    async fn take(
        &self,
        due: Vec<(String, u64)>,
        now_ms: u64,
        owner: &str,
        until_ms: u64,
    ) -> Stored<Vec<(String, u64)>> {
        let claims = due
            .iter()
            .map(|(id, token)| {
                Statement::new(format!(
                    "UPDATE runs SET token = token + 1, owner = ?1, attend_at = ?2 WHERE seq = \
                     (SELECT seq FROM runs WHERE id = ?3 AND token = ?4 AND attend_at <= ?5{})",
                    self.dialect().skip_locked()
                ))
                .bind(owner)
                .bind(until_ms)
                .bind(id.as_str())
                .bind(*token)
                .bind(now_ms)
            })
            .collect();
        let Outcome::Done(changed) = self.batch(claims).await? else {
            return Ok(Vec::new());
        };
        let won = due
            .into_iter()
            .zip(changed)
            .filter(|(_, changed)| *changed == 1);
        Ok(won.map(|((id, token), _)| (id, token + 1)).collect())
    }

    /// The ids and tokens of runs that may be claimed.
    async fn due(&self, now_ms: u64, limit: u32) -> Stored<Vec<(String, u64)>> {
        let statement = Statement::new(
            "SELECT id, token FROM runs WHERE attend_at <= ?1 ORDER BY attend_at LIMIT ?2",
        )
        .bind(now_ms)
        .bind(u64::from(limit));
        self.rows(statement)
            .await?
            .map(|mut cells| Ok((cells.text()?, cells.whole()?)))
            .collect()
    }

    /// A run, unless it was claimed again.
    async fn run_of_token(&self, id: &str, token: u64) -> Stored<Option<StoredRun>> {
        let statement = Statement::new(select_stored_run!("runs r", "r.id = ?1 AND r.token = ?2"))
            .bind(id)
            .bind(token);
        self.row(statement).await?.map(stored_run).transpose()
    }
}
