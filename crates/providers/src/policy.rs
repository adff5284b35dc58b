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
            return self.next(Duration::ZERO);
        }
        if class.is_no_answer() && !alone {
            self.line.rotate_left(1);
            let asked_before = self.line.first().map_or(0, |candidate| candidate.tries);
            let pause = if asked_before == 0 {
                Duration::ZERO
            } else {
                backoff(asked_before, jitter)
            };
            return self.next(pause);
        }
        let pause = backoff(tries, jitter).max(hint.unwrap_or_default());
        self.next(pause)
    }

    /// The provider whose turn it is may not be asked: its circuit is open. Costs it nothing but its turn.
    pub fn skipped(&mut self, failure: Failure) -> Step {
        if self.line.is_empty() {
            return Step::GiveUp { target: 0, failure };
        }
        let target = self.line.remove(0).target;
        self.remember(target, failure);
        self.next(Duration::ZERO)
    }

    fn next(&mut self, pause: Duration) -> Step {
        match self.line.first() {
            Some(candidate) => Step::Ask {
                target: candidate.target,
                pause,
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
