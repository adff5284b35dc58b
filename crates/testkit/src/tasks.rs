//! Tasks that run in virtual time beside the future that a test drives.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use locum_engine::ports::{PortFuture, Spawn};

/// The tasks of one process. [`VirtualClock::run`](crate::VirtualClock::run) polls those that were woken, one after the
/// other in the order in which they were, so that the same test takes the same path. Clones are the same process.
#[derive(Debug, Clone)]
pub struct Tasks {
    executor: Arc<Executor>,
    process: u64,
}

impl Tasks {
    pub(crate) fn of(executor: Arc<Executor>) -> Self {
        let process = executor.inner().fresh();
        Self { executor, process }
    }

    /// Kills the process: its tasks are dropped where they wait, and it takes no others. A task that does this itself is
    /// dropped at its next `.await` that waits. For another process see [`VirtualClock::tasks`](crate::VirtualClock::tasks).
    pub fn kill(&self) {
        let killed: Vec<_> = {
            let mut inner = self.executor.inner();
            inner.killed.insert(self.process);
            let mine = |task: &Task| task.process == self.process;
            inner
                .tasks
                .extract_if(.., |_, task| mine(task))
                .map(|(_, task)| task.future)
                .collect()
        };
        drop(killed);
    }

    /// Whether it was killed.
    pub fn is_killed(&self) -> bool {
        self.executor.inner().killed.contains(&self.process)
    }

    /// How many of its tasks have not ended.
    pub fn count(&self) -> usize {
        let inner = self.executor.inner();
        inner
            .tasks
            .values()
            .filter(|task| task.process == self.process)
            .count()
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: PortFuture<'static, ()>) {
        let mut inner = self.executor.inner();
        if inner.killed.contains(&self.process) {
            return;
        }
        let id = inner.fresh();
        let waker = Waker::from(Arc::new(TaskWaker {
            id,
            executor: Arc::downgrade(&self.executor),
        }));
        let task = Task {
            process: self.process,
            future: Some(task),
            waker,
            woken: true,
        };
        inner.tasks.insert(id, task);
        inner.woken.push_back(id);
    }
}

/// The tasks of all processes of one clock.
#[derive(Default)]
pub(crate) struct Executor {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    killed: BTreeSet<u64>,
    tasks: BTreeMap<u64, Task>,
    woken: VecDeque<u64>,
}

struct Task {
    process: u64,
    /// `None` while it is being polled.
    future: Option<PortFuture<'static, ()>>,
    waker: Waker,
    woken: bool,
}

impl Executor {
    /// Polls each task that has been woken once; false where none was.
    pub(crate) fn poll_woken(&self) -> bool {
        let woken = std::mem::take(&mut self.inner().woken);
        for &id in &woken {
            self.poll(id);
        }
        !woken.is_empty()
    }

    /// Nothing of a task runs, or is dropped, while the lock is held: it may spawn, wake and kill.
    fn poll(&self, id: u64) {
        let taken = self.inner().tasks.get_mut(&id).and_then(|task| {
            task.woken = false;
            Some((task.future.take()?, task.waker.clone()))
        });
        let Some((mut future, waker)) = taken else {
            return;
        };
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut inner = self.inner();
        let ended = match (poll, inner.tasks.get_mut(&id)) {
            (Poll::Pending, Some(task)) => {
                task.future = Some(future);
                None
            }
            (Poll::Ready(()), Some(_)) => {
                inner.tasks.remove(&id);
                Some(future)
            }
            (_, None) => Some(future),
        };
        drop(inner);
        drop(ended);
    }

    fn wake(&self, id: u64) {
        let mut inner = self.inner();
        if let Some(task) = inner.tasks.get_mut(&id)
            && !std::mem::replace(&mut task.woken, true)
        {
            inner.woken.push_back(id);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("tasks", &self.inner().tasks.len())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

struct TaskWaker {
    id: u64,
    executor: std::sync::Weak<Executor>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if let Some(executor) = self.executor.upgrade() {
            executor.wake(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use locum_engine::ports::Clock;

    use super::*;
    use crate::VirtualClock;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A task that notes each of `count` seconds.
    fn ticking(clock: &VirtualClock, count: u32) -> (Arc<AtomicU32>, PortFuture<'static, ()>) {
        let ticks = Arc::new(AtomicU32::new(0));
        let (noted, clock) = (Arc::clone(&ticks), clock.clone());
        let task = Box::pin(async move {
            for _ in 0..count {
                clock.sleep(seconds(1)).await;
                noted.fetch_add(1, Ordering::Relaxed);
            }
        });
        (ticks, task)
    }

    #[test]
    fn tasks_go_on_beside_the_future_and_after_it() {
        let clock = VirtualClock::new();
        let tasks = clock.tasks();
        let (ticks, task) = ticking(&clock, 5);
        tasks.spawn(task);
        assert_eq!(ticks.load(Ordering::Relaxed), 0);
        clock.run(clock.sleep(seconds(2)));
        assert_eq!(
            (ticks.load(Ordering::Relaxed), tasks.count()),
            (1, 1),
            "the future that is driven comes first"
        );
        assert!(clock.run_for(seconds(9), pending::<()>()).is_none());
        assert_eq!((ticks.load(Ordering::Relaxed), tasks.count()), (5, 0));
        assert_eq!(clock.now(), seconds(11));
    }

    #[test]
    fn a_task_may_wake_the_future_and_spawn_another() {
        let clock = VirtualClock::new();
        let tasks = clock.tasks();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let inner = tasks.clone();
        tasks.spawn(Box::pin(async move {
            inner.spawn(Box::pin(async move {
                let _ = sender.send(7);
            }));
        }));
        assert_eq!(clock.run(receiver).unwrap(), 7);
        assert_eq!(tasks.count(), 0);
    }

    #[test]
    fn only_what_was_woken_is_polled() {
        let clock = VirtualClock::new();
        let polls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&polls);
        clock.tasks().spawn(Box::pin(poll_fn(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Poll::Pending
        })));
        let (_, task) = ticking(&clock, 50);
        clock.tasks().spawn(task);
        clock.run(clock.sleep(seconds(99)));
        assert_eq!(polls.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_killed_process_does_nothing_more_and_others_go_on() {
        let clock = VirtualClock::new();
        let (one, other) = (clock.tasks(), clock.tasks());
        let (dead, task) = ticking(&clock, 5);
        one.spawn(task);
        let (alive, task) = ticking(&clock, 5);
        other.spawn(task);
        let (killer, asleep) = (one.clone(), clock.clone());
        one.spawn(Box::pin(async move {
            asleep.sleep(Duration::from_millis(2500)).await;
            killer.kill();
            asleep.sleep(seconds(1)).await;
            panic!("a killed process goes on");
        }));
        clock.run(clock.sleep(seconds(9)));
        one.spawn(Box::pin(async {
            panic!("a killed process begins something")
        }));
        clock.run(clock.sleep(seconds(1)));
        assert_eq!((dead.load(Ordering::Relaxed), one.count()), (2, 0));
        assert_eq!((alive.load(Ordering::Relaxed), other.count()), (5, 0));
    }

    #[test]
    #[should_panic(expected = "never comes")]
    fn tasks_that_tick_for_ever_do_not_hide_a_future_that_is_stuck() {
        let clock = VirtualClock::new();
        let (_, task) = ticking(&clock, u32::MAX);
        clock.tasks().spawn(task);
        clock.run(pending::<()>());
    }
}
