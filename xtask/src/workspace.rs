//! Where things are: the checkout, the build folder, the cache of what the tests install.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::command::Run;

/// The checkout that xtask works on.
#[derive(Clone)]
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// What the tests install lives here: `LOCUM_CACHE`, else `$HOME/.cache/locum`.
    pub cache: PathBuf,
    target: PathBuf,
    locked: bool,
}

impl Workspace {
    /// Finds the checkout that this xtask belongs to.
    ///
    /// The manifest's folder is read when xtask runs, not when it is built: clones that share one build
    /// folder share the binary too.
    pub fn find() -> Result<Self> {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").context("start xtask as `cargo xtask …`")?;
        let root = Path::new(&manifest)
            .parent()
            .context("xtask has no parent folder")?
            .to_owned();
        let cache = match env::var_os("LOCUM_CACHE") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(&env::var_os("HOME").context("neither LOCUM_CACHE nor HOME is set")?)
                .join(".cache/locum"),
        };
        let metadata = Run::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .in_folder(&root)
            .limit(Duration::from_secs(120))
            .read()?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo metadata names no target folder")?;
        Ok(Self {
            target: PathBuf::from(target),
            root,
            cache,
            locked: false,
        })
    }

    /// The same checkout, with cargo bound to the versions in Cargo.lock.
    pub fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    /// A cargo command in this checkout.
    pub fn cargo(&self, subcommand: &[&str]) -> Run {
        let run = Run::new("cargo").args(subcommand).in_folder(&self.root);
        if self.locked && subcommand.first() != Some(&"fmt") {
            run.args(["--locked"])
        } else {
            run
        }
    }

    /// A program that cargo built in `profile` (`debug` or `release`).
    pub fn built(&self, profile: &str, program: &str) -> PathBuf {
        self.target.join(profile).join(program)
    }
}
