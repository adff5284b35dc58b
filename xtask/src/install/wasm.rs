//! What builds the Worker: a Rust that knows its target, and the tools around it.
//!
//! The target comes by rustup where that can download. Where it cannot, it is made of Debian's packages, which bring a
//! compiler and the standard library's source; they are unpacked into the cache and not installed. `worker-build` and
//! `wasm-bindgen` come from cargo's registry, `wasm-opt` and `esbuild` from npm's.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{DOWNLOAD, cached, node, unavailable, works};
use crate::{command::Run, workspace::Workspace};

const TARGET: &str = "wasm32-unknown-unknown";
/// As in crates/worker/Cargo.toml: the crate and the tool must be of one version.
const WASM_BINDGEN: &str = "0.2.129";
/// As in crates/worker/package.json.
const WORKER_BUILD: &str = "0.8.7";
const COMPILE: Duration = Duration::from_secs(30 * 60);

/// The tools, as environment variables for whoever builds the Worker.
pub struct WasmTools {
    /// Node, new enough for wrangler.
    pub node: PathBuf,
    /// The Node packages: wrangler and workerd among them.
    pub packages: PathBuf,
    variables: Vec<(&'static str, OsString)>,
}

impl WasmTools {
    /// Installs what is not there yet.
    pub fn install(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.root.join("tests/worker");
        let node = node(workspace, &folder)?;
        let packages = folder.join("node_modules");
        let programs = packages.join(".bin");
        let tools = tools(workspace)?.join("bin");
        let mut path = vec![tools.clone()];
        let mut variables = Vec::new();
        if !has_target(&sysroot()?) && !rustup_adds_target() {
            let toolchain = debian_toolchain(workspace)?.join("bin");
            variables.push(("RUSTC", toolchain.join("rustc").into_os_string()));
            path.insert(0, toolchain);
        }
        path.extend(node.parent().map(Path::to_owned));
        path.push(programs.clone());
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        variables.extend([
            ("PATH", env::join_paths(path)?),
            ("WASM_BINDGEN_BIN", tools.join("wasm-bindgen").into()),
            ("WASM_OPT_BIN", programs.join("wasm-opt").into()),
            ("ESBUILD_BIN", programs.join("esbuild").into()),
            ("CARGO_TARGET_DIR", workspace.built("worker", "").into()),
            ("WRANGLER_SEND_METRICS", "false".into()),
        ]);
        Ok(Self {
            node,
            packages,
            variables,
        })
    }

    /// A program that finds the tools.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Run {
        let run = Run::new(program);
        self.variables
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value))
    }
}

fn sysroot() -> Result<PathBuf> {
    let sysroot = Run::new("rustc").args(["--print", "sysroot"]).read()?;
    Ok(PathBuf::from(sysroot.trim()))
}

fn libraries(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

fn has_target(sysroot: &Path) -> bool {
    libraries(sysroot).exists()
}

fn rustup_adds_target() -> bool {
    let added = Run::new("rustup")
        .args(["target", "add", TARGET])
        .quiet()
        .limit(Duration::from_secs(180))
        .finish();
    added.is_ok_and(|added| added.success)
}

/// `worker-build` and `wasm-bindgen`, compiled by the toolchain of this checkout.
fn tools(workspace: &Workspace) -> Result<PathBuf> {
    let versions = format!("{WASM_BINDGEN} {WORKER_BUILD}");
    cached(workspace, "worker-tools", &[], &versions, |folder| {
        let built = folder.join("target");
        for (package, version) in [
            ("wasm-bindgen-cli", WASM_BINDGEN),
            ("worker-build", WORKER_BUILD),
        ] {
            Run::new("cargo")
                .args(["install", "--locked", "--version", version, package])
                .args(["--root"])
                .args([folder])
                .env("CARGO_TARGET_DIR", &built)
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
                .limit(COMPILE)
                .check()?;
        }
        Ok(fs::remove_dir_all(built)?)
    })
}

/// A compiler and a standard library for the target out of Debian's packages; the folder that they are in.
fn debian_toolchain(workspace: &Workspace) -> Result<PathBuf> {
    if !works("apt-get", &["--version"]) || !works("dpkg", &["--version"]) {
        return unavailable(&format!("Rust's {TARGET} target"));
    }
    let host = Run::new("rustc").args(["--version"]).read()?;
    cached(workspace, "wasm-toolchain", &[], &host, |folder| {
        unpack(folder)?;
        let toolchain = Toolchain::wrap(folder)?;
        toolchain.build_library(folder)
    })
}

/// Unpacks Debian's compiler, its libraries and the source of the standard library below `folder`.
fn unpack(folder: &Path) -> Result<()> {
    let known = || Run::new("apt-cache").args(["show", "rust-web-src"]).read();
    if known().is_err() {
        Run::new("apt-get").args(["update"]).quiet().check()?;
    }
    let mut packages = vec!["rust-web-src".to_owned(), "rustc-web".to_owned()];
    let mut looked_at = 1;
    while let Some(package) = packages.get(looked_at) {
        let depends = Run::new("apt-cache").args(["depends", package]).read()?;
        for line in depends.lines() {
            let Some(name) = line.trim().strip_prefix("Depends: ") else {
                continue;
            };
            let is_part = name.starts_with("libstd-rust-web") || name.starts_with("libllvm");
            if is_part && !packages.iter().any(|known| known == name) {
                packages.push(name.to_owned());
            }
        }
        looked_at += 1;
    }
    let downloads = folder.join("packages");
    fs::create_dir_all(&downloads)?;
    Run::new("apt-get")
        .args(["download"])
        .args(packages)
        .in_folder(&downloads)
        .quiet()
        .limit(DOWNLOAD)
        .check()?;
    for package in fs::read_dir(&downloads)? {
        Run::new("dpkg")
            .args(["-x"])
            .args([package?.path(), folder.join("debian")])
            .check()?;
    }
    Ok(fs::remove_dir_all(downloads)?)
}

/// Debian's compiler with the host's cargo and linker.
struct Toolchain {
    rustc: PathBuf,
    sysroot: PathBuf,
}

impl Toolchain {
    /// Puts a `rustc` into `folder/bin` that finds its libraries, and a linker for the target where it looks for one.
    fn wrap(folder: &Path) -> Result<Self> {
        let usr = folder.join("debian/usr");
        let rustc = folder.join("bin/rustc");
        fs::create_dir_all(folder.join("bin"))?;
        let (libraries, compiler) = (usr.join("lib/x86_64-linux-gnu"), usr.join("bin/rustc"));
        if !compiler.exists() {
            bail!("Debian's rustc-web holds no bin/rustc");
        }
        fs::write(
            &rustc,
            format!(
                "#!/bin/sh\nLD_LIBRARY_PATH={}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} exec {} \"$@\"\n",
                libraries.display(),
                compiler.display()
            ),
        )?;
        fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
        let programs = "lib/rustlib/x86_64-unknown-linux-gnu/bin";
        fs::create_dir_all(usr.join(programs))?;
        let linker = Path::new(programs).join("rust-lld");
        symlink(sysroot()?.join(&linker), usr.join(&linker)).context("cannot link rust-lld")?;
        Ok(Self {
            rustc,
            sysroot: usr,
        })
    }

    /// Compiles the standard library for the target, once, and puts it where the compiler looks for it.
    fn build_library(&self, folder: &Path) -> Result<()> {
        let package = folder.join("library");
        fs::create_dir_all(package.join("src"))?;
        fs::write(package.join("src/lib.rs"), "")?;
        fs::write(
            package.join("Cargo.toml"),
            "[package]\nname = \"library\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [profile.release]\npanic = \"abort\"\ncodegen-units = 1\n",
        )?;
        Run::new("cargo")
            .args(["build", "--release", "--target", TARGET])
            .args(["-Zbuild-std=std,panic_abort"])
            .in_folder(&package)
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_DIR", package.join("target"))
            .env("RUSTC_BOOTSTRAP", "1")
            // Who links with whole-program optimisation wants it.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .limit(COMPILE)
            .check()?;
        let to = libraries(&self.sysroot);
        fs::create_dir_all(&to)?;
        let built = package.join("target").join(TARGET).join("release/deps");
        for file in fs::read_dir(built)? {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".rlib") && !name.starts_with("liblibrary-") {
                fs::copy(file.path(), to.join(&*name))?;
            }
        }
        Ok(fs::remove_dir_all(package)?)
    }
}
