//! The steps that know the built program by its address alone.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use super::counts::{self, Counts};
use crate::{command::Run, install, workspace::Workspace};

const BUILD: Duration = Duration::from_secs(40 * 60);
const SUITE: Duration = Duration::from_secs(25 * 60);

/// What tells the suites which host to ask: environment variables. None: the native one.
pub type Host<'a> = &'a [(&'static str, PathBuf)];

/// `tests/python`, by pytest.
pub fn python(workspace: &Workspace, host: Host<'_>) -> Result<Counts> {
    pytest(workspace, "tests/python", host, &[])
}

/// `tests/worker`, by pytest.
pub fn worker(
    workspace: &Workspace,
    host: Host<'_>,
    env: &[(&'static str, PathBuf)],
) -> Result<Counts> {
    pytest(workspace, "tests/worker", host, env)
}

/// `tests/replicas`, by pytest.
pub fn replicas(workspace: &Workspace, env: &[(&'static str, PathBuf)]) -> Result<Counts> {
    pytest(workspace, "tests/replicas", &[], env)
}

/// `tests/litellm`, by pytest, with LiteLLM in an environment of its own.
pub fn litellm(workspace: &Workspace, host: Host<'_>) -> Result<Counts> {
    let proxy = install::python(
        workspace,
        &workspace.root.join("tests/litellm/requirements.txt"),
    )?;
    let env = [("LITELLM_BIN", proxy.join("litellm"))];
    pytest(workspace, "tests/litellm", host, &env)
}

/// `tests/node`, by Node's own test runner.
pub fn node(workspace: &Workspace, host: Host<'_>) -> Result<Counts> {
    node_test(workspace, "tests/node/*.test.mjs", host, &[])
}

/// `tests/browser`: the same runner, driving Chromium.
pub fn browser(workspace: &Workspace, host: Host<'_>) -> Result<Counts> {
    let env = [("CHROMIUM", install::chromium()?)];
    node_test(workspace, "tests/browser/*.test.mjs", host, &env)
}

fn pytest(
    workspace: &Workspace,
    folder: &str,
    host: Host<'_>,
    env: &[(&'static str, PathBuf)],
) -> Result<Counts> {
    let bin = install::python(
        workspace,
        &workspace.root.join("tests/python/requirements.txt"),
    )?;
    let run =
        Run::new(bin.join("pytest")).args(["-q", "--color=yes", "-p", "no:cacheprovider", folder]);
    let finished = with_programs(workspace, run, &[host, env].concat())?
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .finish()?;
    Counts::read(&finished, counts::pytest)
}

fn node_test(
    workspace: &Workspace,
    files: &str,
    host: Host<'_>,
    env: &[(&'static str, PathBuf)],
) -> Result<Counts> {
    let node = install::node(workspace, &workspace.root.join("tests"))?;
    let run = Run::new(node).args([
        "--test",
        "--test-timeout=60000",
        "--test-reporter=spec",
        files,
    ]);
    let finished = with_programs(workspace, run, &[host, env].concat())?.finish()?;
    Counts::read(&finished, counts::node)
}

/// Builds the programs that the suites start, and says where they are.
fn with_programs(workspace: &Workspace, run: Run, env: &[(&str, PathBuf)]) -> Result<Run> {
    workspace
        .cargo(&[
            "build",
            "--package",
            "locum",
            "--package",
            "locum-testkit",
            "--bins",
        ])
        .limit(BUILD)
        .check()?;
    let run = run
        .in_folder(&workspace.root)
        .limit(SUITE)
        .env("LOCUM_BIN", workspace.built("debug", "locum"))
        .env(
            "SCRIPTED_UPSTREAM_BIN",
            workspace.built("debug", "scripted-upstream"),
        );
    Ok(env
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value)))
}
