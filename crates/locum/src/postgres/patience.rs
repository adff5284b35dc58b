//! How long the database is waited for.
//!
//! One that is away without a word, behind a network that swallows everything, would let every request wait for as long as
//! an answer may take. Once it has not answered, only one request at a time is given all of that, and the others a moment,
//! until somebody is answered.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// How long the others wait while the database does not answer.
const MOMENT: Duration = Duration::from_secs(1);

/// What is known of whether the database answers.
#[derive(Debug)]
pub(super) struct Patience {
    /// How long an answer may take.
    usual: Duration,
    is_silent: AtomicBool,
    /// Whether somebody waits for as long as usual, although it is silent.
    is_tried: AtomicBool,
}

/// Somebody who waits for the database.
pub(super) struct Waiting<'a> {
    patience: &'a Patience,
    /// Until when.
    pub end: Instant,
    tries: bool,
}

impl Patience {
    /// `usual`: how long an answer may take.
    pub fn new(usual: Duration) -> Self {
        Self {
            usual,
            is_silent: AtomicBool::new(false),
            is_tried: AtomicBool::new(false),
        }
    }

    /// How long an answer may take.
    pub fn usual(&self) -> Duration {
        self.usual
    }

    /// Begins to wait.
    pub fn wait(&self, now: Instant) -> Waiting<'_> {
        let is_silent = self.is_silent.load(Ordering::Relaxed);
        let tries = is_silent && !self.is_tried.swap(true, Ordering::Relaxed);
        let patience = if is_silent && !tries {
            self.usual.min(MOMENT)
        } else {
            self.usual
        };
        Waiting {
            patience: self,
            end: now + patience,
            tries,
        }
    }
}

impl Waiting<'_> {
    /// The database has answered, whatever it said.
    pub fn was_answered(&self) {
        // Most of the time nothing is to be changed, and what is only read is shared by all processors.
        if self.patience.is_silent.load(Ordering::Relaxed) {
            self.patience.is_silent.store(false, Ordering::Relaxed);
        }
    }

    /// It has not.
    pub fn was_in_vain(&self) {
        self.patience.is_silent.store(true, Ordering::Relaxed);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.tries {
            self.patience.is_tried.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(5);

    #[test]
    fn one_at_a_time_waits_for_a_silent_database() {
        let (patience, now) = (Patience::new(USUAL), Instant::now());
        let first = patience.wait(now);
        assert_eq!(first.end, now + USUAL);
        first.was_in_vain();
        let (second, third) = (patience.wait(now), patience.wait(now));
        assert_eq!([second.end, third.end], [now + USUAL, now + MOMENT]);
        third.was_in_vain();
        drop((second, third));
        assert_eq!(
            patience.wait(now).end,
            now + USUAL,
            "the next one waits for it"
        );
    }

    #[test]
    fn an_answer_ends_the_silence() {
        let (patience, now) = (Patience::new(USUAL), Instant::now());
        patience.wait(now).was_in_vain();
        let first = patience.wait(now);
        patience.wait(now).was_answered();
        assert_eq!(patience.wait(now).end, now + USUAL);
        drop(first);
        assert_eq!(patience.wait(now).end, now + USUAL);
    }
}
