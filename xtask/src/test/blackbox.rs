//! The steps that know the built program by its address alone.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use super::counts::{self, Counts};
use crate::{command::Run, install, workspace::Workspace};

const BUILD: Duration = Duration::from_secs(40 * 60);
const SUITE: Duration = Duration::from_secs(25 * 60);

/// `tests/python`, by pytest.
pub fn python(workspace: &Workspace) -> Result<Counts> {
    pytest_on(workspace, "tests/python", &[], &[])
}

/// `tests/litellm`, by pytest, with LiteLLM in an environment of its own.
pub fn litellm(workspace: &Workspace) -> Result<Counts> {
    let bin = install::python(
        workspace,
        &workspace.root.join("tests/python/requirements.txt"),
    )?;
    let proxy = install::python(
        workspace,
        &workspace.root.join("tests/litellm/requirements.txt"),
    )?;
    pytest(
        workspace,
        bin,
        "tests/litellm",
        &[("LITELLM_BIN", proxy.join("litellm"))],
    )
}

/// `tests/node`, by Node's own test runner.
pub fn node(workspace: &Workspace) -> Result<Counts> {
    node_on(workspace, &[])
}

/// `tests/browser`: the same runner, driving Chromium.
pub fn browser(workspace: &Workspace) -> Result<Counts> {
    let node = install::node(workspace, &workspace.root.join("tests"))?;
    let chromium = install::chromium()?;
    node_test(
        workspace,
        node,
        "tests/browser/*.test.mjs",
        &[("CHROMIUM", chromium)],
    )
}

/// The suite of `folder`, by pytest, asked of the host that `host` names.
pub fn pytest_on(
    workspace: &Workspace,
    folder: &str,
    host: &[(&str, PathBuf)],
    env: &[(&str, PathBuf)],
) -> Result<Counts> {
    let bin = install::python(
        workspace,
        &workspace.root.join("tests/python/requirements.txt"),
    )?;
    pytest(workspace, bin, folder, &[host, env].concat())
}

/// `tests/node`, asked of the host that `host` names.
pub fn node_on(workspace: &Workspace, host: &[(&str, PathBuf)]) -> Result<Counts> {
    let node = install::node(workspace, &workspace.root.join("tests"))?;
    node_test(workspace, node, "tests/node/*.test.mjs", host)
}

fn pytest(
    workspace: &Workspace,
    bin: PathBuf,
    folder: &str,
    env: &[(&str, PathBuf)],
) -> Result<Counts> {
    let run =
        Run::new(bin.join("pytest")).args(["-q", "--color=yes", "-p", "no:cacheprovider", folder]);
    let finished = with_programs(workspace, run, env)?
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .finish()?;
    Counts::read(&finished, counts::pytest)
}

fn node_test(
    workspace: &Workspace,
    node: PathBuf,
    files: &str,
    env: &[(&str, PathBuf)],
) -> Result<Counts> {
    let run = Run::new(node).args([
        "--test",
        "--test-timeout=60000",
        "--test-reporter=spec",
        files,
    ]);
    let finished = with_programs(workspace, run, env)?.finish()?;
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
