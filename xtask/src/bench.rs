//! `cargo xtask bench`: the measurement itself is `locum-bench`'s; this builds both programs as they ship.

use std::time::Duration;

use anyhow::Result;

use crate::{
    command::Run,
    install::{Unavailable, WasmTools},
    test::{services::Services, worker},
    workspace::Workspace,
};

/// Builds for release, measures, and writes `docs/performance.md`; a `quick` look is only shown.
pub fn run(workspace: &Workspace, quick: bool) -> Result<()> {
    workspace
        .cargo(&["build", "--release", "-p", "locum", "-p", "locum-bench"])
        .check()?;
    let run = Run::new(workspace.built("release", "locum-bench"))
        .args(["run", "--locum"])
        .args([workspace.built("release", "locum")]);
    let run = match WasmTools::install(workspace) {
        Ok(tools) => {
            let program = worker::program(workspace, &tools)?;
            let serve = workspace.root.join("tests/worker/serve.mjs");
            run.args(["--node"])
                .args([&tools.node])
                .args(["--serve"])
                .args([serve])
                .args(["--worker"])
                .args([program])
        }
        Err(error) if error.downcast_ref::<Unavailable>().is_some() => {
            eprintln!("SKIPPED the Worker's figures: cannot have {error}");
            run
        }
        Err(error) => return Err(error),
    };
    let services = match Services::start(workspace) {
        Ok(services) => Some(services),
        Err(error) if error.downcast_ref::<Unavailable>().is_some() => {
            eprintln!("SKIPPED the figures of several processes: cannot have {error}");
            None
        }
        Err(error) => return Err(error),
    };
    let run = match &services {
        Some(services) => run
            .args(["--postgres"])
            .args([services.value("LOCUM_TEST_POSTGRES")?])
            .args(["--postgres-programs"])
            .args([services.value("PG_BIN")?]),
        None => run,
    };
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
