//! The bench: what Locum costs per request, beside a bare pass-through proxy, measured in one run.
//!
//! `locum-bench run` starts everything and writes the table. The other commands are its parts, for
//! whoever wants to hold one of them alone.

use anyhow::Result;
use clap::{Parser, Subcommand};

mod answers;
mod cases;
mod floor;
mod keeping;
mod load;
mod measure;
mod report;
mod run;
mod server;
mod sharing;
mod stage;
mod traffic;
mod upstream;
mod verdict;
mod wire;
mod worker;

#[cfg(test)]
mod tests;

#[derive(Parser)]
#[command(about = "Measures what Locum costs per request, beside a bare pass-through proxy")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure everything and write the table
    Run(run::Options),
    /// Serve mock answers in OpenAI's and Gemini's protocols
    Upstream(upstream::Options),
    /// Serve the bare pass-through proxy
    Floor(floor::Options),
    /// Put one server under load
    Load(load::Options),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match cli.command {
        Command::Run(options) => run::command(&options, &runtime),
        Command::Upstream(options) => runtime.block_on(upstream::serve(options)),
        Command::Floor(options) => runtime.block_on(floor::serve(options)),
        Command::Load(options) => runtime.block_on(load::command(options)),
    }
}
