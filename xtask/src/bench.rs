//! `cargo xtask bench`: the measurement itself is `locum-bench`'s; this builds both programs as they ship.

use std::time::Duration;

use anyhow::Result;

use crate::{command::Run, workspace::Workspace};

/// Builds for release, measures, and writes `docs/performance.md`; a `quick` look is only shown.
pub fn run(workspace: &Workspace, quick: bool) -> Result<()> {
    workspace
        .cargo(&["build", "--release", "-p", "locum", "-p", "locum-bench"])
        .check()?;
    let run = Run::new(workspace.built("release", "locum-bench"))
        .args(["run", "--locum"])
        .args([workspace.built("release", "locum")]);
    let run = if quick {
        run.args(["--quick"])
    } else {
        run.args(["--out", "docs/performance.md"])
    };
    run.in_folder(&workspace.root)
        .limit(Duration::from_secs(60 * 60))
        .check()?;
    Ok(())
}
