//! A circuit breaker, without a clock: the time is an argument.
//!
//! Closed, it lets everything through and counts failures in a row. [`TRIP_AFTER`] of them open it: nothing gets through
//! for a while. Then it is half open: one request, the probe, gets through; its success closes the circuit, its failure
//! opens it for twice as long as before.

use std::time::Duration;

/// Failures in a row that open the circuit.
pub const TRIP_AFTER: u32 = 5;
/// How long the circuit stays open at first.
pub const FIRST_REST: Duration = Duration::from_secs(10);
/// How long it stays open at most.
pub const LONGEST_REST: Duration = Duration::from_secs(120);
/// When a probe that never came back is given up and another one let through.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(60);

/// What the circuit looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Everything gets through.
    Closed,
    /// Nothing gets through.
    Open,
    /// One probe gets through.
    HalfOpen,
}

impl Circuit {
    /// The name in `/health`, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker. Times are durations since any fixed moment.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    failures: u32,
    rest: Duration,
    open_until: Option<Duration>,
    probe_since: Option<Duration>,
}

impl Breaker {
    /// Asks for one request to get through.
    ///
    /// # Errors
    /// How long the circuit stays shut; at least a millisecond.
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let Some(until) = self.open_until else {
            return Ok(());
        };
        if now < until {
            return Err(until - now);
        }
        match self.probe_since {
            Some(since) if now < since + PROBE_PATIENCE => Err(Duration::from_secs(1)),
            _ => {
                self.probe_since = Some(now);
                Ok(())
            }
        }
    }

    /// A request that got through has succeeded, or failed in a way that does not speak against the provider.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A request that got through has failed in a way that speaks against the provider.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        let probed = self.probe_since.take().is_some();
        if probed || (self.open_until.is_none() && self.failures >= TRIP_AFTER) {
            self.rest = if probed {
                (self.rest * 2).min(LONGEST_REST)
            } else {
                FIRST_REST
            };
            self.open_until = Some(now + self.rest);
        }
    }

    /// A request that got through was given up by its client: nothing was learnt.
    pub fn abandoned(&mut self) {
        self.probe_since = None;
    }

    /// What it looks like from outside.
    pub fn circuit(&self, now: Duration) -> Circuit {
        match self.open_until {
            None => Circuit::Closed,
            Some(until) if now < until => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tripped() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..TRIP_AFTER {
            assert_eq!(breaker.admit(Duration::ZERO), Ok(()));
            breaker.failed(Duration::ZERO);
        }
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..TRIP_AFTER {
                breaker.failed(Duration::ZERO);
            }
            breaker.succeeded();
        }
        assert_eq!(breaker.circuit(Duration::ZERO), Circuit::Closed);
        assert_eq!(tripped().circuit(SECOND), Circuit::Open);
        assert_eq!(tripped().admit(SECOND), Err(FIRST_REST - SECOND));
    }

    #[test]
    fn half_open_lets_one_probe_through() {
        let mut breaker = tripped();
        assert_eq!(breaker.circuit(FIRST_REST), Circuit::HalfOpen);
        assert_eq!(breaker.admit(FIRST_REST), Ok(()));
        assert!(breaker.admit(FIRST_REST).is_err());
        breaker.succeeded();
        assert_eq!(breaker.circuit(FIRST_REST), Circuit::Closed);
        assert_eq!(breaker.admit(FIRST_REST), Ok(()));
    }

    #[test]
    fn a_failed_probe_rests_twice_as_long() {
        let mut breaker = tripped();
        breaker.admit(FIRST_REST).unwrap();
        breaker.failed(FIRST_REST);
        assert_eq!(breaker.admit(FIRST_REST), Err(FIRST_REST * 2));
    }

    #[test]
    fn an_abandoned_probe_makes_room_for_another() {
        let mut breaker = tripped();
        breaker.admit(FIRST_REST).unwrap();
        breaker.abandoned();
        assert_eq!(breaker.admit(FIRST_REST), Ok(()));
        assert_eq!(breaker.admit(FIRST_REST + PROBE_PATIENCE), Ok(()));
    }

    proptest! {
        /// Whatever happens, waiting long enough always lets somebody through again.
        #[test]
        fn never_shut_for_ever(inputs in prop::collection::vec((0u8..4, 0u64..30), 0..200)) {
            let mut breaker = Breaker::default();
            let mut now = Duration::ZERO;
            for (input, seconds) in inputs {
                now += Duration::from_secs(seconds);
                match input {
                    0 => drop(breaker.admit(now)),
                    1 => breaker.succeeded(),
                    2 => breaker.failed(now),
                    _ => breaker.abandoned(),
                }
            }
            now += LONGEST_REST + PROBE_PATIENCE;
            prop_assert_eq!(breaker.admit(now), Ok(()));
        }
    }
}
