//! What follows a failed try: the same provider again, the next one, or the end.
//!
//! A pure machine: [`Plan`] knows who may be asked and who was, takes one outcome at a time and says the next [`Step`].
//! The rules, in the order in which they are looked at:
//!
//! 1. What the caller must mend ends the request.
//! 2. What another try at the same provider cannot change (a bad key, a used-up quota, an unknown model, garbage) rules that
//!    provider out.
//! 3. A provider that answered nothing at all goes to the back of the line: all others are asked before it is asked again.
//! 4. Anything else is tried again at the same provider, after an exponential pause with jitter or after what the provider
//!    asked for where that is short; then the next provider's turn comes.

use std::time::Duration;

use locum_domain::failure::{Failure, FailureClass};

/// What the policy may spend.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// More tries at one provider after its first.
    pub max_retries: u32,
    /// Whether other providers than the first are asked at all.
    pub fallback: bool,
}

/// The first pause between two tries at one provider; doubles with each.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that we choose ourselves.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The longest pause that a provider may ask of us while another provider could answer.
pub const LONGEST_HINT: Duration = Duration::from_secs(5);
/// The longest pause that a provider may ask of us when there is nobody else.
pub const LONGEST_HINT_ALONE: Duration = Duration::from_secs(20);

/// What to do next. `usize` is the provider's place in the plan, 0 for the one that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask this provider, after this pause.
    Ask {
        /// Which one.
        target: usize,
        /// Zero: at once.
        pause: Duration,
    },
    /// Tell the client about this failure.
    GiveUp {
        /// Whose failure it is.
        target: usize,
        /// What it was.
        failure: Failure,
    },
}

/// Who may still be asked for one request.
#[derive(Debug)]
pub struct Plan {
    limits: Limits,
    /// In order of preference; the front one's turn is now.
    line: Vec<Candidate>,
    told: Option<(usize, Failure)>,
}

#[derive(Debug)]
struct Candidate {
    target: usize,
    tries: u32,
}

impl Plan {
    /// A plan over `targets` providers, the preferred one first, and at least one.
    pub fn new(targets: usize, limits: Limits) -> Self {
        let targets = if limits.fallback {
            targets
        } else {
            targets.min(1)
        };
        Self {
            limits,
            line: (0..targets)
                .map(|target| Candidate { target, tries: 0 })
                .collect(),
            told: None,
        }
    }

    /// Whom to ask first.
    pub fn first(&self) -> usize {
        self.line.first().map_or(0, |candidate| candidate.target)
    }

    /// What follows the failure of the provider that was asked last. `jitter` is a random number of `0.0..1.0`.
    pub fn failed(&mut self, failure: Failure, jitter: f64) -> Step {
        let Some(front) = self.line.first_mut() else {
            return Step::GiveUp { target: 0, failure };
        };
        front.tries += 1;
        let (target, tries) = (front.target, front.tries);
        let class = failure.class;
        let hint = failure.retry_after;
        if class.is_callers_fault() {
            return Step::GiveUp { target, failure };
        }
        self.remember(target, failure);

        let spent = tries > self.limits.max_retries;
        let alone = self.line.len() == 1;
        let hint_limit = if alone {
            LONGEST_HINT_ALONE
        } else {
            LONGEST_HINT
        };
        let asks_too_long = hint.is_some_and(|hint| hint > hint_limit);
        if spent
            || is_final(class)
            || asks_too_long
            || (class == FailureClass::MalformedAnswer && tries > 1)
        {
            self.line.remove(0);
            return self.next(Duration::ZERO, jitter);
        }
        if class.is_no_answer() && !alone {
            self.line.rotate_left(1);
            return self.next(Duration::ZERO, jitter);
        }
        self.next(hint.unwrap_or_default(), jitter)
    }

    /// The provider whose turn it is may not be asked: its circuit is open. Costs it nothing but its turn.
    pub fn skipped(&mut self, failure: Failure) -> Step {
        if self.line.is_empty() {
            return Step::GiveUp { target: 0, failure };
        }
        let target = self.line.remove(0).target;
        self.remember(target, failure);
        self.next(Duration::ZERO, 1.0)
    }

    /// Asks the one whose turn it is: at once where it was not asked before, else after a pause of at least `least`.
    fn next(&mut self, least: Duration, jitter: f64) -> Step {
        match self.line.first() {
            Some(candidate) => Step::Ask {
                target: candidate.target,
                pause: match candidate.tries {
                    0 => Duration::ZERO,
                    tries => backoff(tries, jitter).max(least),
                },
            },
            None => match self.told.take() {
                Some((target, failure)) => Step::GiveUp { target, failure },
                None => Step::GiveUp {
                    target: 0,
                    failure: Failure::new(FailureClass::Server, "no provider is left"),
                },
            },
        }
    }

    /// Keeps what the client will be told if all fails: the preferred provider's newest failure, since that is the one
    /// that was asked for.
    fn remember(&mut self, target: usize, failure: Failure) {
        match &self.told {
            Some((told, _)) if *told < target => {}
            _ => self.told = Some((target, failure)),
        }
    }
}

/// Whether another try at the same provider cannot end otherwise.
fn is_final(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::QuotaExhausted
            | FailureClass::BadKey
            | FailureClass::ModelNotFound
            | FailureClass::Unsupported
            | FailureClass::Garbage
    )
}

/// The pause before try number `tries + 1`: doubling, and between half and all of it so that clients do not come in step.
fn backoff(tries: u32, jitter: f64) -> Duration {
    let whole = FIRST_PAUSE
        .saturating_mul(1 << tries.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE);
    whole.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use locum_domain::error::ApiError;
    use proptest::prelude::*;

    use super::*;

    const CLASSES: [FailureClass; 17] = [
        FailureClass::Connect,
        FailureClass::Reset,
        FailureClass::Timeout,
        FailureClass::RateLimited,
        FailureClass::QuotaExhausted,
        FailureClass::Overloaded,
        FailureClass::Server,
        FailureClass::BadKey,
        FailureClass::ModelNotFound,
        FailureClass::Unsupported,
        FailureClass::Garbage,
        FailureClass::MalformedAnswer,
        FailureClass::Cut,
        FailureClass::Stalled,
        FailureClass::BadRequest,
        FailureClass::ContextLength,
        FailureClass::ContentPolicy,
    ];

    fn failure(class: FailureClass) -> Failure {
        if class.is_callers_fault() {
            return Failure::callers(class, ApiError::invalid("x"));
        }
        Failure::new(class, "x")
    }

    fn hinted(class: FailureClass, hint: Duration) -> Failure {
        Failure {
            retry_after: Some(hint),
            ..failure(class)
        }
    }

    /// Who is asked when the tries fail in these ways, and whose failure is told in the end, if it comes to that.
    fn asked(
        targets: usize,
        max_retries: u32,
        failures: &[FailureClass],
    ) -> (Vec<usize>, Option<usize>) {
        let limits = Limits {
            max_retries,
            fallback: true,
        };
        let mut plan = Plan::new(targets, limits);
        let mut asked = vec![plan.first()];
        for &class in failures {
            match plan.failed(failure(class), 0.5) {
                Step::Ask { target, .. } => asked.push(target),
                Step::GiveUp { target, .. } => return (asked, Some(target)),
            }
        }
        (asked, None)
    }

    #[test]
    fn a_weak_moment_is_tried_again_then_the_next_has_its_turn() {
        use FailureClass::{Overloaded, RateLimited, Server};
        let failures = [Server, Overloaded, RateLimited, Server, Server, Server];
        assert_eq!(asked(2, 2, &failures), (vec![0, 0, 0, 1, 1, 1], Some(0)));
    }

    #[test]
    fn what_cannot_change_is_not_tried_again() {
        for class in CLASSES.into_iter().filter(|&class| is_final(class)) {
            assert_eq!(
                asked(3, 3, &[class; 3]),
                (vec![0, 1, 2], Some(0)),
                "{class:?}"
            );
        }
    }

    #[test]
    fn the_callers_fault_ends_the_request() {
        for class in CLASSES.into_iter().filter(|class| class.is_callers_fault()) {
            assert_eq!(asked(3, 3, &[class]), (vec![0], Some(0)), "{class:?}");
            let at_the_second = [FailureClass::BadKey, class];
            assert_eq!(
                asked(3, 3, &at_the_second),
                (vec![0, 1], Some(1)),
                "{class:?}"
            );
        }
    }

    #[test]
    fn silence_sends_to_the_back_of_the_line() {
        use FailureClass::{BadKey, Connect, Reset, Server, Timeout};
        let (asked_ones, _) = asked(3, 2, &[Connect, Reset, Timeout, Connect, Connect]);
        assert_eq!(asked_ones, [0, 1, 2, 0, 1, 2]);
        assert_eq!(
            asked(2, 1, &[Timeout, Server, Server, Timeout]),
            (vec![0, 1, 1, 0], Some(0))
        );
        assert_eq!(asked(2, 3, &[Timeout, BadKey, Timeout]).0, [0, 1, 0, 0]);
        assert_eq!(asked(1, 2, &[Connect; 3]), (vec![0; 3], Some(0)));
    }

    #[test]
    fn an_unusable_answer_gets_one_more_try() {
        let malformed = [FailureClass::MalformedAnswer; 4];
        assert_eq!(asked(2, 3, &malformed), (vec![0, 0, 1, 1], Some(0)));
    }

    #[test]
    fn short_hints_are_obeyed_and_long_ones_passed_on() {
        let limits = Limits {
            max_retries: 3,
            fallback: true,
        };
        let step = |targets: usize, hint: Duration| {
            Plan::new(targets, limits).failed(hinted(FailureClass::RateLimited, hint), 0.0)
        };
        let longer = Duration::from_millis(1);
        let ask = |target, pause| Step::Ask { target, pause };
        assert_eq!(step(2, LONGEST_HINT), ask(0, LONGEST_HINT));
        assert_eq!(step(2, LONGEST_HINT + longer), ask(1, Duration::ZERO));
        assert_eq!(step(1, LONGEST_HINT_ALONE), ask(0, LONGEST_HINT_ALONE));
        assert!(matches!(
            step(1, LONGEST_HINT_ALONE + longer),
            Step::GiveUp { target: 0, .. }
        ));
        // A hint of nothing does not shorten our own pause.
        assert_eq!(step(1, Duration::ZERO), ask(0, FIRST_PAUSE / 2));
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses: Vec<Duration> = (1..=8).map(|tries| backoff(tries, 1.0)).collect();
        assert_eq!(pauses[..3], [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]);
        assert_eq!(pauses[7], LONGEST_PAUSE);
        assert_eq!(backoff(u32::MAX, 9.0), LONGEST_PAUSE);
        assert_eq!(backoff(1, 0.0), FIRST_PAUSE / 2);
    }

    #[test]
    fn an_open_circuit_costs_a_turn_only() {
        let limits = Limits {
            max_retries: 0,
            fallback: true,
        };
        let open = || failure(FailureClass::Overloaded);
        let mut plan = Plan::new(2, limits);
        assert!(matches!(plan.skipped(open()), Step::Ask { target: 1, pause } if pause.is_zero()));
        assert!(matches!(
            plan.skipped(open()),
            Step::GiveUp { target: 0, .. }
        ));
        assert!(matches!(plan.skipped(open()), Step::GiveUp { .. }));
    }

    #[test]
    fn without_targets_there_is_nothing_to_ask() {
        let limits = Limits {
            max_retries: 3,
            fallback: true,
        };
        let mut plan = Plan::new(0, limits);
        assert!(matches!(
            plan.failed(failure(FailureClass::Server), 0.5),
            Step::GiveUp { .. }
        ));
    }

    /// What happens to one try: the class of its failure, the upstream's hint, whether the circuit was open.
    fn tries() -> impl Strategy<Value = Vec<(FailureClass, Option<u64>, bool, f64)>> {
        let hint = prop::option::weighted(0.3, 0u64..30_000);
        let open = prop::bool::weighted(0.1);
        let one = (prop::sample::select(&CLASSES[..]), hint, open, 0.0..1.0);
        prop::collection::vec(one, 64)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_plan_ends_and_keeps_the_rules(targets in 1usize..5, max_retries in 0u32..5, fallback: bool, tries in tries()) {
            let mut plan = Plan::new(targets, Limits { max_retries, fallback });
            let usable = if fallback { targets } else { 1 };
            let mut turn = plan.first();
            prop_assert_eq!(turn, 0);
            let mut last: Vec<Option<Failure>> = vec![None; targets];
            let mut asks = vec![0; targets];
            // Per provider that fell silent: those who are asked before it is asked again.
            let mut before: Vec<Vec<usize>> = vec![Vec::new(); targets];
            let mut out = vec![false; targets];
            let mut ended = false;
            for (class, hint_ms, open, jitter) in tries {
                let mut failed = failure(class);
                // Who answers nothing gives no hint.
                let hint_ms = hint_ms.filter(|_| !class.is_no_answer());
                failed.retry_after = hint_ms.map(Duration::from_millis);
                prop_assert!(before[turn].iter().all(|&other| out[other]), "{turn} came before {:?}", before[turn]);
                before.iter_mut().for_each(|waiting| waiting.retain(|&other| other != turn));
                before[turn].clear();
                last[turn] = Some(failed.clone());
                let step = if open {
                    out[turn] = true;
                    plan.skipped(failed)
                } else {
                    asks[turn] += 1;
                    out[turn] = asks[turn] > max_retries;
                    if class.is_no_answer() {
                        before[turn] = (0..usable).filter(|&other| other != turn && !out[other]).collect();
                    }
                    plan.failed(failed, jitter)
                };
                match step {
                    Step::Ask { target, pause } => {
                        prop_assert!(open || !class.is_callers_fault());
                        prop_assert!(target < usable && !out[target]);
                        prop_assert!(pause <= LONGEST_HINT_ALONE);
                        prop_assert_eq!(pause.is_zero(), asks[target] == 0);
                        if target == turn {
                            prop_assert!(pause >= Duration::from_millis(hint_ms.unwrap_or(0)));
                        } else if !class.is_no_answer() {
                            out[turn] = true;
                        }
                        turn = target;
                    }
                    Step::GiveUp { target, failure } => {
                        prop_assert_eq!(Some(&failure), last[target].as_ref());
                        if !open && class.is_callers_fault() {
                            prop_assert_eq!(target, turn);
                        } else {
                            prop_assert!(last[..target].iter().all(Option::is_none));
                        }
                        ended = true;
                        break;
                    }
                }
            }
            prop_assert!(ended);
            prop_assert!(asks.iter().all(|&asks| asks <= 1 + max_retries));
        }
    }
}
