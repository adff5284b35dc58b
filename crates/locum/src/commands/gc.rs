//! `locum gc`: collects what nobody needs any more.

use locum_engine::assistants::garbage::Collected;

use super::{
    beside::{self, refused},
    say,
};
use crate::{
    exit::{Exit, Failure},
    variables::Variables,
};

/// Collects, or says what there is to collect.
pub fn run(variables: Variables, dry_run: bool) -> Result<Exit, Failure> {
    beside::run(variables, async |assistants| {
        let collected = assistants.collect_garbage(dry_run).await.map_err(refused)?;
        say(&report(&collected, dry_run))
    })
}

fn report(collected: &Collected, dry_run: bool) -> String {
    let rows = &collected.deleted_rows;
    let lines = [
        ("expired files", collected.expired_files),
        ("blobs without a file", collected.orphaned_blobs),
        ("bytes of both", collected.freed_bytes),
        ("expired runs", collected.expired_runs),
        ("rows of assistants", rows.assistants),
        ("rows of threads", rows.threads),
        ("rows of messages", rows.messages),
        ("rows of runs", rows.runs),
        ("rows of run steps", rows.steps),
        ("rows of files", rows.files),
    ];
    let mut report = lines
        .map(|(what, count)| format!("{what:<22}{count:>14}\n"))
        .concat();
    if dry_run {
        report.push_str("Nothing was removed: this is what would be.\n");
    }
    report
}
