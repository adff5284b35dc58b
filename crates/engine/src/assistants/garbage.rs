//! Collecting what nobody needs any more.
//!
//! Everything is done in pieces, with room for requests between them, and every piece can be done twice: collections that
//! meet each other, or a delete request, do no harm.

use std::{collections::HashSet, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use locum_domain::error::ApiError;

use super::{Assistants, blob_failed, store_failed};
use crate::{ports::BlobEntry, store::RowCounts};

/// What a collection did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Files that had expired.
    pub expired_files: u64,
    /// Blobs that no file names, without those of the files above.
    pub orphaned_blobs: u64,
    /// The bytes of both.
    pub freed_bytes: u64,
    /// Rows of what was deleted before.
    pub deleted_rows: RowCounts,
    /// Runs that were overdue and are expired now.
    pub expired_runs: u64,
}

/// How many objects are looked at at once; the store answers for no more.
const PIECE: u32 = 100;
/// How many expired files a dry run counts at most.
const COUNTED_AT_MOST: u32 = 100_000;
/// How many rows are taken away at once.
const PURGED_AT_ONCE: u32 = 500;
/// How often overdue runs are looked at until they have expired, at most.
const EXPIRY_LOOKS: u32 = 40;
/// How long expiring is given between two looks.
const EXPIRY_PAUSE: Duration = Duration::from_millis(50);
/// A blob is stored ahead of its row. Whatever takes longer than this was given up.
const ORPHAN_AGE: Duration = Duration::from_secs(60 * 60);

impl Assistants {
    /// Removes expired files, blobs that no file names and rows of what was deleted, and expires overdue runs. Safe
    /// while serving. `dry_run`: only says what it would do.
    ///
    /// # Errors
    /// The store's.
    pub async fn collect_garbage(self: &Arc<Self>, dry_run: bool) -> Result<Collected, ApiError> {
        let mut collected = Collected::default();
        self.collect_expired_files(dry_run, &mut collected).await?;
        self.expire_overdue_runs(dry_run, &mut collected).await?;
        self.collect_rows(dry_run, &mut collected).await?;
        self.collect_orphans(dry_run, &mut collected).await?;
        if !dry_run {
            self.metrics.garbage_collected();
        }
        tracing::info!(
            dry_run,
            expired_files = collected.expired_files,
            orphaned_blobs = collected.orphaned_blobs,
            freed_bytes = collected.freed_bytes,
            deleted_rows = collected.deleted_rows.total(),
            expired_runs = collected.expired_runs,
            "garbage collected"
        );
        Ok(collected)
    }

    async fn collect_expired_files(
        &self,
        dry_run: bool,
        collected: &mut Collected,
    ) -> Result<(), ApiError> {
        let store = &self.world.store;
        let now = self.world.timestamp().0;
        if dry_run {
            let files = store.expired_files(now, COUNTED_AT_MOST).await;
            for (_, file) in files.map_err(store_failed)? {
                collected.expired_files += 1;
                collected.freed_bytes += file.size_bytes;
                collected.deleted_rows.files += 1;
            }
            return Ok(());
        }
        loop {
            let files = store
                .expired_files(now, PIECE)
                .await
                .map_err(store_failed)?;
            let mut some_went = false;
            for (project, file) in files {
                let deleted = store.delete_file(&project, &file.id).await;
                if !deleted.map_err(store_failed)? {
                    continue;
                }
                some_went = true;
                collected.expired_files += 1;
                match self.world.blobs.delete(file.id.as_str()).await {
                    Ok(()) => collected.freed_bytes += file.size_bytes,
                    Err(error) => {
                        tracing::warn!(file = %file.id, %error, "the bytes of an expired file are left for the next collection");
                    }
                }
                let_others().await;
            }
            if !some_went {
                return Ok(());
            }
        }
    }

    async fn collect_orphans(
        &self,
        dry_run: bool,
        collected: &mut Collected,
    ) -> Result<(), ApiError> {
        let blobs = &self.world.blobs;
        let old = self.world.clock.unix().saturating_sub(ORPHAN_AGE);
        let mut after: Option<String> = None;
        loop {
            let entries = blobs.list(after.as_deref(), PIECE as usize).await;
            let mut entries = entries.map_err(blob_failed)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = Some(last.name.clone());
            entries.retain(|entry| entry.modified <= old);
            for orphan in self.orphans(entries).await? {
                if !dry_run && let Err(error) = blobs.delete(&orphan.name).await {
                    tracing::warn!(blob = orphan.name, %error, "bytes that nobody needs cannot be deleted");
                    continue;
                }
                collected.orphaned_blobs += 1;
                collected.freed_bytes += orphan.size_bytes;
            }
            let_others().await;
        }
    }

    /// Those of `entries`, at most [`PIECE`], that no file names.
    async fn orphans(&self, mut entries: Vec<BlobEntry>) -> Result<Vec<BlobEntry>, ApiError> {
        if entries.is_empty() {
            return Ok(entries);
        }
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        let known = self.world.store.known_files(&names).await;
        let known: HashSet<String> = known.map_err(store_failed)?.into_iter().collect();
        entries.retain(|entry| !known.contains(&entry.name));
        Ok(entries)
    }

    /// Runs expire by themselves, unless nobody attends to them: then whoever claims them finds that they are overdue.
    async fn expire_overdue_runs(
        self: &Arc<Self>,
        dry_run: bool,
        collected: &mut Collected,
    ) -> Result<(), ApiError> {
        let store = &self.world.store;
        let now = self.world.timestamp().0;
        let overdue = store.overdue_runs(now).await.map_err(store_failed)?;
        if overdue == 0 || dry_run {
            collected.expired_runs = overdue;
            return Ok(());
        }
        self.claim_overdue().await.map_err(store_failed)?;
        let mut left = overdue;
        for _ in 0..EXPIRY_LOOKS {
            left = store.overdue_runs(now).await.map_err(store_failed)?;
            if left == 0 {
                break;
            }
            self.world.clock.sleep(EXPIRY_PAUSE).await;
        }
        collected.expired_runs = overdue.saturating_sub(left);
        Ok(())
    }

    async fn collect_rows(&self, dry_run: bool, collected: &mut Collected) -> Result<(), ApiError> {
        let store = &self.world.store;
        if dry_run {
            let rows = store.deleted_rows().await.map_err(store_failed)?;
            add(&mut collected.deleted_rows, rows);
            return Ok(());
        }
        loop {
            let purged = store.purge(PURGED_AT_ONCE).await.map_err(store_failed)?;
            if purged.total() == 0 {
                return Ok(());
            }
            add(&mut collected.deleted_rows, purged);
            let_others().await;
        }
    }
}

fn add(to: &mut RowCounts, more: RowCounts) {
    to.assistants += more.assistants;
    to.threads += more.threads;
    to.messages += more.messages;
    to.runs += more.runs;
    to.steps += more.steps;
    to.files += more.files;
}

/// Lets whatever else is ready go first.
async fn let_others() {
    let mut others_went = false;
    poll_fn(|context| {
        if others_went {
            return Poll::Ready(());
        }
        others_went = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
