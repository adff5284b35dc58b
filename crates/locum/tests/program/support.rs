//! The program as its users start it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program with these settings and no others.
pub fn locum(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locum"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir("/");
    command
}

/// What it says and how it ends in an empty folder.
pub fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), arguments, settings)
}

/// What it says and how it ends in this folder.
pub fn run_in(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = locum(arguments, settings);
    command.current_dir(folder).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Checks that it ends with `code` and one line that holds `parts`.
#[track_caller]
pub fn check_refusal(output: &Output, code: i32, parts: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("locum: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{said}");
    }
}

pub const SERVABLE: [(&str, &str); 3] = [
    ("API_KEY", "sk-test"),
    ("PROVIDER_REHEARSAL_ENABLED", "true"),
    ("PORT", "0"),
];

/// A program that runs until it is told otherwise.
pub struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Goes with it.
    folder: Option<TempDir>,
}

impl Running {
    /// In an empty folder.
    pub fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Self::start_in(folder.path(), arguments, settings);
        running.folder = Some(folder);
        running
    }

    /// In this folder.
    pub fn start_in(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = locum(arguments, settings);
        let mut child = command
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            output,
            folder: None,
        }
    }

    /// The next line that holds `part`, and what came before it.
    pub fn line_with(&mut self, part: &str) -> (String, String) {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            let count = self.output.read_line(&mut line).unwrap();
            assert!(count > 0, "no line with {part:?} after {before:?}");
            if line.contains(part) {
                return (line, before);
            }
            before.push_str(&line);
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The exit code, and all it still said.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        let _ = self.child.kill();
    }
}

/// The address in the line that says where it listens.
pub fn address(line: &str) -> String {
    let (_, address) = line.split_once("http://").unwrap();
    let end =
        address.find(|letter: char| letter != '.' && letter != ':' && !letter.is_ascii_digit());
    address[..end.unwrap()].to_owned()
}
