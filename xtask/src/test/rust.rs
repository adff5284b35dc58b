//! The steps that need nothing but the Rust toolchain.

use std::time::Duration;

use anyhow::Result;

use super::counts::{self, Counts};
use crate::{
    install::{self, works},
    workspace::Workspace,
};

/// How long a build may take.
pub const BUILD: Duration = Duration::from_secs(40 * 60);

/// `cargo fmt --check`.
pub fn fmt(workspace: &Workspace) -> Result<Counts> {
    install::rust_component("rustfmt", "fmt")?;
    let finished = workspace.cargo(&["fmt", "--all", "--check"]).finish()?;
    Ok(Counts::one(finished.success))
}

/// `cargo clippy`, where a warning is a failure.
pub fn clippy(workspace: &Workspace) -> Result<Counts> {
    install::rust_component("clippy", "clippy")?;
    let check = workspace.cargo(&["clippy", "--workspace", "--all-targets", "--all-features"]);
    let finished = check
        .env("CLIPPY_CONF_DIR", &workspace.root)
        .args(["--", "-D", "warnings"])
        .limit(BUILD)
        .finish()?;
    Ok(Counts::one(finished.success))
}

/// The crates' own tests: by nextest where it is installed, else by cargo.
pub fn tests(workspace: &Workspace) -> Result<Counts> {
    if !works("cargo", &["nextest", "--version"]) {
        let tests = workspace
            .cargo(&["test", "--workspace", "--no-fail-fast"])
            .limit(BUILD)
            .finish()?;
        return Counts::read(&tests, counts::cargo_test);
    }
    let tests = workspace
        .cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
        .limit(BUILD)
        .finish()?;
    let mut total = Counts::read(&tests, counts::nextest)?;
    let examples = workspace
        .cargo(&["test", "--workspace", "--doc", "--no-fail-fast"])
        .limit(BUILD)
        .finish()?;
    if examples
        .lines
        .iter()
        .any(|line| line.starts_with("running ") && !line.starts_with("running 0 "))
    {
        total += Counts::read(&examples, counts::cargo_test)?;
    } else if !examples.success {
        total.failed += 1;
    }
    Ok(total)
}
