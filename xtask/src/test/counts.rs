//! How many tests passed: read from the closing lines of the runners.

use std::ops::AddAssign;

use anyhow::{Result, bail};

use crate::command::Finished;

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ran and held.
    pub passed: usize,
    /// Ran and did not hold, or could not be built.
    pub failed: usize,
    /// Did not run.
    pub skipped: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Counts {
    /// A step that is one check.
    pub fn one(success: bool) -> Self {
        Self {
            passed: usize::from(success),
            failed: usize::from(!success),
            skipped: 0,
        }
    }

    /// What a runner counted. A runner that failed counts at least one failure, and one that counted
    /// nothing is an error: no step passes by running no test.
    pub fn read(finished: &Finished, is_closing: fn(&str) -> bool) -> Result<Self> {
        let mut counts = Self::default();
        for line in finished.lines.iter().filter(|line| is_closing(line)) {
            counts += Self::of_line(line);
        }
        if !finished.success && counts.failed == 0 {
            counts.failed = 1;
        }
        if counts == Self::default() {
            bail!("no test ran");
        }
        Ok(counts)
    }

    /// Reads "3 passed", "1 failed", "2 skipped" (and the runners' other words for them), in either order
    /// of word and number.
    fn of_line(line: &str) -> Self {
        let words: Vec<_> = line
            .split([' ', ',', ';', '=', ':', '(', ')'])
            .filter(|word| !word.is_empty())
            .collect();
        let mut counts = Self::default();
        for pair in words.windows(2) {
            let (number, word) = match (pair[0].parse::<usize>(), pair[1].parse::<usize>()) {
                (Ok(number), _) => (number, pair[1]),
                (_, Ok(number)) if matches!(pair[0], "pass" | "fail" | "skipped" | "cancelled") => {
                    (number, pair[0])
                }
                _ => continue,
            };
            match word {
                "passed" | "pass" => counts.passed += number,
                "failed" | "fail" | "error" | "errors" | "timed" | "cancelled" => {
                    counts.failed += number
                }
                "skipped" | "ignored" | "deselected" => counts.skipped += number,
                _ => {}
            }
        }
        counts
    }
}

/// `cargo nextest run`: "Summary [ 0.5s] 12 tests run: 11 passed, 1 failed, 0 skipped".
pub fn nextest(line: &str) -> bool {
    line.trim_start().starts_with("Summary [")
}

/// `cargo test`: "test result: ok. 5 passed; 0 failed; 0 ignored; …".
pub fn cargo_test(line: &str) -> bool {
    line.starts_with("test result:")
}

/// pytest: "3 passed, 1 skipped in 0.50s".
pub fn pytest(line: &str) -> bool {
    let line = line.trim_matches(['=', ' ']);
    line.starts_with(|first: char| first.is_ascii_digit()) && line.contains(" in ")
}

/// Node's test runner: "ℹ pass 3", "ℹ fail 0", "ℹ cancelled 0", "ℹ skipped 0", each on its line.
pub fn node(line: &str) -> bool {
    line.starts_with(['ℹ', '#'])
}

#[cfg(test)]
mod tests {
    use super::{Counts, cargo_test, nextest, node, pytest};
    use crate::command::Finished;

    #[track_caller]
    fn check(is_closing: fn(&str) -> bool, output: &str, expected: [usize; 3]) {
        let lines = output.lines().map(str::to_owned).collect();
        let counts = Counts::read(
            &Finished {
                success: expected[1] == 0,
                lines,
            },
            is_closing,
        )
        .unwrap();
        assert_eq!([counts.passed, counts.failed, counts.skipped], expected);
    }

    #[test]
    fn nextest_counts() {
        check(
            nextest,
            "     Summary [   0.027s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped",
            [10, 2, 3],
        );
        check(
            nextest,
            "     Summary [   0.027s] 5 tests run: 4 passed, 1 timed out, 0 skipped",
            [4, 1, 0],
        );
    }

    #[test]
    fn cargo_test_counts_are_summed() {
        let line = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s";
        check(cargo_test, &format!("{line}\n{line}"), [10, 0, 2]);
    }

    #[test]
    fn pytest_counts() {
        check(
            pytest,
            "tests/a.py ..F\n2 failed, 30 passed, 1 skipped in 12.34s",
            [30, 2, 1],
        );
        check(pytest, "===== 3 passed, 1 error in 0.50s =====", [3, 1, 0]);
        check(pytest, "3 passed in 75.20s (0:01:15)", [3, 0, 0]);
    }

    #[test]
    fn node_counts() {
        check(
            node,
            "ℹ tests 9\nℹ suites 2\nℹ pass 7\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\nℹ todo 0",
            [7, 2, 0],
        );
    }

    #[test]
    fn a_runner_that_failed_without_counting_has_failed() {
        let finished = Finished {
            success: false,
            lines: vec!["error: could not compile".to_owned()],
        };
        assert_eq!(Counts::read(&finished, nextest).unwrap().failed, 1);
    }

    #[test]
    fn a_runner_that_ran_nothing_is_an_error() {
        assert!(
            Counts::read(
                &Finished {
                    success: true,
                    lines: vec![]
                },
                pytest
            )
            .is_err()
        );
    }
}
