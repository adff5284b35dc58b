//! What Locum costs as a Worker, beside a bare pass-through Worker in JavaScript, both under workerd.
//!
//! The runtime has threads of its own that nobody can be told of, so that throughput is compared, and not CPU time. The
//! two take turns in one run, as everywhere here.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::cases;
use crate::keeping::caller::Caller;
use crate::keeping::{run_body, text_of};
use crate::load::{self, Target};
use crate::measure::median;
use crate::server::{Launch, Server, free_port};
use crate::stage::Stage;
use crate::traffic::{
    Ask, BRIEF_CHUNKS, CLIENT_KEY, LONG_CHUNKS, OPENAI_BRIEF_MODEL, OPENAI_LONG_MODEL,
};

const CASES: [&str; 3] = ["short-chat", "long-prompt", "stream"];
const CONNECTIONS: usize = 16;
/// What a Worker has to reach of the pass-through Worker's throughput.
const AIM: f64 = 0.6;
const FIRST_REQUEST_AIM_MS: f64 = 100.0;
const SCRIPT_AIM_MB: f64 = 1.5;

/// Where the Worker is, and what serves it.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Node, to serve Workers with
    #[arg(long, requires = "worker")]
    node: Option<PathBuf>,
    /// The script that serves a Worker: `tests/worker/serve.mjs`
    #[arg(long, requires = "node")]
    serve: Option<PathBuf>,
    /// The folder of the built Worker
    #[arg(long, requires = "serve")]
    worker: Option<PathBuf>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Turns of each Worker in each case.
    pub rounds: usize,
    /// How long a turn is.
    pub turn: Duration,
    /// How often the first request after a start is timed.
    pub starts: usize,
}

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    rows: Vec<Row>,
    first_request_ms: [f64; 2],
    /// How many transactions of the object a run takes whose answer is brief, and one whose answer is long.
    transactions: [u64; 2],
    /// The script's size, compressed.
    script_bytes: usize,
}

#[derive(Debug)]
struct Row {
    title: &'static str,
    /// Requests per second: the pass-through Worker, Locum, Locum with its rate limit.
    rates: [f64; 3],
    /// What they are of the pass-through Worker's in the same round; the median of the rounds.
    ratios: [f64; 3],
}

/// The three that are compared.
#[derive(Debug, Clone, Copy)]
enum Subject {
    PassThrough,
    Locum,
    LocumThatCounts,
    /// With the doors of the tests, which tell what it stores.
    LocumWithDoors,
}

const SUBJECTS: [Subject; 3] = [
    Subject::PassThrough,
    Subject::Locum,
    Subject::LocumThatCounts,
];

/// Measures all of it, where there is a Worker.
pub fn measure(
    options: &Options,
    stage: &Stage<'_>,
    plan: Plan,
    runtime: &Runtime,
) -> Result<Option<Figures>> {
    let (Some(node), Some(serve), Some(worker)) = (&options.node, &options.serve, &options.worker)
    else {
        return Ok(None);
    };
    let house = House {
        node: node.canonicalize()?,
        serve: serve.canonicalize()?,
        worker: worker.canonicalize()?,
        stage,
    };
    eprintln!("Workers …");
    let servers = SUBJECTS.map(|subject| house.start(subject));
    let mut rows = Vec::new();
    {
        let [floor, locum, counting] = servers;
        let servers = [floor?, locum?, counting?];
        for name in CASES {
            let case = cases::find(name).context("the case is not there")?;
            // What stands in for Cloudflare's edge would compress the answer, at a cost of more than all else.
            let turns = compare(&servers, case.floor.uncompressed(), plan, runtime)?;
            let [floor, ..] = &turns;
            let to_floor = |rates: &Vec<f64>| {
                let pairs = rates.iter().zip(floor);
                median(pairs.map(|(rate, floor)| rate / floor))
            };
            rows.push(Row {
                title: case.title,
                ratios: turns.each_ref().map(to_floor),
                rates: turns.map(median),
            });
        }
    }
    let first = |subject| -> Result<f64> {
        let times: Result<Vec<f64>> = (0..plan.starts)
            .map(|_| house.first_request_ms(subject))
            .collect();
        Ok(median(times?))
    };
    Ok(Some(Figures {
        rows,
        first_request_ms: [first(Subject::PassThrough)?, first(Subject::Locum)?],
        transactions: runtime.block_on(house.transactions())?,
        script_bytes: house.script_bytes()?,
    }))
}

/// Each one's requests per second, round by round; they take turns.
fn compare(
    servers: &[Server; 3],
    ask: Ask,
    plan: Plan,
    runtime: &Runtime,
) -> Result<[Vec<f64>; 3]> {
    let mut turns: [Vec<f64>; 3] = Default::default();
    // The first round is for warming up.
    for round in 0..=plan.rounds {
        for (server, turns) in servers.iter().zip(&mut turns) {
            let target = Target {
                port: server.port,
                key: CLIENT_KEY,
                ask,
            };
            let outcome = runtime
                .block_on(load::drive(target, CONNECTIONS, plan.turn))
                .with_context(|| server.last_words())?;
            if round > 0 {
                turns.push(outcome.requests_per_second());
            }
        }
    }
    Ok(turns)
}

/// Where Workers are started.
struct House<'a> {
    node: PathBuf,
    serve: PathBuf,
    worker: PathBuf,
    stage: &'a Stage<'a>,
}

impl House<'_> {
    /// Starts one and waits until the runtime is ready; its program has not been asked for anything then.
    fn start(&self, subject: Subject) -> Result<Server> {
        let port = free_port()?;
        let pass_through = self.serve.with_file_name("floor");
        let (name, program): (_, &Path) = match subject {
            Subject::PassThrough => ("pass-through-worker", &pass_through),
            Subject::Locum => ("worker", &self.worker),
            Subject::LocumThatCounts => ("counting-worker", &self.worker),
            Subject::LocumWithDoors => ("open-worker", &self.worker),
        };
        let folder = self.stage.folder.join(format!("{name}-{port}"));
        std::fs::create_dir_all(&folder)?;
        let upstream = format!("http://127.0.0.1:{}/v1", self.stage.upstream_port);
        let counts = matches!(subject, Subject::LocumThatCounts);
        let mut environment = vec![
            ("PORT", port.to_string()),
            ("DATA_DIR", folder.join("data").display().to_string()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("NODE_ENV", "production".to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
            ("API_KEY", CLIENT_KEY.to_owned()),
            ("ENABLE_RATE_LIMIT", counts.to_string()),
            ("RATE_LIMIT_REQUESTS", "1000000000".to_owned()),
            ("PROVIDER_OPENAI_ENABLED", "true".to_owned()),
            ("OPENAI_API_KEY", crate::traffic::UPSTREAM_KEY.to_owned()),
            ("OPENAI_BASE_URL", upstream),
        ];
        if matches!(subject, Subject::LocumWithDoors) {
            environment.push(("LOCUM_TRIAL", "true".to_owned()));
        }
        let arguments = [&*self.serve, program].map(|path| path.display().to_string());
        let mut server = Launch {
            name,
            program: self.node.as_os_str(),
            arguments: arguments.to_vec(),
            environment,
            folder: &folder,
            core: self.stage.cores.proxy,
            caller_core: self.stage.cores.load,
            port,
        }
        .spawn()?;
        server.await_word("ready\n")?;
        Ok(server)
    }

    /// How long the first request takes after a start, to its last byte.
    fn first_request_ms(&self, subject: Subject) -> Result<f64> {
        let mut server = self.start(subject)?;
        let path = match subject {
            // It knows no path that needs no key, and answers this one.
            Subject::PassThrough => "/",
            _ => "/health/live",
        };
        let begun = Instant::now();
        match subject {
            Subject::PassThrough => server.await_any_answer(path)?,
            _ => server.await_answer(path)?,
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// How many transactions a run takes, of its making and the thread's, too.
    async fn transactions(&self) -> Result<[u64; 2]> {
        let server = self.start(Subject::LocumWithDoors)?;
        let mut caller = Caller::connect(server.port).await?;
        let mut taken = [0; 2];
        for (model, taken) in [OPENAI_BRIEF_MODEL, OPENAI_LONG_MODEL]
            .iter()
            .zip(&mut taken)
        {
            let assistant = json!({"model": model});
            let assistant = caller.post("/v1/assistants", &assistant).await?;
            let run = run_body(&text_of(&assistant, "id")?, true);
            let before = stored(&mut caller).await?;
            let end = b"event: thread.run.completed";
            caller.watch("/v1/threads/runs", &run, end).await?;
            *taken = stored(&mut caller).await? - before;
        }
        Ok(taken)
    }

    /// How large the script is when it is compressed as on its way to Cloudflare.
    fn script_bytes(&self) -> Result<usize> {
        let parts = ["index.js", "index_bg.wasm"].map(|name| self.worker.join(name));
        let compressed = Command::new("gzip").arg("--stdout").args(parts).output();
        Ok(compressed.context("cannot start gzip")?.stdout.len())
    }
}

/// How many transactions the object has made so far.
async fn stored(caller: &mut Caller) -> Result<u64> {
    let told = caller.get("/.trial/transactions").await?;
    told.as_u64()
        .with_context(|| format!("{told} is no number of transactions"))
}

impl Figures {
    /// Appends the section.
    pub fn write(&self, text: &mut String) {
        text.push_str(
            "## As a Cloudflare Worker\n\n\
             Under workerd, Cloudflare's own runtime, beside a Worker in JavaScript that checks the key, swaps it and passes the request through. One core each, 16 connections, \
             requests per second. Locum counts as it is shipped, but writes no log: here the console is read by another process on the same core. Where the rate limit is on, a Durable Object counts the client; it grants an isolate a share of the requests that are left in advance, which here are nearly all, and with 60 in a window a half.\n\n\
             | | Pass-through | Locum | Ratio | Aim | | With the rate limit | Ratio |\n|---|--:|--:|--:|--:|---|--:|--:|\n",
        );
        for row in &self.rows {
            let [floor, locum, counting] = row.rates;
            let [_, ratio, ratio_counting] = row.ratios;
            let _ = writeln!(
                text,
                "| {} | {floor:.0} | {locum:.0} | {ratio:.2} × | ≥ {AIM:.2} × | {} | {counting:.0} | {ratio_counting:.2} × |",
                row.title,
                word(ratio >= AIM - 0.005),
            );
        }
        let [floor, locum] = self.first_request_ms;
        let _ = writeln!(
            text,
            "\nThe first request after a start takes {floor:.0} ms there, and {locum:.0} ms in Locum (aim: ≤ {FIRST_REQUEST_AIM_MS:.0} ms, {}).\n",
            word(locum <= FIRST_REQUEST_AIM_MS),
        );
        let [brief, long] = self.transactions;
        let megabytes = self.script_bytes as f64 / 1e6;
        let _ = writeln!(
            text,
            "A run whose answer comes in {LONG_CHUNKS} chunks takes {long} transactions of the object's SQLite, its thread's making included, and one of {BRIEF_CHUNKS} chunks takes {brief}. The script's size is {megabytes:.2} MB compressed (aim: ≤ {SCRIPT_AIM_MB} MB, {}).\n",
            word(megabytes <= SCRIPT_AIM_MB),
        );
    }
}

fn word(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**missed**" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_held_against_the_aim() {
        let figures = Figures {
            rows: vec![
                Row {
                    title: "Short chat",
                    rates: [1000.0, 700.0, 500.0],
                    ratios: [1.0, 0.7, 0.5],
                },
                Row {
                    title: "Stream",
                    rates: [1000.0, 500.0, 400.0],
                    ratios: [1.0, 0.5, 0.4],
                },
            ],
            first_request_ms: [3.0, 45.0],
            transactions: [4, 5],
            script_bytes: 1_600_000,
        };
        let mut text = String::new();
        figures.write(&mut text);
        for part in [
            "| Short chat | 1000 | 700 | 0.70 × | ≥ 0.60 × | met | 500 | 0.50 × |",
            "| Stream | 1000 | 500 | 0.50 × | ≥ 0.60 × | **missed** | 400 | 0.40 × |",
            "45 ms in Locum (aim: ≤ 100 ms, met)",
            "200 chunks takes 5 transactions of the object's SQLite, its thread's making included, and one of 2 chunks takes 4.",
            "1.60 MB compressed (aim: ≤ 1.5 MB, **missed**)",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
