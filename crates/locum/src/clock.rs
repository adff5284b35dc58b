//! The clock port: the machine's clocks and tokio's timer.

use std::time::{Duration, Instant, SystemTime};

use locum_engine::ports::{Clock, PortFuture};

/// The machine's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that counts from now on.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

/// Time since 1970-01-01 00:00 UTC. A machine whose clock stands before that is answered with that.
pub fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn unix(&self) -> Duration {
        since_1970()
    }

    fn sleep(&self, duration: Duration) -> PortFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
