//! The PostgreSQL that is shared, and what its own programs say of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// A database of the bench's own.
pub struct Database {
    programs: PathBuf,
    /// Its URL.
    pub url: String,
}

impl Database {
    /// A new one on the server at `server`. `programs`: the folder of PostgreSQL's own programs.
    pub fn create(programs: &Path, server: &str) -> Result<Self> {
        let (start, _) = server
            .rsplit_once('/')
            .context("the URL names no database")?;
        let name = format!("bench_{}", std::process::id());
        let this = Self {
            programs: programs.to_owned(),
            url: format!("{start}/{name}"),
        };
        this.run(
            "psql",
            &["-q", "-c", &format!("CREATE DATABASE {name}")],
            server,
        )?;
        Ok(this)
    }

    /// Runs a statement; what it answers, without decoration.
    pub fn sql(&self, statement: &str) -> Result<String> {
        self.run("psql", &["-q", "-t", "-A", "-c", statement], &self.url)
    }

    /// Transactions per second of `clients` that each run `script` again and again.
    pub fn pgbench(
        &self,
        folder: &Path,
        script: &str,
        clients: usize,
        threads: usize,
        turn: Duration,
    ) -> Result<f64> {
        let file = folder.join("script.sql");
        fs::write(&file, script)?;
        let (clients, seconds) = (clients.to_string(), turn.as_secs().max(1).to_string());
        let file = file.display().to_string();
        let threads = format!("threads={threads}");
        let arguments = [
            "-n", "-M", "prepared", "-c", &clients, "-T", &seconds, "-D", &threads, "-f", &file,
        ];
        let said = self.run("pgbench", &arguments, &self.url)?;
        let tps = said.lines().find_map(|line| {
            let tps = line.strip_prefix("tps = ")?;
            tps.split(' ').next()?.parse().ok()
        });
        tps.with_context(|| format!("pgbench does not say how fast it was:\n{said}"))
    }

    fn run(&self, program: &str, arguments: &[&str], url: &str) -> Result<String> {
        let run = Command::new(self.programs.join(program))
            .args(arguments)
            .arg(url)
            .output()
            .with_context(|| format!("{program} does not start"))?;
        let said = String::from_utf8_lossy(&run.stderr);
        let first: Vec<_> = said.lines().take(10).collect();
        ensure!(
            run.status.success(),
            "{program} failed:\n{}",
            first.join("\n")
        );
        Ok(String::from_utf8_lossy(&run.stdout).trim().to_owned())
    }
}
