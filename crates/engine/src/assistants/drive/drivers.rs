//! The runs that this process drives: how a driver is told to look at its run again, and what becomes of a run whose driver
//! vanishes.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use locum_domain::{
    id::{RunId, ThreadId},
    project::Project,
};

use crate::metrics::Metrics;

/// All drivers of this process.
pub(in crate::assistants) struct Drivers {
    metrics: Arc<Metrics>,
    inner: Mutex<Inner>,
    /// Rung when the attendant has something to do before its time.
    pub attendant: Bell,
    /// Rung when a driver has left.
    left: Bell,
    /// Until when the leases of this process's runs were last renewed: milliseconds since 1970.
    pub renewed_until_ms: AtomicU64,
}

#[derive(Default)]
struct Inner {
    /// In an order, so that a simulation repeats.
    bells: BTreeMap<RunId, Vec<Arc<Bell>>>,
    places: usize,
    orphans: Vec<Orphan>,
    closed: bool,
    stopped: bool,
}

/// A run whose driver vanished without leaving it to anybody. Its lease is still ours.
#[derive(Debug, Clone)]
pub(in crate::assistants) struct Orphan {
    pub project: Project,
    pub thread: ThreadId,
    pub run: RunId,
    /// The token under which it was driven.
    pub token: u64,
}

impl Drivers {
    /// None yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            inner: Mutex::default(),
            attendant: Bell::default(),
            left: Bell::default(),
            renewed_until_ms: AtomicU64::new(0),
        }
    }

    /// A place for the driver of a run; `None` where no more are begun.
    pub fn enter(self: &Arc<Self>, run: Orphan) -> Option<Place> {
        let mut inner = self.inner();
        if inner.closed {
            return None;
        }
        let bell = Arc::<Bell>::default();
        inner.places += 1;
        self.metrics.run_driven();
        let bells = inner.bells.entry(run.run.clone()).or_default();
        bells.push(Arc::clone(&bell));
        Some(Place {
            drivers: Arc::clone(self),
            bell,
            run: Some(Box::new(run)),
        })
    }

    /// Tells whoever drives `run` here to look at it again; answers whether somebody does.
    pub fn ring(&self, run: &RunId) -> bool {
        let inner = self.inner();
        let bells = inner.bells.get(run);
        bells.into_iter().flatten().for_each(|bell| bell.ring());
        bells.is_some()
    }

    /// Tells all drivers to look at their runs again.
    pub fn ring_all(&self) {
        self.inner()
            .bells
            .values()
            .flatten()
            .for_each(|bell| bell.ring());
    }

    /// How many runs are driven here.
    pub fn count(&self) -> usize {
        self.inner().places
    }

    /// Takes the runs whose drivers vanished.
    pub fn take_orphans(&self) -> Vec<Orphan> {
        let mut inner = self.inner();
        let orphans = std::mem::take(&mut inner.orphans);
        drop(inner);
        orphans
    }

    /// Puts one back that could not be seen to.
    pub fn keep_orphan(&self, orphan: Orphan) {
        self.inner().orphans.push(orphan);
    }

    /// Whether a run is driven here.
    pub fn has(&self, run: &RunId) -> bool {
        self.inner().bells.contains_key(run)
    }

    /// No more drivers from now on.
    pub fn close(&self) {
        self.inner().closed = true;
        self.attendant.ring();
    }

    /// Whether no more drivers are begun.
    pub fn is_closed(&self) -> bool {
        self.inner().closed
    }

    /// Has all drivers stop where they are.
    pub fn stop(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.stopped = true;
        inner.bells.values().flatten().for_each(|bell| bell.ring());
    }

    /// Whether drivers have to stop where they are.
    pub fn is_stopped(&self) -> bool {
        self.inner().stopped
    }

    /// Waits until nothing is driven here.
    pub async fn all_left(&self) {
        while self.count() > 0 {
            self.left.rung().await;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A driver's place among the others. Dropped without [`Place::leave`], it leaves an orphan.
pub(in crate::assistants) struct Place {
    drivers: Arc<Drivers>,
    bell: Arc<Bell>,
    run: Option<Box<Orphan>>,
}

impl Place {
    /// What is rung when the run was changed in the store.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// The driver has nothing more to do with the run.
    pub fn leave(mut self) {
        self.give_up(false);
    }

    fn give_up(&mut self, orphaned: bool) {
        let Some(run) = self.run.take() else {
            return;
        };
        let mut inner = self.drivers.inner();
        inner.places -= 1;
        self.drivers.metrics.run_left();
        if let Some(bells) = inner.bells.get_mut(&run.run) {
            bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
            if bells.is_empty() {
                inner.bells.remove(&run.run);
            }
        }
        if orphaned && !inner.stopped {
            inner.orphans.push(*run);
            self.drivers.attendant.ring();
        }
        drop(inner);
        self.drivers.left.ring();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_up(true);
    }
}

/// Wakes whoever waits for it; rung while nobody waits, it is heard by the next who does. One waits at a time.
#[derive(Default)]
pub(in crate::assistants) struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    /// Rings it.
    pub fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Waits until it is rung.
    pub async fn rung(&self) {
        poll_fn(|context| self.poll_rung(context)).await;
    }

    /// Whether it was rung since it was last heard.
    pub fn poll_rung(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        if self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn drivers() -> Arc<Drivers> {
        Arc::new(Drivers::new(Arc::new(Metrics::new())))
    }

    fn run(id: &str) -> Orphan {
        Orphan {
            project: Project::default(),
            thread: ThreadId::from("thread_1"),
            run: RunId::from(id),
            token: 1,
        }
    }

    #[test]
    fn a_driver_that_vanishes_leaves_an_orphan() {
        let drivers = drivers();
        let one = drivers.enter(run("run_1")).unwrap();
        let two = drivers.enter(run("run_2")).unwrap();
        one.leave();
        assert!(drivers.attendant.rung().now_or_never().is_none());
        drop(two);
        assert!(drivers.attendant.rung().now_or_never().is_some());
        let orphans = drivers.take_orphans();
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].run, RunId::from("run_2"));
        assert!(drivers.take_orphans().is_empty());
        assert_eq!(drivers.count(), 0);
    }

    #[test]
    fn all_that_drive_a_run_hear_the_bell() {
        let drivers = drivers();
        let id = RunId::from("run_1");
        assert!(!drivers.ring(&id));
        let old = drivers.enter(run("run_1")).unwrap();
        let new = drivers.enter(run("run_1")).unwrap();
        assert!(drivers.ring(&id));
        for place in [&old, &new] {
            assert!(place.bell().rung().now_or_never().is_some());
            assert!(place.bell().rung().now_or_never().is_none());
        }
        old.leave();
        assert!(drivers.ring(&id));
        new.leave();
        assert!(!drivers.has(&id));
    }

    #[test]
    fn nobody_enters_a_process_that_stops() {
        let drivers = drivers();
        let place = drivers.enter(run("run_1")).unwrap();
        drivers.close();
        assert!(drivers.enter(run("run_2")).is_none());
        assert!(drivers.all_left().now_or_never().is_none());
        drivers.stop();
        assert!(place.bell().rung().now_or_never().is_some());
        drop(place);
        assert!(drivers.all_left().now_or_never().is_some());
        assert!(drivers.take_orphans().is_empty());
    }
}
