//! The tables: figures in, Markdown out, always in the same layout.

use std::fmt::Write;

use crate::cases::Case;
use crate::measure::median;

const IDLE_AIM_MIB: f64 = 12.0;
const LOADED_AIM_MIB: f64 = 20.0;
const FIRST_ANSWER_AIM_MS: f64 = 40.0;
/// When the floor had to wait for its core longer than this share of its time, something else used it.
const QUIET_SHARE: f64 = 0.02;

/// Everything that one run measured.
#[derive(Debug)]
pub struct Report {
    /// The machine in a few words.
    pub machine: String,
    /// What was measured beside the floor.
    pub subject: &'static str,
    /// How many turns each figure is the median of.
    pub rounds: usize,
    /// Whether the rounds were few and short.
    pub quick: bool,
    /// One row per case.
    pub rows: Vec<Row>,
    /// The floor's memory and start.
    pub floor: Footprint,
    /// Locum's memory and start.
    pub locum: Footprint,
}

/// One case.
#[derive(Debug)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// The floor under full load.
    pub floor: Figures,
    /// Locum under full load.
    pub locum: Figures,
    /// One request at a time: straight to the upstream, through the floor, through Locum.
    pub latency: Option<[Latency; 3]>,
}

/// One turn of one proxy under full load.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// User and system time of the process per request.
    pub cpu_us: f64,
    /// The share of its runnable time in which another thread had the core.
    pub waited: f64,
    /// The throughput.
    pub requests_per_second: f64,
}

/// All turns of one proxy in one case.
#[derive(Debug)]
pub struct Figures(Vec<Turn>);

impl Figures {
    /// The turns in the order of the rounds.
    pub fn new(turns: Vec<Turn>) -> Self {
        Self(turns)
    }

    fn cpu_us(&self) -> f64 {
        median(self.0.iter().map(|turn| turn.cpu_us))
    }

    fn requests_per_second(&self) -> f64 {
        median(self.0.iter().map(|turn| turn.requests_per_second))
    }

    fn waited(&self) -> f64 {
        median(self.0.iter().map(|turn| turn.waited))
    }
}

/// The latency of single requests.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// The median.
    pub p50_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
}

impl Latency {
    /// The median of several turns.
    pub fn median(turns: &[Latency]) -> Self {
        Self {
            p50_us: median(turns.iter().map(|turn| turn.p50_us)),
            p99_us: median(turns.iter().map(|turn| turn.p99_us)),
        }
    }
}

/// What a process takes before it does anything, and after it did a lot.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Resident memory before the first request.
    pub idle_bytes: u64,
    /// Resident memory after the last one.
    pub loaded_bytes: u64,
    /// From the start of the process to its first answer.
    pub first_answer_ms: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.locum.cpu_us() / self.floor.cpu_us()
    }

    /// The smallest and the largest ratio of one round.
    fn ratio_range(&self) -> (f64, f64) {
        self.floor
            .0
            .iter()
            .zip(&self.locum.0)
            .map(|(floor, locum)| locum.cpu_us / floor.cpu_us)
            .fold((f64::INFINITY, 0.0), |(low, high), ratio| {
                (ratio.min(low), ratio.max(high))
            })
    }

    /// By how much the floor's turns stray from their median: the widest of them, as a share.
    fn straying(&self) -> f64 {
        let middle = self.floor.cpu_us();
        self.floor
            .0
            .iter()
            .map(|turn| (turn.cpu_us / middle - 1.0).abs())
            .fold(0.0, f64::max)
    }
}

impl Report {
    /// The page for the documentation.
    pub fn page(&self) -> String {
        let rounds = self.rounds;
        let subject = self.subject;
        let mut page = String::from("# Performance\n\n");
        page.push_str(
            "What Locum costs per request, beside the *floor*: a bare pass-through proxy on the same HTTP library, \
             which does the least honest work (check the key, read `model` and `stream`, swap the key, forward the \
             bytes, read the usage) and nothing else. Locum runs as it is shipped: authentication, rate limit, metrics \
             and logs are on. This page is written by\n\n```sh\ncargo xtask bench\n```\n\n",
        );
        if subject != "Locum" {
            let _ = writeln!(
                page,
                "**Locum was not measured here**: a second floor stood in for it, so every ratio should be close to 1.\n"
            );
        }
        let _ = writeln!(
            page,
            "Machine: {}. Each proxy has one worker thread and one core to itself; a mock upstream, which answers at \
             once, and the load generator share another core. CPU time is user and system time of the proxy's process \
             as the kernel counts it. Floor and {subject} take turns, and each figure is the median of {rounds} turns.\n",
            self.machine
        );
        page.push_str(&self.tables());
        page
    }

    /// The tables, and what to think of them.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        self.write_cpu(&mut text);
        self.write_throughput(&mut text);
        self.write_latency(&mut text);
        self.write_footprint(&mut text);
        self.write_noise(&mut text);
        text
    }

    fn write_cpu(&self, text: &mut String) {
        let subject = self.subject;
        let _ = write!(
            text,
            "## CPU time per request\n\n\
             | | Floor | {subject} | Ratio | Ratio in single rounds | Aim | |\n|---|--:|--:|--:|--:|--:|---|\n"
        );
        for row in &self.rows {
            let (low, high) = row.ratio_range();
            let (aim, verdict) = verdict(row.ratio(), row.case.aim, |aim| format!("{aim:.2} ×"));
            let _ = writeln!(
                text,
                "| {} | {:.1} µs | {:.1} µs | {:.2} × | {low:.2} to {high:.2} | {aim} | {verdict} |",
                row.case.title,
                row.floor.cpu_us(),
                row.locum.cpu_us(),
                row.ratio(),
            );
        }
        text.push_str(
            "\nThe floor speaks OpenAI's protocol alone; where Gemini is behind Locum, the floor passes the same \
             request through to OpenAI. Where chunks come apart in time, each is a read, a wake-up and a write of its \
             own, and nothing can be gathered.\n\n",
        );
    }

    fn write_throughput(&self, text: &mut String) {
        let _ = write!(
            text,
            "## Requests per second, one thread on one core\n\n| | Floor | {} | Ratio |\n|---|--:|--:|--:|\n",
            self.subject
        );
        for row in self.rows.iter().filter(|row| !row.case.is_paced()) {
            let floor = row.floor.requests_per_second();
            let locum = row.locum.requests_per_second();
            let _ = writeln!(
                text,
                "| {} | {floor:.0} | {locum:.0} | {:.2} × |",
                row.case.title,
                locum / floor
            );
        }
        text.push_str(
            "\nIn streams the upstream's core, which writes every chunk by itself, is about as busy as the proxy's, \
             and bounds the throughput.\n\n",
        );
    }

    fn write_latency(&self, text: &mut String) {
        let subject = self.subject;
        let _ = write!(
            text,
            "## Added latency, one request at a time\n\n\
             To the last byte, and on top of what the upstream takes when it is asked directly.\n\n\
             | | Direct p50 | Floor adds | {subject} adds | Direct p99 | Floor adds | {subject} adds |\n\
             |---|--:|--:|--:|--:|--:|--:|\n"
        );
        for row in &self.rows {
            if let Some([direct, floor, locum]) = row.latency {
                let _ = writeln!(
                    text,
                    "| {} | {:.0} µs | {:+.0} µs | {:+.0} µs | {:.0} µs | {:+.0} µs | {:+.0} µs |",
                    row.case.title,
                    direct.p50_us,
                    floor.p50_us - direct.p50_us,
                    locum.p50_us - direct.p50_us,
                    direct.p99_us,
                    floor.p99_us - direct.p99_us,
                    locum.p99_us - direct.p99_us,
                );
            }
        }
        text.push('\n');
    }

    fn write_footprint(&self, text: &mut String) {
        let _ = write!(
            text,
            "## Memory and start\n\n| | Floor | {} | Aim | |\n|---|--:|--:|--:|---|\n",
            self.subject
        );
        let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
        let rows = [
            (
                "Resident memory, idle",
                mib(self.floor.idle_bytes),
                mib(self.locum.idle_bytes),
                IDLE_AIM_MIB,
                "MiB",
            ),
            (
                "Resident memory after all of the above",
                mib(self.floor.loaded_bytes),
                mib(self.locum.loaded_bytes),
                LOADED_AIM_MIB,
                "MiB",
            ),
            (
                "From start to the first answer",
                self.floor.first_answer_ms,
                self.locum.first_answer_ms,
                FIRST_ANSWER_AIM_MS,
                "ms",
            ),
        ];
        for (title, floor, locum, aim, unit) in rows {
            let (aim, verdict) = verdict(locum, Some(aim), |aim| format!("{aim:.0} {unit}"));
            let _ = writeln!(
                text,
                "| {title} | {floor:.1} {unit} | {locum:.1} {unit} | {aim} | {verdict} |"
            );
        }
        text.push('\n');
    }

    fn write_noise(&self, text: &mut String) {
        text.push_str("## Noise\n\n");
        let straying = self.rows.iter().map(Row::straying).fold(0.0, f64::max) * 100.0;
        let waited = median(self.rows.iter().map(|row| row.floor.waited())) * 100.0;
        let _ = write!(
            text,
            "The floor's own CPU time per request strayed from its median by up to {straying:.0} % between rounds, and \
             for {waited:.1} % of the time in which the floor could have run, something else had its core."
        );
        if waited > QUIET_SHARE * 100.0 {
            text.push_str(" **The machine was not quiet: repeat this run.**");
        }
        if self.quick {
            text.push_str(" **This was a quick run: the figures are rough.**");
        }
        text.push_str(" A difference smaller than the range of the single rounds means nothing.\n");
    }
}

/// The aim as text, and whether the value meets it as both are printed.
fn verdict(value: f64, aim: Option<f64>, show: impl Fn(f64) -> String) -> (String, &'static str) {
    match aim {
        None => ("–".to_owned(), ""),
        Some(aim) => (
            format!("≤ {}", show(aim)),
            if (value * 100.0).round() <= (aim * 100.0).round() {
                "met"
            } else {
                "**missed**"
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    fn turns(cpu_us: [f64; 3]) -> Figures {
        Figures::new(
            cpu_us
                .map(|cpu_us| Turn {
                    cpu_us,
                    waited: 0.001,
                    requests_per_second: 1e6 / cpu_us,
                })
                .to_vec(),
        )
    }

    fn report() -> Report {
        let footprint = Footprint {
            idle_bytes: 5 << 20,
            loaded_bytes: 21 << 20,
            first_answer_ms: 3.0,
        };
        let latency = |p50_us| Latency {
            p50_us,
            p99_us: 2.0 * p50_us,
        };
        Report {
            machine: "A machine".to_owned(),
            subject: "Locum",
            rounds: 3,
            quick: false,
            rows: vec![Row {
                case: cases::ALL[0],
                floor: turns([20.0, 22.0, 19.0]),
                locum: turns([28.0, 27.0, 30.0]),
                latency: Some([latency(10.0), latency(40.0), latency(55.0)]),
            }],
            floor: footprint,
            locum: footprint,
        }
    }

    #[test]
    fn figures_are_medians_and_ratios_are_held_against_the_aims() {
        let text = report().tables();
        for line in [
            "| Short chat | 20.0 µs | 28.0 µs | 1.40 × | 1.23 to 1.58 | ≤ 1.40 × | met |",
            "| Short chat | 50000 | 35714 | 0.71 × |",
            "| Short chat | 10 µs | +30 µs | +45 µs | 20 µs | +60 µs | +90 µs |",
            "| Resident memory, idle | 5.0 MiB | 5.0 MiB | ≤ 12 MiB | met |",
            "| Resident memory after all of the above | 21.0 MiB | 21.0 MiB | ≤ 20 MiB | **missed** |",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("by up to 10 % between rounds"), "{text}");
        assert!(!text.contains("not quiet"), "{text}");
    }

    #[test]
    fn the_same_figures_give_the_same_page() {
        assert_eq!(report().page(), report().page());
    }
}
