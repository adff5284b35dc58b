//! The whole bench: starts the servers, takes turns between the proxies, and hands the figures to the report.
//!
//! Floor and Locum are measured in many short turns, A B B A …, so that whatever the machine does
//! meanwhile hits both; every figure is the median over the rounds.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::runtime::Runtime;

use crate::cases::{self, Case};
use crate::keeping;
use crate::load::{self, Target};
use crate::measure::{self, CpuReading};
use crate::report::{Figures, Footprint, Latency, Report, Row, Turn};
use crate::server::{Server, free_port};
use crate::sharing;
use crate::stage::{Proxy, Stage};
use crate::traffic::{Ask, CLIENT_KEY, UPSTREAM_KEY};
use crate::worker;

/// `locum-bench run`
#[derive(Debug, Args)]
pub struct Options {
    /// The `locum` program; without it a second floor stands in, and every ratio should be close to 1
    #[arg(long)]
    locum: Option<PathBuf>,
    /// The page to write
    #[arg(long)]
    out: Option<PathBuf>,
    /// Few and short rounds, to see that everything works; the figures are rough
    #[arg(long)]
    quick: bool,
    /// Measure this case alone (may be repeated)
    #[arg(long = "case")]
    cases: Vec<String>,
    #[command(flatten)]
    worker: worker::Options,
    #[command(flatten)]
    sharing: sharing::Options,
}

/// How much is measured.
struct Plan {
    rounds: usize,
    warm_up: Duration,
    /// A turn with all connections, for CPU time and throughput.
    busy_turn: Duration,
    /// A turn with one connection, for latency.
    calm_turn: Duration,
    starts: usize,
    keeping: keeping::Plan,
    sharing: sharing::Plan,
    worker: worker::Plan,
}

const THOROUGH: Plan = Plan {
    rounds: 30,
    warm_up: Duration::from_millis(700),
    busy_turn: Duration::from_millis(300),
    calm_turn: Duration::from_millis(100),
    starts: 15,
    keeping: keeping::Plan {
        turn: Duration::from_secs(2),
        rounds: 3,
        runs: 500,
        in_flight: 1_000,
        deep: 100_000,
    },
    sharing: sharing::Plan {
        rounds: 5,
        turn: Duration::from_secs(3),
        kills: 3,
    },
    worker: worker::Plan {
        rounds: 20,
        turn: Duration::from_millis(700),
        starts: 7,
    },
};

const QUICK: Plan = Plan {
    rounds: 6,
    warm_up: Duration::from_millis(200),
    busy_turn: Duration::from_millis(200),
    calm_turn: Duration::from_millis(60),
    starts: 5,
    keeping: keeping::Plan {
        turn: Duration::from_millis(500),
        rounds: 1,
        runs: 100,
        in_flight: 1_000,
        deep: 100_000,
    },
    sharing: sharing::Plan {
        rounds: 2,
        turn: Duration::from_secs(2),
        kills: 1,
    },
    worker: worker::Plan {
        rounds: 3,
        turn: Duration::from_millis(700),
        starts: 3,
    },
};

/// The name of no case at all: for who wants to see the Worker alone.
const NOTHING: &str = "nothing";
/// The name of the case that is no chat: what the Assistants API costs.
const KEEPING: &str = "assistants";

/// Memory is read this long after a server's first answer, when its start is certainly over.
const SETTLING: Duration = Duration::from_millis(500);

/// Measures everything, prints the tables and writes the page.
pub fn command(options: &Options, runtime: &Runtime) -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "figures of an unoptimised build mean nothing: build with --release"
    );
    let plan = if options.quick { QUICK } else { THOROUGH };
    let keeping = options.locum.is_some()
        && (options.cases.is_empty() || options.cases.iter().any(|name| name == KEEPING));
    let mut cases = choose_cases(&options.cases)?;
    if options.locum.is_none() {
        // A floor knows no Gemini.
        cases.iter_mut().for_each(|case| case.locum = case.floor);
    }
    let report = measure(options, &plan, &cases, keeping, runtime)?;
    println!("{}", report.tables());
    if let Some(out) = &options.out {
        if let Some(folder) = out.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(out, report.page())
            .with_context(|| format!("{} cannot be written", out.display()))?;
    }
    Ok(())
}

fn choose_cases(names: &[String]) -> Result<Vec<Case>> {
    if names.is_empty() {
        return Ok(cases::ALL.to_vec());
    }
    names
        .iter()
        .filter(|name| *name != KEEPING && *name != NOTHING)
        .map(|name| cases::find(name).with_context(|| format!("there is no case named {name:?}")))
        .collect()
}

fn measure(
    options: &Options,
    plan: &Plan,
    cases: &[Case],
    keeping: bool,
    runtime: &Runtime,
) -> Result<Report> {
    let cores = measure::choose_cores()?;
    measure::pin(cores.load)?;
    // Beside this program, because the usual place may be no disk.
    let program = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(program.parent().context("this program is nowhere")?)?;
    let stage = Stage {
        cores,
        folder: folder.path(),
        upstream_port: free_port()?,
        bench: program.clone().into_os_string(),
        locum: options
            .locum
            .as_ref()
            .map(|path| {
                path.canonicalize()
                    .with_context(|| format!("there is no program {}", path.display()))
            })
            .transpose()?
            .map(PathBuf::into_os_string),
    };
    let upstream = stage.start_upstream()?;
    let mut floor = stage.start(Proxy::Floor)?;
    let mut subject = stage.start(Proxy::Subject)?;
    floor.await_answer("/health/live")?;
    subject.await_answer("/health/live")?;
    thread::sleep(SETTLING);
    let floor_idle_bytes = floor.resident_bytes()?;
    let subject_idle_bytes = subject.resident_bytes()?;

    let arena = Arena {
        runtime,
        plan,
        upstream: &upstream,
        floor: &floor,
        subject: &subject,
    };
    let start = Instant::now();
    let before = arena.accounts()?;
    let mut rows = Vec::new();
    for case in cases {
        eprintln!("{} …", case.title);
        rows.push(arena.measure(*case)?);
    }
    let foreign = arena.accounts()?.foreign_since(&before).as_secs_f64();
    let foreign_share = foreign / start.elapsed().as_secs_f64();

    let floor_loaded_bytes = floor.resident_bytes()?;
    let subject_loaded_bytes = subject.resident_bytes()?;
    drop(floor);
    drop(subject);
    let keeping = keeping
        .then(|| keeping::measure(&stage, plan.keeping, runtime))
        .transpose()?;
    let sharing = sharing::measure(&options.sharing, &stage, plan.sharing, runtime)?;
    let worker = worker::measure(&options.worker, &stage, plan.worker, runtime)?;
    Ok(Report {
        machine: measure::describe_machine()?,
        subject: if options.locum.is_some() {
            "Locum"
        } else {
            "Second floor"
        },
        rounds: plan.rounds,
        foreign_share,
        quick: options.quick,
        rows,
        keeping,
        sharing,
        worker,
        floor: Footprint {
            idle_bytes: floor_idle_bytes,
            loaded_bytes: floor_loaded_bytes,
            first_answer_ms: stage.first_answer_ms(Proxy::Floor, plan.starts)?,
        },
        locum: Footprint {
            idle_bytes: subject_idle_bytes,
            loaded_bytes: subject_loaded_bytes,
            first_answer_ms: stage.first_answer_ms(Proxy::Subject, plan.starts)?,
        },
    })
}

/// The servers, and how long each is under load.
struct Arena<'a> {
    runtime: &'a Runtime,
    plan: &'a Plan,
    upstream: &'a Server,
    floor: &'a Server,
    subject: &'a Server,
}

/// Who has used how much CPU time.
struct Accounts {
    machine: Duration,
    bench: [CpuReading; 4],
}

impl Accounts {
    /// What the machine has spent on anything but the bench since the earlier reading.
    fn foreign_since(&self, earlier: &Self) -> Duration {
        let own: Duration = self
            .bench
            .iter()
            .zip(&earlier.bench)
            .map(|(now, before)| now.since(before))
            .sum();
        self.machine
            .saturating_sub(earlier.machine)
            .saturating_sub(own)
    }
}

impl Arena<'_> {
    fn accounts(&self) -> Result<Accounts> {
        Ok(Accounts {
            machine: measure::machine_busy()?,
            bench: [
                CpuReading::of(std::process::id())?,
                self.upstream.cpu()?,
                self.floor.cpu()?,
                self.subject.cpu()?,
            ],
        })
    }

    fn measure(&self, case: Case) -> Result<Row> {
        let warm_up = self.plan.warm_up;
        self.load(
            self.floor,
            CLIENT_KEY,
            case.floor,
            case.connections,
            warm_up,
        )?;
        self.load(
            self.subject,
            CLIENT_KEY,
            case.locum,
            case.connections,
            warm_up,
        )?;

        let mut floor_turns = Vec::new();
        let mut locum_turns = Vec::new();
        let mut direct = Vec::new();
        let mut floor_calm = Vec::new();
        let mut locum_calm = Vec::new();
        let rounds = if case.is_paced() {
            self.plan.rounds.div_ceil(3)
        } else {
            self.plan.rounds
        };
        for round in 0..rounds {
            let mut floor = || -> Result<()> {
                floor_turns.push(self.busy_turn(self.floor, case.floor, case)?);
                Ok(())
            };
            let mut locum = || -> Result<()> {
                locum_turns.push(self.busy_turn(self.subject, case.locum, case)?);
                Ok(())
            };
            if round % 2 == 0 {
                floor()?;
                locum()?;
            } else {
                locum()?;
                floor()?;
            }
            if case.is_paced() {
                continue;
            }
            direct.push(self.calm_turn(self.upstream, UPSTREAM_KEY, case.floor)?);
            floor_calm.push(self.calm_turn(self.floor, CLIENT_KEY, case.floor)?);
            locum_calm.push(self.calm_turn(self.subject, CLIENT_KEY, case.locum)?);
        }
        Ok(Row {
            case,
            floor: Figures::new(floor_turns),
            locum: Figures::new(locum_turns),
            latency: (!case.is_paced())
                .then(|| [direct, floor_calm, locum_calm].map(|turns| Latency::median(&turns))),
        })
    }

    fn busy_turn(&self, server: &Server, ask: Ask, case: Case) -> Result<Turn> {
        let before = server.cpu()?;
        let outcome = self.load(
            server,
            CLIENT_KEY,
            ask,
            case.connections,
            self.plan.busy_turn,
        )?;
        let cpu = server.cpu()?.since(&before);
        // Each connection's first request precedes the load's own count.
        let requests = (outcome.requests + case.connections) as f64;
        Ok(Turn {
            cpu_us: cpu.as_secs_f64() * 1e6 / requests,
            requests_per_second: outcome.requests_per_second(),
        })
    }

    fn calm_turn(&self, server: &Server, key: &str, ask: Ask) -> Result<Latency> {
        let outcome = self.load(server, key, ask, 1, self.plan.calm_turn)?;
        Ok(Latency {
            p50_us: outcome.percentile_us(0.50),
            p99_us: outcome.percentile_us(0.99),
        })
    }

    fn load(
        &self,
        server: &Server,
        key: &str,
        ask: Ask,
        connections: usize,
        duration: Duration,
    ) -> Result<load::Outcome> {
        let target = Target {
            port: server.port,
            key,
            ask,
        };
        self.runtime
            .block_on(load::drive(target, connections, duration))
            .with_context(|| server.last_words())
    }
}
