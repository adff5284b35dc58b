//! The tables of what is shared.

use std::fmt::Write;

/// What has to be reached of pgbench's rate.
const AIM: f64 = 0.6;
/// How far the rate may change with the number of threads.
const GROWTH_AIM: f64 = 0.2;
/// A lease, and what may pass after it until a run is taken over.
const LEASE_S: f64 = 10.0;
const AFTER_LEASE_S: f64 = 2.0;

/// Everything that was measured.
#[derive(Debug)]
pub struct Sharing {
    /// How many clients ask at once.
    pub clients: usize,
    /// Messages appended per second.
    pub messages: Rates,
    /// Runs per second, from the request to their end.
    pub runs: Rates,
    /// Durable writes of a run.
    pub commits: f64,
    /// Few threads and many.
    pub growth: Growth,
    /// From a kill to the takeover, in seconds.
    pub takeovers_s: Vec<f64>,
}

/// Rates of one kind, per second.
#[derive(Debug)]
pub struct Rates {
    /// pgbench with the same statements.
    pub raw: f64,
    /// Locum in one process, two, three.
    pub shared: Vec<f64>,
}

/// Messages per second, with few threads and with many.
#[derive(Debug)]
pub struct Growth {
    /// How many threads there were.
    pub threads: [usize; 2],
    /// The rates.
    pub per_second: [f64; 2],
}

impl Sharing {
    /// Appends the chapter.
    pub fn write(&self, text: &mut String) {
        let Self {
            clients, commits, ..
        } = self;
        let _ = write!(
            text,
            "## Several processes over one PostgreSQL\n\n\
             {clients} clients ask one process, two or three, which share a PostgreSQL that commits to the disk. Beside them pgbench, which runs the same statements as prepared ones with as many clients and \
             does nothing else. Everything, the server and the load too, shares this machine's cores, so that more processes can bring no more than is left of them. A run of the bench takes \
             {commits:.1} durable writes; what pgbench runs for it takes 2.\n\n\
             | Per second | pgbench | 1 process | 2 processes | 3 processes | Best ratio | Aim | |\n|---|--:|--:|--:|--:|--:|--:|---|\n",
        );
        for (title, rates) in [
            ("Messages appended", &self.messages),
            ("Runs, begun and ended", &self.runs),
        ] {
            let shared: Vec<_> = rates
                .shared
                .iter()
                .map(|rate| format!("{rate:.0}"))
                .collect();
            let best = rates.shared.iter().copied().fold(0.0, f64::max) / rates.raw;
            let _ = writeln!(
                text,
                "| {title} | {:.0} | {} | {best:.2} × | ≥ {AIM:.2} × | {} |",
                rates.raw,
                shared.join(" | "),
                word(best >= AIM - 0.005)
            );
        }
        let [few, many] = self.growth.threads;
        let [first, last] = self.growth.per_second;
        let change = last / first - 1.0;
        let _ = writeln!(
            text,
            "\nWith {few} stored threads one process appends {first:.0} messages per second, with {many} of them {last:.0}: {:+.0} % (aim: ± {:.0} %, {}).",
            change * 100.0,
            GROWTH_AIM * 100.0,
            word(change.abs() <= GROWTH_AIM + 0.005),
        );
        let longest = self.takeovers_s.iter().copied().fold(0.0, f64::max);
        let times: Vec<_> = self
            .takeovers_s
            .iter()
            .map(|seconds| format!("{seconds:.1} s"))
            .collect();
        let _ = writeln!(
            text,
            "\nThe run of a process that is killed is taken over after {} (aim: ≤ {:.0} s with a lease of {LEASE_S:.0} s, {}).\n",
            times.join(", "),
            LEASE_S + AFTER_LEASE_S,
            word(longest <= LEASE_S + AFTER_LEASE_S),
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
    fn figures_are_held_against_their_aims() {
        let sharing = Sharing {
            clients: 48,
            messages: Rates {
                raw: 1000.0,
                shared: vec![500.0, 590.0, 600.0],
            },
            runs: Rates {
                raw: 1000.0,
                shared: vec![500.0, 500.0, 500.0],
            },
            commits: 2.0,
            growth: Growth {
                threads: [1000, 1_000_000],
                per_second: [100.0, 79.0],
            },
            takeovers_s: vec![10.5, 11.0],
        };
        let mut text = String::new();
        sharing.write(&mut text);
        for part in [
            "| Messages appended | 1000 | 500 | 590 | 600 | 0.60 × | ≥ 0.60 × | met |",
            "| Runs, begun and ended | 1000 | 500 | 500 | 500 | 0.50 × | ≥ 0.60 × | **missed** |",
            "-21 % (aim: ± 20 %, **missed**)",
            "after 10.5 s, 11.0 s (aim: ≤ 12 s with a lease of 10 s, met)",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
