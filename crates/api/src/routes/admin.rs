//! `/admin`: for whoever runs it.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use locum_engine::assistants::garbage::Collected;
use serde::Serialize;

use super::json;
use crate::{
    App,
    error::HttpError,
    wire::{encode, query::Query},
};

/// `POST /admin/gc`: collects garbage, or says under `?dry_run=true` what there is.
pub(crate) async fn collect_garbage(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    const YES_OR_NO: &[(&str, bool)] = &[("true", true), ("false", false)];
    let dry_run = Query::of(query.as_deref()).word("dry_run", YES_OR_NO)?;
    let dry_run = dry_run.unwrap_or_default();
    let collected = app.assistants.collect_garbage(dry_run).await?;
    Ok(json(encode(&CollectedObject::new(dry_run, &collected))))
}

#[derive(Serialize)]
struct CollectedObject {
    dry_run: bool,
    expired_files: u64,
    orphaned_blobs: u64,
    freed_bytes: u64,
    deleted_rows: Rows,
    expired_runs: u64,
}

#[derive(Serialize)]
struct Rows {
    assistants: u64,
    threads: u64,
    messages: u64,
    runs: u64,
    steps: u64,
    files: u64,
    total: u64,
}

impl CollectedObject {
    fn new(dry_run: bool, collected: &Collected) -> Self {
        let rows = collected.deleted_rows;
        Self {
            dry_run,
            expired_files: collected.expired_files,
            orphaned_blobs: collected.orphaned_blobs,
            freed_bytes: collected.freed_bytes,
            deleted_rows: Rows {
                assistants: rows.assistants,
                threads: rows.threads,
                messages: rows.messages,
                runs: rows.runs,
                steps: rows.steps,
                files: rows.files,
                total: rows.total(),
            },
            expired_runs: collected.expired_runs,
        }
    }
}
