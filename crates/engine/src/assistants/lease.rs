//! How long a process may say nothing of a run that it drives, and how it waits for a store that is away.

use std::time::Duration;

use super::Assistants;
use crate::ports::whole_ms;

/// The first pause before the store is asked again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The pauses between two tries.
pub(super) struct Pauses(Duration);

impl Pauses {
    /// None yet.
    pub fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// How long the next one is.
    pub fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Assistants {
    /// When a lease ends that begins now: milliseconds since 1970.
    pub(super) fn lease_end(&self) -> u64 {
        self.world.unix_ms().saturating_add(whole_ms(self.lease))
    }
}
