//! `locum threads`: for a person who wants to look at conversations.

mod list;
mod show;
mod text;

use clap::Subcommand;

use super::beside;
use crate::{
    exit::{Exit, Failure},
    variables::Variables,
};

/// What can be looked at.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which threads there are, the newest first
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show what was said on a thread, and what its runs did
    Show {
        /// The thread's id
        id: String,
    },
}

/// Shows what `command` asks for.
pub fn run(variables: Variables, command: &Command) -> Result<Exit, Failure> {
    beside::run(variables, async |assistants| match command {
        Command::List { limit } => list::run(assistants, *limit).await,
        Command::Show { id } => show::run(assistants, id).await,
    })
}
