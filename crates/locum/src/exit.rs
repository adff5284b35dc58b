//! How the program ends.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it did what it was asked.
    Done,
    /// 1: it failed while running.
    Failed,
    /// 2: settings or command line are wrong.
    Misused,
    /// 3: it stopped before all answers were finished.
    CutOff,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Misused => 2,
            Exit::CutOff => 3,
        })
    }
}

/// Why the program ends without having done what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// What the exit code says.
    pub exit: Exit,
    /// What the operator is told, in one line.
    pub error: anyhow::Error,
}

impl Failure {
    /// Settings or command line are wrong.
    pub fn misused(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Misused,
            error: error.into(),
        }
    }

    /// It failed while running.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Failed,
            error: error.into(),
        }
    }
}
