//! Starting other programs: their output is passed on as it comes and kept, and none may run for ever.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How long the lines that a finished program's own children still hold back are waited for.
const AFTERMATH: Duration = Duration::from_secs(2);

/// How long a program that took too long may take to end what it has started.
const FAREWELL: Duration = Duration::from_secs(20);

/// A program to run, with a limit on its time.
pub struct Run {
    command: Command,
    limit: Duration,
    quiet: bool,
}

/// What a program said and how it ended.
pub struct Finished {
    /// Whether it exited with 0.
    pub success: bool,
    /// Both of its outputs, line by line in the order of their arrival, without colours.
    pub lines: Vec<String>,
}

impl Run {
    /// A run of `program`, limited to 20 minutes.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self {
            command,
            limit: Duration::from_secs(20 * 60),
            quiet: false,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Ends the program when it runs longer than this.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Keeps the output without showing it.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Runs the program to its end. An error means that it did not start or did not end in time.
    pub fn finish(mut self) -> Result<Finished> {
        let name = format!("{:?}", self.command).replace('"', "");
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = self
            .command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, sender.clone());
        }
        drop(sender);

        let mut lines = Vec::new();
        let mut ended: Option<Instant> = None;
        loop {
            match receiver.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    if !self.quiet {
                        eprintln!("{line}");
                    }
                    lines.push(without_colours(&line));
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ended.is_none() && child.try_wait()?.is_some() {
                ended = Some(Instant::now());
            }
            if ended.is_some_and(|at| at.elapsed() > AFTERMATH) {
                break;
            }
            if started.elapsed() > self.limit {
                end(&mut child)?;
                if !self.quiet {
                    receiver.try_iter().for_each(|line| eprintln!("{line}"));
                }
                bail!("{name} was ended after {} s", self.limit.as_secs());
            }
        }
        let status = child.wait()?;
        Ok(Finished {
            success: status.success(),
            lines,
        })
    }

    /// Runs the program and takes its failure for an error.
    pub fn check(self) -> Result<Finished> {
        let name = self.command.get_program().to_string_lossy().into_owned();
        let quiet = self.quiet;
        let finished = self.finish()?;
        if !finished.success {
            if quiet {
                finished.lines.iter().for_each(|line| eprintln!("{line}"));
            }
            bail!("{name} failed");
        }
        Ok(finished)
    }

    /// What the program prints on its standard output.
    pub fn read(mut self) -> Result<String> {
        let name = format!("{:?}", self.command).replace('"', "");
        let output = self
            .command
            .output()
            .with_context(|| format!("cannot start {name}"))?;
        if !output.status.success() {
            bail!(
                "{name} failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Interrupts a program, as Ctrl-C does, so that it ends what it has started; ends it where it does not heed that.
fn end(child: &mut Child) -> Result<()> {
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    let asked = Instant::now();
    while interrupted.is_ok() && child.try_wait()?.is_none() && asked.elapsed() < FAREWELL {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn forward(source: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while matches!(source.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line)
                .trim_end_matches(['\n', '\r'])
                .to_owned();
            line.clear();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
}

/// The line without its terminal escape sequences (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            chars.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Run, without_colours};

    #[test]
    fn escape_sequences_are_taken_out() {
        assert_eq!(
            without_colours("\u{1b}[32;1m5 passed\u{1b}[0m, ok"),
            "5 passed, ok"
        );
    }

    #[test]
    fn both_outputs_and_the_exit_code_come_back() {
        let finished = Run::new("sh")
            .args(["-c", "echo a; echo b >&2; exit 3"])
            .quiet()
            .finish()
            .unwrap();
        assert!(!finished.success);
        assert!(
            finished.lines.contains(&"a".to_owned()) && finished.lines.contains(&"b".to_owned())
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let run = Run::new("sleep")
            .args(["600"])
            .quiet()
            .limit(Duration::from_millis(50));
        assert!(run.finish().is_err());
    }
}
