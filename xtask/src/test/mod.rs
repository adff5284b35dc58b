//! `cargo xtask test`: every step by name, and one table at the end.
//!
//! A step that cannot run on this machine says so and counts as skipped; it never passes for done.

mod blackbox;
mod counts;
mod rust;
mod services;
pub mod worker;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::ValueEnum;

use self::counts::Counts;
use crate::{install::Unavailable, workspace::Workspace};

/// A step of the tests, in the order in which they run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// The code is laid out as rustfmt does it
    Fmt,
    /// No lint of the workspace's fires
    Clippy,
    /// The crates' own tests
    Rust,
    /// The built program, asked by OpenAI's Python SDK
    Python,
    /// The built program, asked by OpenAI's Node SDK
    Node,
    /// The built program in front of LiteLLM's proxy
    Litellm,
    /// The built program, asked from a page of another origin
    Browser,
    /// The adapters of PostgreSQL, S3 and Redis, each against the real thing
    Services,
    /// Three built programs over one PostgreSQL and one S3, while replicas, databases and connections fail
    Replicas,
    /// The built program over PostgreSQL and S3, asked by OpenAI's Python SDK
    PostgresPython,
    /// The built program over PostgreSQL and S3, asked by OpenAI's Node SDK
    PostgresNode,
    /// The Worker under workerd: objects, alarms, R2, its size and its deployments
    Worker,
    /// The Worker, asked by OpenAI's Python SDK
    WorkerPython,
    /// The Worker, asked by OpenAI's Node SDK
    WorkerNode,
    /// The Worker in front of LiteLLM's proxy
    WorkerLitellm,
    /// The Worker, asked from a page of another origin
    WorkerBrowser,
}

struct Report {
    step: Step,
    took: Duration,
    result: Result<Counts>,
}

/// Runs the steps in `only`, or all of them, and prints what came of each.
pub fn run(workspace: &Workspace, only: &[Step]) -> ExitCode {
    let reports: Vec<_> = Step::value_variants()
        .iter()
        .filter(|step| only.is_empty() || only.contains(step))
        .map(|&step| {
            eprintln!("\n==> {}", step.name());
            let started = Instant::now();
            let result = step.run(workspace);
            let report = Report {
                step,
                took: started.elapsed(),
                result,
            };
            if let Some(reason) = report.skipped() {
                eprintln!("SKIPPED {}: cannot have {reason}", step.name());
            } else if let Err(error) = &report.result {
                eprintln!("FAILED {}: {error:#}", step.name());
            }
            report
        })
        .collect();
    summarize(&reports)
}

fn summarize(reports: &[Report]) -> ExitCode {
    let mut total = Counts::default();
    println!(
        "\n{:<15} {:>7} {:>7} {:>7} {:>7}",
        "step", "passed", "failed", "skipped", "time"
    );
    for report in reports {
        let counts = report.counts();
        let seconds = report.took.as_secs();
        println!(
            "{:<15} {:>7} {:>7} {:>7} {:>6}s{}",
            report.step.name(),
            counts.passed,
            counts.failed,
            counts.skipped,
            seconds,
            report.skipped().map_or_else(String::new, |reason| format!(
                "  SKIPPED: cannot have {reason}"
            )),
        );
        total += counts;
    }
    println!(
        "\n{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    );
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Step {
    fn run(self, workspace: &Workspace) -> Result<Counts> {
        match self {
            Self::Fmt => rust::fmt(workspace),
            Self::Clippy => rust::clippy(workspace),
            Self::Rust => rust::tests(workspace),
            Self::Python => blackbox::python(workspace, &[]),
            Self::Node => blackbox::node(workspace, &[]),
            Self::Litellm => blackbox::litellm(workspace, &[]),
            Self::Browser => blackbox::browser(workspace, &[]),
            Self::Services => services::adapters(workspace),
            Self::Replicas => services::replicas(workspace),
            Self::PostgresPython => services::asked(workspace, blackbox::python),
            Self::PostgresNode => services::asked(workspace, blackbox::node),
            Self::Worker => worker::worker(workspace),
            Self::WorkerPython => worker::asked(workspace, blackbox::python),
            Self::WorkerNode => worker::asked(workspace, blackbox::node),
            Self::WorkerLitellm => worker::asked(workspace, blackbox::litellm),
            Self::WorkerBrowser => worker::asked(workspace, blackbox::browser),
        }
    }

    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Report {
    /// What was missing, when that is why the step did not run.
    fn skipped(&self) -> Option<&Unavailable> {
        self.result
            .as_ref()
            .err()
            .and_then(|error| error.downcast_ref())
    }

    fn counts(&self) -> Counts {
        match &self.result {
            Ok(counts) => *counts,
            Err(_) if self.skipped().is_some() => Counts {
                skipped: 1,
                ..Counts::default()
            },
            Err(_) => Counts {
                failed: 1,
                ..Counts::default()
            },
        }
    }
}
