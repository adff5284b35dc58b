//! The tables of what is kept.

use std::fmt::Write;

use super::raw;
use crate::verdict::verdict;

const WRITES_AIM: f64 = 0.7;
const RUN_AIM_MS: f64 = 3.0;
const RUN_AIM_KIB: f64 = 64.0;
const CALM_AIM: f64 = 5.0;
const DEEP_AIM: f64 = 1.3;

/// Everything that was measured.
#[derive(Debug)]
pub struct Keeping {
    /// SQLite without a server.
    pub raw: raw::Figures,
    /// Requests per second.
    pub writes: Vec<Rate>,
    /// Pages of a long thread.
    pub paging: Paging,
    /// A run's own time.
    pub run: RunCost,
    /// Many runs at once.
    pub flight: Flight,
}

/// Requests per second of one kind.
#[derive(Debug)]
pub struct Rate {
    /// What is asked.
    pub title: String,
    /// How many clients ask at once.
    pub clients: usize,
    /// Whether each is a durable write.
    pub durable: bool,
    /// The throughput.
    pub per_second: f64,
}

/// Pages of a long thread.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    /// How long it is.
    pub messages: usize,
    /// The median time of its first page.
    pub first_us: f64,
    /// The median time of a page in its middle.
    pub deep_us: f64,
}

/// What a run takes beside the model: the median and the 99th percentile.
#[derive(Clone, Copy, Debug)]
pub struct RunCost {
    /// From the client's request to the upstream's request.
    pub before_ms: [f64; 2],
    /// From the upstream's last byte to the run's completion, seen by the client.
    pub after_ms: [f64; 2],
}

/// Many runs at once.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// How many.
    pub runs: usize,
    /// Resident memory that they took.
    pub bytes_per_run: u64,
    /// Other requests before.
    pub idle_p99_us: f64,
    /// Other requests meanwhile.
    pub busy_p99_us: f64,
}

impl Keeping {
    /// The chapter of the page.
    pub fn write(&self, text: &mut String) {
        let _ = write!(
            text,
            "## The Assistants API\n\nRaw SQLite, on the same disk with the same durability, writes {:.0} such rows per second one after the other; one write \
             takes {:.2} ms. Locum puts the writes of clients that ask at the same time on the disk together.\n\n\
             | Requests per second | Clients | Locum | Raw | Ratio | Aim | |\n|---|--:|--:|--:|--:|--:|---|\n",
            self.raw.per_second, self.raw.write_ms
        );
        for rate in &self.writes {
            let Rate {
                title,
                clients,
                per_second,
                ..
            } = rate;
            let row = if rate.durable {
                let ratio = per_second / self.raw.per_second;
                let raw = self.raw.per_second;
                let (aim, met) = match *clients {
                    1 => ("–", ""),
                    _ if ratio >= WRITES_AIM => ("≥ 0.70 ×", "met"),
                    _ => ("≥ 0.70 ×", "**missed**"),
                };
                format!("{raw:.0} | {ratio:.2} × | {aim} | {met}")
            } else {
                "– | – | – | ".to_owned()
            };
            let _ = writeln!(text, "| {title} | {clients} | {per_second:.0} | {row} |");
        }
        text.push_str("\n| | Median | 99th percentile | Aim | |\n|---|--:|--:|--:|---|\n");
        for (title, [p50, p99]) in [
            (
                "From the request for a run to the upstream's request",
                self.run.before_ms,
            ),
            (
                "From the upstream's last byte to the run's end",
                self.run.after_ms,
            ),
        ] {
            let (aim, met) = verdict(p50, Some(RUN_AIM_MS), |aim| format!("{aim:.0} ms"));
            let _ = writeln!(
                text,
                "| {title} | {p50:.2} ms | {p99:.2} ms | {aim} | {met} |"
            );
        }
        let Flight {
            runs,
            bytes_per_run,
            idle_p99_us,
            busy_p99_us,
        } = self.flight;
        let kib = bytes_per_run as f64 / 1024.0;
        let calm = busy_p99_us / idle_p99_us;
        let deep = self.paging.deep_us / self.paging.first_us;
        text.push_str("\n| | Measured | Aim | |\n|---|--:|--:|---|\n");
        for (title, shown, value, aim) in [
            (
                format!("Memory per run, {runs} runs in flight"),
                format!("{kib:.1} KiB"),
                kib,
                (RUN_AIM_KIB, "64 KiB"),
            ),
            (
                format!("99th percentile of other requests meanwhile, {idle_p99_us:.0} µs before"),
                format!("{busy_p99_us:.0} µs, {calm:.2} ×"),
                calm,
                (CALM_AIM, "5 ×"),
            ),
            (
                format!(
                    "A page in the middle of {} messages, beside the first page's {:.0} µs",
                    self.paging.messages, self.paging.first_us
                ),
                format!("{:.0} µs, {deep:.2} ×", self.paging.deep_us),
                deep,
                (DEEP_AIM, "1.3 ×"),
            ),
        ] {
            let (aim, met) = verdict(value, Some(aim.0), |_| aim.1.to_owned());
            let _ = writeln!(text, "| {title} | {shown} | {aim} | {met} |");
        }
        text.push('\n');
    }
}
