//! What the program can be asked: its command line, and one file for each command.

mod beside;
mod config;
mod demo;
mod gc;
mod health;
mod migrate;
mod serve;
mod threads;

use std::{
    io::{self, Write},
    path::Path,
};

use clap::{Parser, Subcommand};

use crate::{
    exit::{Exit, Failure},
    variables::Variables,
};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "locum",
    version,
    about = "OpenAI's API over Gemini, OpenAI and whatever speaks like them, with automatic fallback",
    long_about = "Locum answers OpenAI's API over Gemini, OpenAI and whatever speaks like them. When one provider \
        fails, the next one answers. A program changes its base URL and its key, and runs on.",
    after_help = "Try `locum demo`: it needs no key. `locum --help` shows more.",
    after_long_help = EXAMPLES,
    arg_required_else_help = true
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  See it work in a minute, without any key:
      locum demo

  Serve Gemini, and OpenAI when Gemini fails:
      export API_KEY=\"sk-$(openssl rand -hex 16)\"
      export PROVIDER_GEMINI_ENABLED=true GEMINI_API_KEY=AIza...
      export PROVIDER_OPENAI_ENABLED=true OPENAI_API_KEY=sk-...
      locum serve

  Serve a local model that speaks OpenAI's API:
      ENABLE_AUTH=false PROVIDER_OPENAI_ENABLED=true OPENAI_API_KEY=none \\
          OPENAI_BASE_URL=http://127.0.0.1:11434/v1 locum serve

  Ask it:
      curl http://127.0.0.1:8787/v1/chat/completions \\
          -H \"Authorization: Bearer $API_KEY\" -H \"Content-Type: application/json\" \\
          -d '{\"model\": \"gemini-flash-latest\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'

  Look at a conversation that it keeps:
      locum threads list
      locum threads show ID

  Move from SQLite and a folder to PostgreSQL and S3, once the old Locum has stopped:
      locum migrate --to postgres://locum:PASSWORD@db.example/locum --blobs-to s3://BUCKET

Settings come from the environment, and from the file .env in the working folder:
      locum config                        shows them as they are, secrets masked
      locum config --env-example > .env   writes a file with all of them to begin with

Exit codes:
  0  it did what it was asked      2  settings or command line are wrong
  1  it failed while running       3  it stopped before all answers were finished

SIGTERM or Ctrl-C lets running answers finish, for at most SHUTDOWN_GRACE; a second one ends them at once.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with the settings of the environment and of .env
    Serve,
    /// Serve rehearsed answers, with a key made for the occasion: no model is asked, nothing costs
    Demo,
    /// Show the settings as they are, secrets masked
    Config {
        /// Print a file with all settings, to begin a .env with
        #[arg(long, conflicts_with = "markdown")]
        env_example: bool,
        /// Print the table of all settings that the README holds
        #[arg(long)]
        markdown: bool,
    },
    /// Remove what nobody needs any more: expired files, bytes without a file, rows of what was deleted
    ///
    /// A Locum that serves does so every hour by itself; this can run beside it.
    Gc {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask a Locum whether it takes requests: exit code 0 when /health/ready answers 200, else 1
    Health {
        /// Where it is, as http://HOST:PORT; else where HOST and PORT say
        #[arg(long)]
        url: Option<String>,
    },
    /// Copy all that is kept into another database, and into another place for files' bytes
    ///
    /// Objects keep their ids and their order. Nobody may serve either side meanwhile. A copy that was broken off is continued
    /// by the same command; in the end both sides are compared.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Arguments),
    /// Look at the threads that are kept
    Threads {
        #[command(subcommand)]
        command: threads::Command,
    },
}

/// Does what the command line says.
///
/// # Errors
/// Why it could not.
pub fn run(line: CommandLine) -> Result<Exit, Failure> {
    let variables = || Variables::load(Path::new(".env")).map_err(Failure::misused);
    match line.command {
        Command::Serve => serve::run(&variables()?),
        Command::Demo => demo::run(variables()?),
        Command::Config {
            env_example: true, ..
        } => config::env_example(),
        Command::Config { markdown: true, .. } => config::markdown(),
        Command::Config { .. } => config::show(&variables()?),
        Command::Gc { dry_run } => gc::run(variables()?, dry_run),
        Command::Health { url } => health::run(variables()?, url),
        Command::Migrate(arguments) => migrate::run(variables()?, arguments),
        Command::Threads { command } => threads::run(variables()?, &command),
    }
}

/// Prints to standard output. Who reads it may stop when it is enough, as `head` does.
fn say(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let said = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match said {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_examples_name_settings_that_exist() {
        let names: Vec<_> = locum_engine::settings::rows()
            .into_iter()
            .map(|row| row.name)
            .collect();
        let words = EXAMPLES.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        for word in words.filter(|word| word.contains('_') && word.len() > 1) {
            assert!(names.iter().any(|name| name == word), "{word}");
        }
    }
}
