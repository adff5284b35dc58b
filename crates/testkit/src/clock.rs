//! Time that passes only when nothing else can happen.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use locum_engine::ports::{Clock, PortFuture};

use crate::tasks::{Executor, Tasks};

/// How often time may jump for the sake of tasks alone before the future that was to be driven counts as stuck.
const MAX_JUMPS: u32 = 1_000_000;

/// What a virtual clock calls the moment zero: a day in November 2026.
const EPOCH: Duration = Duration::from_secs(1_795_000_000);

/// A clock that stands still until [`run`](VirtualClock::run) finds that all wait for it, and then jumps to the moment
/// for which the first of them waits. An hour of backing off takes no time, and the same test takes the same path.
///
/// Needs no runtime. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
    executor: Arc<Executor>,
}

#[derive(Debug, Default)]
struct State {
    now: Duration,
    sleepers: BTreeMap<SleeperKey, Waker>,
    next_sleeper: u64,
}

/// When to wake, and a number that tells two sleepers of the same moment apart, first come first.
type SleeperKey = (Duration, u64);

impl VirtualClock {
    /// A clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A process: tasks that go on while this clock drives any future.
    pub fn tasks(&self) -> Tasks {
        Tasks::of(Arc::clone(&self.executor))
    }

    /// Drives `future` to its end, and [tasks](VirtualClock::tasks) beside it; time jumps forward whenever all of them
    /// wait for nothing but time. Tasks that have not ended by then go on in the next run.
    ///
    /// All that it waits for must come from this clock, from its tasks or from `future` itself, not from other threads.
    ///
    /// # Panics
    /// Where `future` waits for something that never comes.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        match self.drive(pin!(future), Duration::MAX) {
            Ok(output) => output,
            Err(Stopped::Asleep) => panic!("the future sleeps until the end of time"),
            Err(Stopped::Stuck) => panic!(
                "at {:?} the future waits for something that never comes",
                self.now()
            ),
        }
    }

    /// Drives `future` until `limit` has passed; `None` where it has not ended by then. Given `&mut future`, it can be
    /// driven on afterwards; given `future`, it is dropped.
    pub fn run_for<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let until = self.now().saturating_add(limit);
        match self.drive(pin!(future), until) {
            Ok(output) => Some(output),
            Err(Stopped::Asleep | Stopped::Stuck) => {
                self.jump_to(until);
                None
            }
        }
    }

    fn drive<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        until: Duration,
    ) -> Result<F::Output, Stopped> {
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&bell));
        let mut jumps = 0;
        loop {
            if bell.has_rung() {
                jumps = 0;
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return Ok(output);
                }
            }
            if self.executor.poll_woken() || bell.rings() {
                continue;
            }
            match self.first_sleeper() {
                None => return Err(Stopped::Stuck),
                Some(_) if jumps == MAX_JUMPS => return Err(Stopped::Stuck),
                Some(moment) if moment > until || moment == Duration::MAX => {
                    return Err(Stopped::Asleep);
                }
                Some(moment) => self.jump_to(moment),
            }
            jumps += 1;
        }
    }

    fn first_sleeper(&self) -> Option<Duration> {
        let state = self.state();
        state.sleepers.keys().next().map(|(moment, _)| *moment)
    }

    /// Sets the time and wakes who waited for it.
    fn jump_to(&self, moment: Duration) {
        let mut state = self.state();
        state.now = state.now.max(moment);
        let later = state.sleepers.split_off(&(moment, u64::MAX));
        let woken = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        for waker in woken.into_values() {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        self.state().now
    }

    fn unix(&self) -> Duration {
        EPOCH + self.now()
    }

    fn sleep(&self, duration: Duration) -> PortFuture<'static, ()> {
        let mut state = self.state();
        let number = state.next_sleeper;
        state.next_sleeper += 1;
        let key = (state.now.saturating_add(duration), number);
        drop(state);
        Box::pin(Sleep {
            clock: self.clone(),
            key,
        })
    }
}

/// Why a future that has not ended is driven no further.
enum Stopped {
    /// It waits for a moment that is too late.
    Asleep,
    /// It waits, but not for time.
    Stuck,
}

struct Sleep {
    clock: VirtualClock,
    key: SleeperKey,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.key.0 {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.key);
    }
}

struct Bell(AtomicBool);

impl Bell {
    fn rings(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn has_rung(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join, join_all, pending, select};

    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn time_jumps_to_the_first_sleeper() {
        let clock = VirtualClock::new();
        let log = Mutex::new(Vec::new());
        clock.run(join_all([30, 10, 20, 10].map(|n| {
            let (clock, log) = (&clock, &log);
            async move {
                clock.sleep(seconds(n)).await;
                log.lock().unwrap().push((n, clock.now()));
            }
        })));
        assert_eq!(
            log.into_inner().unwrap(),
            [10, 10, 20, 30].map(|n| (n, seconds(n)))
        );
        assert_eq!(clock.unix(), EPOCH + seconds(30));
    }

    #[test]
    fn who_no_longer_waits_does_not_move_time() {
        let clock = VirtualClock::new();
        clock.run(async {
            select(clock.sleep(seconds(1)), clock.sleep(seconds(100))).await;
            clock.sleep(seconds(1)).await;
        });
        assert_eq!(clock.now(), seconds(2));
    }

    #[test]
    fn a_future_can_be_driven_a_bit_at_a_time() {
        let clock = VirtualClock::new();
        let mut work = Box::pin(join(clock.sleep(seconds(5)), clock.sleep(seconds(9))));
        assert!(clock.run_for(seconds(6), &mut work).is_none());
        assert_eq!(clock.now(), seconds(6));
        assert!(clock.run_for(seconds(6), &mut work).is_some());
        assert_eq!(clock.now(), seconds(9));
        assert!(clock.run_for(seconds(1), pending::<()>()).is_none());
        assert_eq!(clock.now(), seconds(10));
    }

    #[test]
    #[should_panic(expected = "never comes")]
    fn a_future_that_can_never_end_is_told() {
        VirtualClock::new().run(pending::<()>());
    }
}
