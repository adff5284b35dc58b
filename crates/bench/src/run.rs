//! The whole bench: starts the servers, takes turns between the proxies, and hands the figures to the report.
//!
//! Floor and Locum are measured in short turns, A B B A …, so that whatever the machine does meanwhile
//! hits both; every figure is the median over the rounds.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::runtime::Runtime;

use crate::cases::{self, Case};
use crate::load::{self, Target};
use crate::measure::{self, Cores, median};
use crate::report::{Figures, Footprint, Latency, Report, Row, Turn};
use crate::server::{Launch, Server, free_port};
use crate::traffic::{Ask, CLIENT_KEY, UPSTREAM_KEY};

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
}

const THOROUGH: Plan = Plan {
    rounds: 9,
    warm_up: Duration::from_millis(700),
    busy_turn: Duration::from_millis(1000),
    calm_turn: Duration::from_millis(300),
    starts: 15,
};

const QUICK: Plan = Plan {
    rounds: 2,
    warm_up: Duration::from_millis(200),
    busy_turn: Duration::from_millis(500),
    calm_turn: Duration::from_millis(150),
    starts: 5,
};

/// Memory is read this long after a server's first answer, when its start is certainly over.
const SETTLING: Duration = Duration::from_millis(500);

/// Measures everything, prints the tables and writes the page.
pub fn command(options: &Options, runtime: &Runtime) -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "figures of an unoptimised build mean nothing: build with --release"
    );
    let plan = if options.quick { QUICK } else { THOROUGH };
    let cases = choose_cases(&options.cases)?;
    let report = measure(options, &plan, &cases, runtime)?;
    println!("{}", report.tables());
    if let Some(out) = &options.out {
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
        .map(|name| cases::find(name).with_context(|| format!("there is no case named {name:?}")))
        .collect()
}

fn measure(options: &Options, plan: &Plan, cases: &[Case], runtime: &Runtime) -> Result<Report> {
    let cores = measure::choose_cores()?;
    measure::pin(cores.load)?;
    let folder = tempfile::tempdir()?;
    let stage = Stage {
        cores,
        folder: folder.path(),
        upstream_port: free_port()?,
        bench: std::env::current_exe()?.into_os_string(),
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
    let idle_bytes = [floor.resident_bytes()?, subject.resident_bytes()?];

    let arena = Arena {
        runtime,
        plan,
        upstream: &upstream,
        floor: &floor,
        subject: &subject,
    };
    let mut rows = Vec::new();
    for case in cases {
        eprintln!("{} …", case.title);
        rows.push(arena.measure(*case)?);
    }

    let loaded_bytes = [floor.resident_bytes()?, subject.resident_bytes()?];
    drop(floor);
    drop(subject);
    let mut footprints = Vec::new();
    for (index, proxy) in [Proxy::Floor, Proxy::Subject].into_iter().enumerate() {
        footprints.push(Footprint {
            idle_bytes: idle_bytes[index],
            loaded_bytes: loaded_bytes[index],
            first_answer_ms: stage.first_answer_ms(proxy, plan.starts)?,
        });
    }
    drop(upstream);
    Ok(Report {
        machine: measure::describe_machine()?,
        subject: if options.locum.is_some() {
            "Locum"
        } else {
            "Second floor"
        },
        rounds: plan.rounds,
        quick: options.quick,
        rows,
        floor: footprints[0],
        locum: footprints[1],
    })
}

#[derive(Clone, Copy)]
enum Proxy {
    Floor,
    Subject,
}

/// What it takes to start a server.
struct Stage<'a> {
    cores: Cores,
    folder: &'a Path,
    upstream_port: u16,
    bench: OsString,
    locum: Option<OsString>,
}

impl Stage<'_> {
    fn start_upstream(&self) -> Result<Server> {
        let port = self.upstream_port;
        let mut server = self
            .launch(
                "upstream",
                &self.bench,
                vec!["upstream".to_owned(), format!("--port={port}")],
                Vec::new(),
                self.cores.load,
                port,
            )
            .spawn()?;
        server.await_answer("/health")?;
        Ok(server)
    }

    fn start(&self, proxy: Proxy) -> Result<Server> {
        let port = free_port()?;
        match (proxy, &self.locum) {
            (Proxy::Subject, Some(locum)) => self.launch(
                "locum",
                locum,
                vec!["serve".to_owned()],
                self.locum_environment(port),
                self.cores.proxy,
                port,
            ),
            (proxy, _) => self.launch(
                match proxy {
                    Proxy::Floor => "floor",
                    Proxy::Subject => "second-floor",
                },
                &self.bench,
                self.floor_arguments(port),
                Vec::new(),
                self.cores.proxy,
                port,
            ),
        }
        .spawn()
    }

    fn launch<'a>(
        &'a self,
        name: &'a str,
        program: &'a OsString,
        arguments: Vec<String>,
        environment: Vec<(&'static str, String)>,
        core: usize,
        port: u16,
    ) -> Launch<'a> {
        Launch {
            name,
            program,
            arguments,
            environment,
            folder: self.folder,
            core,
            caller_core: self.cores.load,
            port,
        }
    }

    fn floor_arguments(&self, port: u16) -> Vec<String> {
        vec![
            "floor".to_owned(),
            format!("--port={port}"),
            format!("--upstream=http://127.0.0.1:{}/v1", self.upstream_port),
            format!("--key={CLIENT_KEY}"),
            format!("--upstream-key={UPSTREAM_KEY}"),
        ]
    }

    /// Locum as it is shipped; the rate limit counts every request but never strikes.
    fn locum_environment(&self, port: u16) -> Vec<(&'static str, String)> {
        let upstream = format!("http://127.0.0.1:{}", self.upstream_port);
        vec![
            ("TOKIO_WORKER_THREADS", "1".to_owned()),
            ("NODE_ENV", "production".to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("API_KEY", CLIENT_KEY.to_owned()),
            ("RATE_LIMIT_REQUESTS", "1000000000".to_owned()),
            ("PROVIDER_OPENAI_ENABLED", "true".to_owned()),
            ("OPENAI_API_KEY", UPSTREAM_KEY.to_owned()),
            ("OPENAI_BASE_URL", format!("{upstream}/v1")),
            ("PROVIDER_GEMINI_ENABLED", "true".to_owned()),
            ("GEMINI_API_KEY", UPSTREAM_KEY.to_owned()),
            ("GEMINI_BASE_URL", upstream),
        ]
    }

    /// From the start of the process to its first answer, the median of several starts.
    fn first_answer_ms(&self, proxy: Proxy, starts: usize) -> Result<f64> {
        let mut times = Vec::with_capacity(starts);
        for _ in 0..starts {
            let start = Instant::now();
            let mut server = self.start(proxy)?;
            server.await_answer("/health")?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(times))
    }
}

/// The servers, and how long each is under load.
struct Arena<'a> {
    runtime: &'a Runtime,
    plan: &'a Plan,
    upstream: &'a Server,
    floor: &'a Server,
    subject: &'a Server,
}

impl Arena<'_> {
    fn measure(&self, case: Case) -> Result<Row> {
        let warm_up = self.plan.warm_up;
        self.load(
            self.floor,
            CLIENT_KEY,
            case.floor,
            case.connections,
            warm_up,
        )
        .context("the floor, warming up")?;
        self.load(
            self.subject,
            CLIENT_KEY,
            case.locum,
            case.connections,
            warm_up,
        )
        .context("Locum, warming up")?;

        let mut floor_turns = Vec::new();
        let mut locum_turns = Vec::new();
        let mut direct = Vec::new();
        let mut floor_calm = Vec::new();
        let mut locum_calm = Vec::new();
        for round in 0..self.plan.rounds {
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
        let cpu = &server.cpu()? - &before;
        // Each connection's first request precedes the load's own count.
        let requests = (outcome.requests + case.connections) as f64;
        Ok(Turn {
            cpu_us: cpu.ran.as_secs_f64() * 1e6 / requests,
            waited: cpu.waited.as_secs_f64() / (cpu.ran + cpu.waited).as_secs_f64(),
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
    }
}
