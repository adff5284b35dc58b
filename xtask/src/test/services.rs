//! The steps that need PostgreSQL, Redis and an S3.
//!
//! `tests/harness/services.py` starts the three for whoever asks, with the programs that are installed here.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    blackbox::{self, Host},
    counts::{self, Counts},
    rust::BUILD,
};
use crate::{
    install::{ServicePrograms, works},
    workspace::Workspace,
};

/// How long the servers may take to end.
const ENDING: Duration = Duration::from_secs(30);

/// Running servers, which end when this is dropped, or when this program is.
struct Services {
    starter: Child,
    /// The variables that tell tests where the servers and their programs are.
    variables: Vec<(&'static str, PathBuf)>,
}

/// What the starter says of each server.
const ADDRESSES: [&str; 3] = ["LOCUM_TEST_POSTGRES", "LOCUM_TEST_REDIS", "LOCUM_TEST_S3"];

/// The adapters of PostgreSQL, S3 and Redis, asked by the crate's own tests.
pub fn adapters(workspace: &Workspace) -> Result<Counts> {
    let services = Services::start(workspace)?;
    let target = ["--features", "services", "--test", "services"];
    let (runner, is_closing): (&[&str], fn(&str) -> bool) =
        if works("cargo", &["nextest", "--version"]) {
            (&["nextest", "run", "--no-fail-fast"], counts::nextest)
        } else {
            (&["test", "--no-fail-fast"], counts::cargo_test)
        };
    let run = workspace
        .cargo(&[runner, &["--package", "locum"], &target].concat())
        .limit(BUILD);
    let run = services
        .variables
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    Counts::read(&run.finish()?, is_closing)
}

/// `tests/replicas`, by pytest. It breaks its servers, so it starts them itself.
pub fn replicas(workspace: &Workspace) -> Result<Counts> {
    let programs = ServicePrograms::install(workspace)?;
    blackbox::replicas(workspace, &programs.variables())
}

/// One of the native host's suites, asked of a Locum that keeps everything in PostgreSQL and S3.
pub fn asked(
    workspace: &Workspace,
    suite: fn(&Workspace, Host<'_>) -> Result<Counts>,
) -> Result<Counts> {
    let services = Services::start(workspace)?;
    let host = [("LOCUM_HOST", PathBuf::from("postgres"))];
    suite(workspace, &[&host, services.variables.as_slice()].concat())
}

impl Services {
    /// Starts the servers; returns once all of them answer.
    fn start(workspace: &Workspace) -> Result<Self> {
        let programs = ServicePrograms::install(workspace)?;
        let mut starter = Command::new("python3")
            .args(["-m", "harness.services"])
            .current_dir(workspace.root.join("tests"))
            .envs(programs.variables())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        let said = starter.stdout.take().context("python3 says nothing")?;
        let mut services = Self {
            starter,
            variables: programs.variables().to_vec(),
        };
        for line in BufReader::new(said).lines() {
            let line = line?;
            if line == "ready" {
                return Ok(services);
            }
            let known = line.split_once('=').and_then(|(name, value)| {
                let name = ADDRESSES.into_iter().find(|known| *known == name)?;
                Some((name, PathBuf::from(value)))
            });
            services.variables.extend(known);
        }
        bail!("PostgreSQL, Redis and the S3 did not start")
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // The end of its input tells the starter to end what it has started.
        drop(self.starter.stdin.take());
        let asked = Instant::now();
        while matches!(self.starter.try_wait(), Ok(None)) {
            if asked.elapsed() > ENDING {
                eprintln!("the servers of the tests did not end");
                let _ = self.starter.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
