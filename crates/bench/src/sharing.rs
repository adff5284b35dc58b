//! What several Locums make of one PostgreSQL, beside what PostgreSQL's own pgbench makes of it with the same statements.
//!
//! All of them, the server and the load share the machine's cores. They take turns in one run.

mod postgres;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::runtime::Runtime;

use self::postgres::Database;
pub use self::report::Sharing;
use self::report::{Growth, Rates};
use crate::keeping::caller::Caller;
use crate::keeping::slow::SlowUpstream;
use crate::keeping::{TEXT, run_body, text_of};
use crate::measure::median;
use crate::server::Server;
use crate::stage::Stage;
use crate::traffic::OPENAI_MODEL;

/// How many Locums there are.
const PROCESSES: usize = 3;
/// As many clients ask at once, of all processes together.
const CLIENTS: usize = 48;
/// To as many threads messages are appended.
const BUSY_THREADS: usize = 960;
/// How many threads there are at first, and in the end.
const FEW: usize = 1_000;
const MANY: usize = 1_000_000;

/// The server, and PostgreSQL's own programs.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// A PostgreSQL to make a database in
    #[arg(long, requires = "postgres_programs")]
    postgres: Option<String>,
    /// The folder of psql and pgbench
    #[arg(long, requires = "postgres")]
    postgres_programs: Option<PathBuf>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Turns of each kind.
    pub rounds: usize,
    /// How long a turn is.
    pub turn: Duration,
    /// How often a process is killed.
    pub kills: usize,
}

/// Measures all of it, where there is a PostgreSQL.
pub fn measure(
    options: &Options,
    stage: &Stage<'_>,
    plan: Plan,
    runtime: &Runtime,
) -> Result<Option<Sharing>> {
    let (Some(server), Some(programs)) = (&options.postgres, &options.postgres_programs) else {
        return Ok(None);
    };
    let folder = stage.folder.join("sharing");
    fs::create_dir_all(&folder)?;
    let database = Database::create(programs, server)?;
    let measured = runtime.block_on(measure_in(stage, plan, &database, &folder));
    fs::remove_dir_all(&folder)?;
    measured.map(Some)
}

async fn measure_in(
    stage: &Stage<'_>,
    plan: Plan,
    database: &Database,
    folder: &Path,
) -> Result<Sharing> {
    let upstream = SlowUpstream::start().await?;
    let start = |number| stage.start_replica(number, upstream.port(), &database.url, folder);
    let mut servers = Vec::new();
    for number in 0..PROCESSES {
        let mut server = start(number)?;
        server.await_answer("/health/live")?;
        servers.push(server);
    }
    let mut caller = Caller::connect(servers[0].port).await?;
    let assistant = json!({"model": OPENAI_MODEL});
    let assistant = text_of(&caller.post("/v1/assistants", &assistant).await?, "id")?;
    caller.post("/v1/threads", &json!({})).await?;
    let arena = Arena {
        plan,
        database,
        folder,
        assistant,
    };
    arena.fill(0, FEW)?;
    eprintln!("Several processes: messages …");
    let messages = arena.rates(
        &servers,
        include_str!("sharing/message.sql"),
        Kind::Messages,
    );
    let messages = messages.await?;
    eprintln!("Several processes: runs …");
    let runs = arena.rates(&servers, include_str!("sharing/run.sql"), Kind::Runs);
    let runs = runs.await?;
    let commits = arena.commits_of_a_run()?;
    eprintln!("Several processes: few threads and many …");
    let growth = arena.growth(&servers).await?;
    eprintln!("Several processes: one is killed …");
    let mut takeovers = Vec::new();
    for _ in 0..plan.kills {
        let killed = servers.remove(0);
        takeovers.push(arena.takeover(killed, &upstream).await?);
        let mut server = start(PROCESSES + takeovers.len())?;
        server.await_answer("/health/live")?;
        servers.push(server);
    }
    Ok(Sharing {
        clients: CLIENTS,
        messages,
        runs,
        commits,
        growth,
        takeovers_s: takeovers,
    })
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Kind {
    Messages,
    Runs,
}

struct Arena<'a> {
    plan: Plan,
    database: &'a Database,
    folder: &'a Path,
    assistant: String,
}

impl Arena<'_> {
    /// Adds threads with numbers behind `from`, up to `to`, as Locum stores them.
    fn fill(&self, from: usize, to: usize) -> Result<()> {
        let first = from + 1;
        self.database.sql(&format!(
            "INSERT INTO threads (id, project, created_at, version, deleted, active_run, data) \
             SELECT 'thread_bench' || n, t.project, t.created_at, 1, 0, NULL, t.data \
             FROM (SELECT * FROM threads ORDER BY seq LIMIT 1) t, generate_series({first}, {to}) n"
        ))?;
        self.database.sql("VACUUM ANALYZE")?;
        self.database.sql("CHECKPOINT").map(drop)
    }

    /// The rates of pgbench, and of one process, two and three, in turns.
    async fn rates(&self, servers: &[Server], script: &str, kind: Kind) -> Result<Rates> {
        let mut raw = Vec::new();
        let mut shared = vec![Vec::new(); PROCESSES];
        for _ in 0..self.plan.rounds {
            raw.push(self.database.pgbench(
                self.folder,
                script,
                CLIENTS,
                BUSY_THREADS,
                self.plan.turn,
            )?);
            for (count, turns) in shared.iter_mut().enumerate() {
                turns.push(self.turn(&servers[..=count], kind).await?);
            }
        }
        Ok(Rates {
            raw: median(raw),
            shared: shared.into_iter().map(median).collect(),
        })
    }

    /// Requests per second of clients that each ask again as soon as they are answered.
    async fn turn(&self, servers: &[Server], kind: Kind) -> Result<f64> {
        let ports = servers.iter().map(|server| server.port).cycle();
        let callers = try_join_all(ports.take(CLIENTS).map(Caller::connect)).await?;
        let run = run_body(&self.assistant, true);
        let message = json!({"role": "user", "content": TEXT}).to_string();
        let (run, message) = (run.as_str(), message.as_str());
        let start = Instant::now();
        let deadline = start + self.plan.turn;
        let counts = callers
            .into_iter()
            .enumerate()
            .map(|(client, mut caller)| async move {
                let mut count = 0usize;
                while Instant::now() < deadline {
                    match kind {
                        Kind::Messages => {
                            let number = 1 + (client + count * CLIENTS) % BUSY_THREADS;
                            let path = format!("/v1/threads/thread_bench{number}/messages");
                            caller.ask("POST", &path, message).await?;
                        }
                        Kind::Runs => {
                            let mark = b"event: thread.run.completed";
                            caller.watch("/v1/threads/runs", run, mark).await?;
                        }
                    }
                    count += 1;
                }
                anyhow::Ok(count)
            });
        let count: usize = try_join_all(counts).await?.into_iter().sum();
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }

    /// How many durable writes a run of the bench took.
    fn commits_of_a_run(&self) -> Result<f64> {
        let asked = "SELECT AVG(version) FROM runs WHERE id LIKE 'run\\_%' AND attend_at IS NULL";
        let said = self.database.sql(asked)?;
        said.parse()
            .with_context(|| format!("no number of commits: {said:?}"))
    }

    /// The rate of messages while there are few threads, and while there are many.
    async fn growth(&self, servers: &[Server]) -> Result<Growth> {
        let alone = &servers[..1];
        let rate = async || {
            // The first turn is for warming up.
            self.turn(alone, Kind::Messages).await?;
            let mut turns = Vec::new();
            for _ in 0..self.plan.rounds {
                turns.push(self.turn(alone, Kind::Messages).await?);
            }
            anyhow::Ok(median(turns))
        };
        let few = rate().await?;
        self.fill(FEW, MANY)?;
        Ok(Growth {
            threads: [FEW, MANY],
            per_second: [few, rate().await?],
        })
    }

    /// From the end of a process to the moment at which another one asks the model for its run, in seconds.
    async fn takeover(&self, server: Server, upstream: &SlowUpstream) -> Result<f64> {
        upstream.close();
        upstream.forget();
        let mut caller = Caller::connect(server.port).await?;
        caller
            .ask(
                "POST",
                "/v1/threads/runs",
                &run_body(&self.assistant, false),
            )
            .await?;
        upstream.await_asked(1).await?;
        // Dropped, it is killed.
        drop(server);
        let killed = Instant::now();
        upstream.await_asked(2).await?;
        let taken_over = killed.elapsed().as_secs_f64();
        upstream.open();
        Ok(taken_over)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_scripts_are_whole() {
        for script in [
            include_str!("sharing/message.sql"),
            include_str!("sharing/run.sql"),
        ] {
            let begun = script.matches("BEGIN;").count();
            assert_eq!(begun, script.matches("COMMIT;").count());
            assert!(script.ends_with(";\n"));
        }
    }
}
