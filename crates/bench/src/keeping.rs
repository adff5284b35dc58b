//! What the Assistants API costs: durable writes beside raw SQLite's, pages, a run's own time, a thousand runs at once.
//!
//! Everything happens in one run on one disk. The raw figures are those of the same kind of row, written by the same
//! library with the same durability and no server around it.

pub(crate) mod caller;
mod raw;
mod report;
pub(crate) mod slow;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::caller::{Caller, percentile};
use self::slow::SlowUpstream;
use crate::measure::median;
use crate::server::Server;
use crate::stage::Stage;
use crate::traffic::OPENAI_MODEL;

pub use self::report::Keeping;
use self::report::{Flight, Paging, Rate, RunCost};

/// As many clients as ask at once where it is to be busy.
const MANY: usize = 64;
/// The text of a message: what a person types.
pub(crate) const TEXT: &str = "How did the revenue of the northern region develop between the first and the third quarter, and why?";

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Each turn of writes or reads.
    pub turn: Duration,
    /// Turns of each kind.
    pub rounds: usize,
    /// Runs, one after the other.
    pub runs: usize,
    /// Runs at once.
    pub in_flight: usize,
    /// Messages of the long thread.
    pub deep: usize,
}

/// Measures all of it.
pub fn measure(stage: &Stage<'_>, plan: Plan, runtime: &Runtime) -> Result<Keeping> {
    let folder = stage.folder.join("keeping");
    fs::create_dir_all(&folder)?;
    let measured = runtime.block_on(measure_in(stage, plan, &folder));
    fs::remove_dir_all(&folder)?;
    measured
}

async fn measure_in(stage: &Stage<'_>, plan: Plan, folder: &Path) -> Result<Keeping> {
    let upstream = SlowUpstream::start().await?;
    let mut locum = stage.start_keeper(upstream.port(), folder)?;
    locum.await_answer("/health/live")?;
    let arena = Arena {
        port: locum.port,
        plan,
    };
    let measured = arena.measure(&locum, &upstream, folder).await;
    measured.with_context(|| locum.last_words())
}

struct Arena {
    port: u16,
    plan: Plan,
}

impl Arena {
    async fn measure(
        &self,
        locum: &Server,
        upstream: &SlowUpstream,
        folder: &Path,
    ) -> Result<Keeping> {
        let mut caller = Caller::connect(self.port).await?;
        let assistant = caller
            .post("/v1/assistants", &json!({"model": OPENAI_MODEL}))
            .await?;
        let assistant = text_of(&assistant, "id")?;

        eprintln!("Durable writes …");
        let (writes, raw) = self.writes(folder).await?;
        eprintln!("Pages …");
        let paging = self.paging().await?;
        eprintln!("Runs …");
        let run = self.runs(&assistant, upstream).await?;
        eprintln!("Runs at once …");
        let flight = self.flight(&assistant, upstream, locum).await?;
        Ok(Keeping {
            raw,
            writes,
            paging,
            run,
            flight,
        })
    }

    /// Appending and creating, turn by turn with the raw writes.
    async fn writes(&self, folder: &Path) -> Result<(Vec<Rate>, raw::Figures)> {
        let mut caller = Caller::connect(self.port).await?;
        let thread = caller.post("/v1/threads", &json!({})).await?;
        let messages = format!("/v1/threads/{}/messages", text_of(&thread, "id")?);
        let message = json!({"role": "user", "content": TEXT});
        let mut raw = raw::Database::open(&folder.join("raw.db"))?;
        let asks = [
            ("Appending a message", messages.as_str(), message),
            ("Creating a thread", "/v1/threads", json!({})),
        ];
        let mut rates = Vec::new();
        let mut raw_writes = Vec::new();
        for (title, path, body) in &asks {
            for clients in [1, MANY] {
                let mut turns = Vec::new();
                for _ in 0..self.plan.rounds {
                    raw_writes.push(raw.write(self.plan.turn)?);
                    turns.push(self.turn(clients, "POST", path, Some(body)).await?);
                }
                rates.push(Rate {
                    title: (*title).to_owned(),
                    clients,
                    durable: true,
                    per_second: median(turns),
                });
            }
        }
        // The message's thread is long by now; a page of it is as any other.
        for clients in [1, MANY] {
            let mut turns = Vec::new();
            for _ in 0..self.plan.rounds {
                turns.push(self.turn(clients, "GET", &messages, None).await?);
            }
            rates.push(Rate {
                title: "Reading a page of 20 messages".to_owned(),
                clients,
                durable: false,
                per_second: median(turns),
            });
        }
        Ok((rates, raw::Figures::median(&raw_writes)))
    }

    /// Requests per second of so many clients that each ask again as soon as they are answered.
    async fn turn(
        &self,
        clients: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<f64> {
        let callers = try_join_all((0..clients).map(|_| Caller::connect(self.port))).await?;
        let start = Instant::now();
        let deadline = start + self.plan.turn;
        let body = body.map(Value::to_string).unwrap_or_default();
        let body = body.as_str();
        let counts = callers.into_iter().map(|mut caller| async move {
            let mut count = 0usize;
            while Instant::now() < deadline {
                caller.ask(method, path, body).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
        let count: usize = try_join_all(counts).await?.into_iter().sum();
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }

    /// The first page of a long thread, and one from its middle.
    async fn paging(&self) -> Result<Paging> {
        let mut caller = Caller::connect(self.port).await?;
        let messages = vec![json!({"role": "user", "content": TEXT}); self.plan.deep];
        let thread = caller
            .post("/v1/threads", &json!({"messages": messages}))
            .await?;
        let list = format!("/v1/threads/{}/messages", text_of(&thread, "id")?);
        let mut path = format!("{list}?limit=100");
        for _ in 0..self.plan.deep / 200 {
            let page = caller.get(&path).await?;
            path = format!("{list}?limit=100&after={}", text_of(&page, "last_id")?);
        }
        let deep = path.replace("limit=100", "limit=20");
        let (mut first_us, mut deep_us) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.runs {
            first_us.push(caller.time("GET", &list, "").await?);
            deep_us.push(caller.time("GET", &deep, "").await?);
        }
        Ok(Paging {
            messages: self.plan.deep,
            first_us: median(first_us),
            deep_us: median(deep_us),
        })
    }

    /// A run's own time around the model's.
    async fn runs(&self, assistant: &str, upstream: &SlowUpstream) -> Result<RunCost> {
        upstream.open();
        let mut caller = Caller::connect(self.port).await?;
        let body = run_body(assistant, true);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.runs {
            upstream.forget();
            let start = Instant::now();
            let end = caller
                .watch("/v1/threads/runs", &body, b"event: thread.run.completed")
                .await?;
            let seen = upstream.last().context("the upstream was not asked")?;
            before.push((seen.asked - start).as_secs_f64() * 1e3);
            after.push((end - seen.answered).as_secs_f64() * 1e3);
        }
        Ok(RunCost {
            before_ms: [percentile(&mut before, 0.5), percentile(&mut before, 0.99)],
            after_ms: [percentile(&mut after, 0.5), percentile(&mut after, 0.99)],
        })
    }

    /// Many runs on an upstream that lets them wait.
    async fn flight(
        &self,
        assistant: &str,
        upstream: &SlowUpstream,
        locum: &Server,
    ) -> Result<Flight> {
        let other = format!("/v1/assistants/{assistant}");
        let mut caller = Caller::connect(self.port).await?;
        let mut idle = self.times(&mut caller, &other).await?;
        let idle_bytes = locum.resident_bytes()?;
        upstream.close();
        upstream.forget();
        let body = run_body(assistant, false);
        let callers = try_join_all((0..20).map(|_| Caller::connect(self.port))).await?;
        let each = self.plan.in_flight / callers.len();
        let body = body.as_str();
        let begun = callers.into_iter().map(|mut caller| async move {
            let mut runs = Vec::with_capacity(each);
            for _ in 0..each {
                let answer = caller.ask("POST", "/v1/threads/runs", body).await?;
                let run: Value = serde_json::from_slice(answer)?;
                runs.push(format!(
                    "/v1/threads/{}/runs/{}",
                    text_of(&run, "thread_id")?,
                    text_of(&run, "id")?
                ));
            }
            anyhow::Ok(runs)
        });
        let runs = try_join_all(begun).await?.concat();
        upstream.await_asked(runs.len()).await?;
        let flying_bytes = locum.resident_bytes()?;
        let mut busy = self.times(&mut caller, &other).await?;
        upstream.open();
        let start = Instant::now();
        for run in &runs {
            loop {
                let status = text_of(&caller.get(run).await?, "status")?;
                if status == "completed" {
                    break;
                }
                ensure!(status == "in_progress", "a run is {status}");
                ensure!(
                    start.elapsed() < Duration::from_secs(60),
                    "a run does not end"
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(Flight {
            runs: runs.len(),
            bytes_per_run: flying_bytes.saturating_sub(idle_bytes) / runs.len() as u64,
            idle_p99_us: percentile(&mut idle, 0.99),
            busy_p99_us: percentile(&mut busy, 0.99),
        })
    }

    async fn times(&self, caller: &mut Caller, path: &str) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        let deadline = Instant::now() + self.plan.turn;
        while Instant::now() < deadline {
            times.push(caller.time("GET", path, "").await?);
        }
        Ok(times)
    }
}

/// A request for a run on a thread of its own.
pub(crate) fn run_body(assistant: &str, stream: bool) -> String {
    let thread = json!({"messages": [{"role": "user", "content": TEXT}]});
    json!({"assistant_id": assistant, "thread": thread, "stream": stream}).to_string()
}

/// A text among an object's members.
pub(crate) fn text_of(object: &Value, key: &str) -> Result<String> {
    let text = object.get(key).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("no {key} in {object}"))?
        .to_owned())
}
