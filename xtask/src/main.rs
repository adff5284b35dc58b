//! The developer's menu: `cargo xtask test`, `bench`, `docs`, `ci`.
//!
//! It strings well-known tools together and reads their counts. It refuses to do anything that one of them
//! does itself, and it holds no test: those live beside the code and in `tests/`.

mod bench;
mod command;
mod docs;
mod install;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{test::Step, workspace::Workspace};

/// The developer's menu.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Menu,
}

#[derive(Subcommand)]
enum Menu {
    /// Check and test everything; install what the tests need
    Test {
        /// Run these steps alone (may be repeated)
        #[arg(long, value_enum)]
        only: Vec<Step>,
    },
    /// The same as `test`, with the versions of Cargo.lock and no others
    Ci,
    /// Measure the release build beside a bare proxy and write docs/performance.md
    Bench {
        /// Fewer requests: a look, not a measurement
        #[arg(long)]
        quick: bool,
    },
    /// Write .env.example and the README's table of settings from the settings' declarations
    Docs {
        /// Change nothing; fail when one of them is stale
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Menu) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Menu::Test { only } => Ok(test::run(&workspace, &only)),
        Menu::Ci => Ok(test::run(&workspace.locked(), &[])),
        Menu::Bench { quick } => bench::run(&workspace, quick).map(|()| ExitCode::SUCCESS),
        Menu::Docs { check } => docs::run(&workspace, check).map(|()| ExitCode::SUCCESS),
    }
}
