//! The steps that ask the Worker, under Cloudflare's own runtime.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    blackbox::{self, Host},
    counts::Counts,
};
use crate::{install::WasmTools, workspace::Workspace};

const BUILD: Duration = Duration::from_secs(40 * 60);
/// The script may be as large as this once it is compressed; Cloudflare's own limit is 3 MB on the free plan.
const MOST_COMPRESSED_BYTES: usize = 1_500_000;

/// `tests/worker`, by pytest: what only the Worker has. And the script's size, and both of its deployments, as far as that
/// can be tried without an account.
pub fn worker(workspace: &Workspace) -> Result<Counts> {
    let tools = WasmTools::install(workspace)?;
    let program = program(workspace, &tools)?;
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
    counts += blackbox::worker(workspace, &host(&tools, program), &env)?;
    Ok(counts)
}

/// One of the native host's suites, asked of the Worker.
pub fn asked(
    workspace: &Workspace,
    suite: fn(&Workspace, Host<'_>) -> Result<Counts>,
) -> Result<Counts> {
    let tools = WasmTools::install(workspace)?;
    let program = program(workspace, &tools)?;
    suite(workspace, &host(&tools, program))
}

/// What tells the suites to ask the Worker.
fn host(tools: &WasmTools, program: PathBuf) -> [(&'static str, PathBuf); 3] {
    [
        ("LOCUM_HOST", PathBuf::from("worker")),
        ("NODE_BIN", tools.node.clone()),
        ("LOCUM_WORKER", program),
    ]
}

/// The Worker as it is deployed, built once however many steps ask for it.
pub fn program(workspace: &Workspace, tools: &WasmTools) -> Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(program) = BUILT.get() {
        return Ok(program.clone());
    }
    let program = build(workspace, tools, "build", &["--release"])?;
    Ok(BUILT.get_or_init(|| program).clone())
}

/// Builds the Worker as its `package.json` does; the folder of the script.
fn build(
    workspace: &Workspace,
    tools: &WasmTools,
    folder: &str,
    arguments: &[&str],
) -> Result<PathBuf> {
    let package = workspace.root.join("crates/worker");
    tools
        .run("worker-build")
        // What is behind the first of cargo's own arguments is cargo's.
        .args(["--out-dir", folder])
        .args(arguments)
        .in_folder(&package)
        .limit(BUILD)
        .check()?;
    Ok(package.join(folder))
}

/// Whether the script stays below its limit.
fn is_small(program: &Path) -> Result<bool> {
    let mut compressed_bytes = 0;
    for name in ["index.js", "index_bg.wasm"] {
        let compressed = Command::new("gzip")
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
