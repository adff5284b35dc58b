//! The steps that ask the Worker, under Cloudflare's own runtime.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};

use super::{blackbox, counts::Counts};
use crate::{install::WasmTools, workspace::Workspace};

const BUILD: Duration = Duration::from_secs(40 * 60);
/// The script may be as large as this once it is compressed; Cloudflare's own limit is 3 MB on the free plan.
const MOST_COMPRESSED_BYTES: usize = 1_500_000;

/// `tests/worker`, by pytest: what only the Worker has. And the script's size, and both of its deployments, as far as that
/// can be tried without an account.
pub fn worker(workspace: &Workspace) -> Result<Counts> {
    let tools = WasmTools::install(workspace)?;
    let program = build(workspace, &tools, "build", &["--release"])?;
    let contract = build(
        workspace,
        &tools,
        "build-contract",
        &["--dev", "--no-opt", "--features", "contract-suite"],
    )?;
    let mut counts = Counts::one(is_small(&program)?);
    for environment in ["production", "staging"] {
        counts += Counts::one(deploys(workspace, &tools, environment)?);
    }
    let env = [
        ("LOCUM_CONTRACT_WORKER", contract),
        ("WRANGLER_BIN", tools.packages.join(".bin/wrangler")),
        ("WORKER_IS_BUILT", PathBuf::from("true")),
    ];
    counts += blackbox::pytest_on(workspace, "tests/worker", &host(&tools, program), &env)?;
    Ok(counts)
}

/// `tests/python`, asked of the Worker.
pub fn python(workspace: &Workspace) -> Result<Counts> {
    let tools = WasmTools::install(workspace)?;
    let program = build(workspace, &tools, "build", &["--release"])?;
    blackbox::pytest_on(workspace, "tests/python", &host(&tools, program), &[])
}

/// `tests/node`, asked of the Worker.
pub fn node(workspace: &Workspace) -> Result<Counts> {
    let tools = WasmTools::install(workspace)?;
    let program = build(workspace, &tools, "build", &["--release"])?;
    blackbox::node_on(workspace, &host(&tools, program))
}

/// What tells the suites to ask the Worker.
fn host(tools: &WasmTools, program: PathBuf) -> [(&'static str, PathBuf); 3] {
    [
        ("LOCUM_HOST", PathBuf::from("worker")),
        ("NODE_BIN", tools.node.clone()),
        ("LOCUM_WORKER", program),
    ]
}

/// Builds the Worker as its `package.json` does; the folder of the script.
pub fn build(
    workspace: &Workspace,
    tools: &WasmTools,
    folder: &str,
    arguments: &[&str],
) -> Result<PathBuf> {
    let package = workspace.root.join("crates/worker");
    let (profile, features) = arguments.split_at(arguments.len().min(2));
    tools
        .run("worker-build")
        .args(profile)
        .args(["--out-dir", folder])
        .args(features)
        .in_folder(&package)
        .limit(BUILD)
        .check()?;
    Ok(package.join(folder))
}

/// Whether the script stays below its limit.
fn is_small(program: &std::path::Path) -> Result<bool> {
    let mut compressed_bytes = 0;
    for name in ["index.js", "index_bg.wasm"] {
        let compressed = std::process::Command::new("gzip")
            .args(["-9", "--stdout"])
            .arg(program.join(name))
            .output()
            .context("cannot start gzip")?;
        compressed_bytes += compressed.stdout.len();
    }
    let whole = fs::metadata(program.join("index_bg.wasm"))?.len();
    eprintln!("the Worker's script: {whole} bytes, {compressed_bytes} compressed");
    Ok((1..=MOST_COMPRESSED_BYTES).contains(&compressed_bytes))
}

/// Whether wrangler would deploy that environment: the configuration is right, the program builds and has what is bound.
fn deploys(workspace: &Workspace, tools: &WasmTools, environment: &str) -> Result<bool> {
    let finished = tools
        .run(tools.packages.join(".bin/wrangler"))
        .args(["deploy", "--dry-run", "--env", environment])
        // Once is enough.
        .env("WORKER_IS_BUILT", "true")
        .in_folder(&workspace.root.join("crates/worker"))
        .limit(BUILD)
        .finish()?;
    let bound = |name: &str| finished.lines.iter().any(|line| line.contains(name));
    Ok(finished.success
        && ["PROJECTS", "LIMITS", "FILES", "ANALYTICS"]
            .into_iter()
            .all(bound))
}
