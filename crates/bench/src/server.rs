//! A server under test as a child process: pinned to a core, polled until it answers, ended when dropped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::measure::{self, CpuReading};

const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a starting server is asked; also how exact the time to its first answer is.
const POLL_INTERVAL: Duration = Duration::from_micros(100);

/// A running child process that listens on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Server {
    name: String,
    log: PathBuf,
    child: Child,
    /// The port.
    pub port: u16,
}

/// How to start a [`Server`].
#[derive(Debug)]
pub struct Launch<'a> {
    /// Its name in messages and of its log file.
    pub name: &'a str,
    /// The program; an absolute path, because it is started in `folder`.
    pub program: &'a OsStr,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// All of its environment; nothing is inherited.
    pub environment: Vec<(&'static str, String)>,
    /// Where it runs and where its output goes.
    pub folder: &'a Path,
    /// The core for all its threads.
    pub core: usize,
    /// The core to which the caller returns.
    pub caller_core: usize,
    /// The port that the arguments or the environment name.
    pub port: u16,
}

impl Launch<'_> {
    /// Starts the process and returns at once.
    pub fn spawn(self) -> Result<Server> {
        let log_path = self.folder.join(format!("{}.log", self.name));
        let log = File::create(&log_path)?;
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .env_clear()
            .envs(self.environment)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // What it starts itself ends with it.
            .process_group(0);
        // A child inherits the core of the thread that starts it.
        measure::pin(self.core)?;
        let child = command.spawn();
        measure::pin(self.caller_core)?;
        Ok(Server {
            name: self.name.to_owned(),
            log: log_path,
            child: child.with_context(|| format!("{} does not start", self.name))?,
            port: self.port,
        })
    }
}

impl Server {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time used so far.
    pub fn cpu(&self) -> Result<CpuReading> {
        CpuReading::of(self.pid())
    }

    /// The resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        measure::resident_bytes(self.pid())
    }

    /// Waits until its log says `what`.
    pub fn await_word(&mut self, what: &str) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !String::from_utf8_lossy(&fs::read(&self.log)?).contains(what) {
            ensure!(
                Instant::now() < deadline,
                "no {what:?} within {START_TIMEOUT:?}; {}",
                self.last_words()
            );
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The server's name and the end of its log, for messages about what went wrong.
    pub fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(5)..);
        format!(
            "the log of {} ends with:\n{}",
            self.name,
            last.unwrap_or_default().join("\n")
        )
    }

    /// Asks `GET path` until the answer is a 200.
    pub fn await_answer(&mut self, path: &str) -> Result<()> {
        self.await_that(path, |answer| answer.starts_with(b"HTTP/1.1 200"))
    }

    /// Asks `GET path` until there is an answer.
    pub fn await_any_answer(&mut self, path: &str) -> Result<()> {
        self.await_that(path, |answer| answer.starts_with(b"HTTP/1.1 "))
    }

    fn await_that(&mut self, path: &str, is_good: fn(&[u8]) -> bool) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !answers(self.port, path, is_good) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{status} before a first answer; {}", self.last_words());
            }
            ensure!(
                Instant::now() < deadline,
                "no answer from GET {path} within {START_TIMEOUT:?}; {}",
                self.last_words()
            );
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended on its own.
        if let Some(group) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn answers(port: u16, path: &str, is_good: fn(&[u8]) -> bool) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(is_good(&answer))
    };
    ask().unwrap_or(false)
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
