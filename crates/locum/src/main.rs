//! Locum, the program. Everything it does is in the library beside it.

use std::process::ExitCode;

use clap::Parser;
use locum::commands::{CommandLine, run};

/// A request makes some hundred short-lived allocations, for which it is markedly cheaper than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("locum: {:#}", failure.error);
            failure.exit.into()
        }
    }
}
