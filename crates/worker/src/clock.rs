//! The clock port: the platform's clock, which stands still while a program computes, and its timers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use locum_engine::ports::{Clock, PortFuture};
use worker::{Delay, send::SendFuture};

/// The longest that a timer takes: its milliseconds are a signed number of 32 bits.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// The platform's time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlatformClock;

/// Time since 1970-01-01 00:00 UTC.
pub(crate) fn since_1970() -> Duration {
    Duration::from_millis(js_sys::Date::now().max(0.0) as u64)
}

impl Clock for PlatformClock {
    fn now(&self) -> Duration {
        /// The latest moment that was told, in milliseconds.
        static LATEST: AtomicU64 = AtomicU64::new(0);
        let told = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
        let before = LATEST.fetch_max(told, Ordering::Relaxed);
        Duration::from_millis(told.max(before))
    }

    fn unix(&self) -> Duration {
        since_1970()
    }

    fn sleep(&self, duration: Duration) -> PortFuture<'static, ()> {
        Box::pin(SendFuture::new(Delay::from(duration.min(LONGEST))))
    }
}
