//! The tables: figures in, Markdown out, always in the same layout.

use std::fmt::Write;

use crate::cases::Case;
use crate::keeping::Keeping;
use crate::measure::{median, quartiles};
use crate::sharing::Sharing;
use crate::verdict::verdict;
use crate::worker;

const IDLE_AIM_MIB: f64 = 12.0;
const LOADED_AIM_MIB: f64 = 20.0;
const FIRST_ANSWER_AIM_MS: f64 = 40.0;
/// Other programs may take this share of a core before the run says that its figures are not to be trusted.
const QUIET_SHARE: f64 = 0.05;

/// Everything that one run measured.
#[derive(Debug)]
pub struct Report {
    /// The machine in a few words.
    pub machine: String,
    /// What was measured beside the floor.
    pub subject: &'static str,
    /// How many turns each figure is the median of.
    pub rounds: usize,
    /// How much CPU time other programs have used meanwhile, as a share of one core.
    pub foreign_share: f64,
    /// Whether the rounds were few and short.
    pub quick: bool,
    /// One row per case.
    pub rows: Vec<Row>,
    /// What the Assistants API costs, where that was measured.
    pub keeping: Option<Keeping>,
    /// What several processes make of one PostgreSQL, where that was measured.
    pub sharing: Option<Sharing>,
    /// What it costs as a Worker, where that was measured.
    pub worker: Option<worker::Figures>,
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
    /// Locum's CPU time as a multiple of the floor's, round by round, because the machine is not equally
    /// fast in all of them: the quartiles.
    fn ratios(&self) -> [f64; 3] {
        let rounds = self.floor.0.iter().zip(&self.locum.0);
        quartiles(rounds.map(|(floor, locum)| locum.cpu_us / floor.cpu_us))
    }

    /// How far apart the quartiles of the floor's own CPU time are, as a share of the median.
    fn spread(&self) -> f64 {
        let [low, middle, high] = quartiles(self.floor.0.iter().map(|turn| turn.cpu_us));
        (high - low) / middle
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
             as the kernel counts it. Floor and {subject} take turns, and each figure is the median of up to {rounds} turns.\n",
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
        if let Some(keeping) = &self.keeping {
            keeping.write(&mut text);
        }
        if let Some(sharing) = &self.sharing {
            sharing.write(&mut text);
        }
        if let Some(worker) = &self.worker {
            worker.write(&mut text);
        }
        self.write_noise(&mut text);
        text
    }

    fn write_cpu(&self, text: &mut String) {
        let subject = self.subject;
        let _ = write!(
            text,
            "## CPU time per request\n\n\
             | | Floor | {subject} | Ratio | Half of the rounds | Aim | |\n|---|--:|--:|--:|--:|--:|---|\n"
        );
        for row in &self.rows {
            let [low, ratio, high] = row.ratios();
            let (aim, verdict) = verdict(ratio, row.case.aim, |aim| format!("{aim:.2} ×"));
            let _ = writeln!(
                text,
                "| {} | {:.1} µs | {:.1} µs | {ratio:.2} × | {low:.2} to {high:.2} | {aim} | {verdict} |",
                row.case.title,
                row.floor.cpu_us(),
                row.locum.cpu_us(),
            );
        }
        text.push_str(
            "\nThe ratio is the median of the rounds' ratios, and half of them lie in the range beside it. The floor speaks OpenAI's protocol alone; where Gemini is behind Locum, the floor passes the same \
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
             To the last byte, and on top of what the upstream takes when it is asked directly. Most of it is what two \
             more wake-ups across cores take on an idle machine.\n\n\
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
        let spread = self.rows.iter().map(Row::spread).fold(0.0, f64::max) * 100.0;
        let _ = write!(
            text,
            "Half of the floor's own turns lie within {spread:.0} % in the worst case above, and other programs used \
             {:.0} % of a core meanwhile. A difference within the range of half of the rounds means nothing.",
            self.foreign_share * 100.0
        );
        if self.foreign_share > QUIET_SHARE {
            text.push_str(" **The machine was not quiet: repeat this run.**");
        }
        if self.quick {
            text.push_str(" **This was a quick run: the figures are rough.**");
        }
        text.push('\n');
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
            foreign_share: 0.012,
            quick: false,
            rows: vec![Row {
                case: cases::ALL[0],
                floor: turns([20.0, 22.0, 19.0]),
                locum: turns([28.0, 27.0, 30.0]),
                latency: Some([latency(10.0), latency(40.0), latency(55.0)]),
            }],
            keeping: None,
            sharing: None,
            worker: None,
            floor: footprint,
            locum: footprint,
        }
    }

    #[test]
    fn figures_are_medians_and_ratios_are_held_against_the_aims() {
        let text = report().tables();
        for line in [
            "| Short chat | 20.0 µs | 28.0 µs | 1.40 × | 1.31 to 1.49 | ≤ 1.40 × | met |",
            "| Short chat | 50000 | 35714 | 0.71 × |",
            "| Short chat | 10 µs | +30 µs | +45 µs | 20 µs | +60 µs | +90 µs |",
            "| Resident memory, idle | 5.0 MiB | 5.0 MiB | ≤ 12 MiB | met |",
            "| Resident memory after all of the above | 21.0 MiB | 21.0 MiB | ≤ 20 MiB | **missed** |",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("within 8 % in"), "{text}");
        assert!(!text.contains("not quiet"), "{text}");
    }

    #[test]
    fn the_same_figures_give_the_same_page() {
        assert_eq!(report().page(), report().page());
    }
}
