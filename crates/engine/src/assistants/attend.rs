//! Attending to runs that nobody drives, keeping up the leases of those that this process does, and handing them over when it
//! stops.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::select;
use locum_domain::{id::RunId, run::RunStatus};
use tracing::{info, warn};

use super::{
    Assistants,
    audience::Audience,
    drive::{
        Driver, Found,
        drivers::{Orphan, Place},
        machine_of,
    },
};
use crate::ports::whole_ms;
use crate::store::{Next, RunCommit, StoreError, StoredRun};

/// How often the store is asked for runs that nobody attends to.
const ROUND: Duration = Duration::from_secs(1);
/// How many tenths of a lease are over when it is renewed: three times before it ends.
const RENEWAL_TENTHS: u32 = 3;
/// How many runs are claimed at once.
const CLAIMED_AT_ONCE: u32 = 32;
/// How often garbage is collected, by one of all processes.
const COLLECTION: Duration = Duration::from_secs(60 * 60);
/// How often a process looks whether it is its turn to collect.
const COLLECTION_LOOKS: Duration = Duration::from_secs(5 * 60);
/// The turn of whoever collects.
const COLLECTION_TURN: &str = "collection";
/// How long drivers that have to stop where they are may take for it.
const STOPPING: Duration = Duration::from_secs(2);
/// How often a process that stops tries to give its leases back; they end by themselves after a while.
const RELEASE_TRIES: u32 = 3;

/// When the attendant does what it does not do every round.
struct Agenda {
    must_release: bool,
    renewal: Duration,
    collection: Duration,
}

impl Assistants {
    /// Attends until it is dropped: claims runs whose driver is gone and runs that have to expire, renews the leases of
    /// this process's own, and collects garbage every hour, if no other process does. A host runs it once, as long as it serves.
    ///
    /// `alone`: no other process uses this store, so that every lease that is left in it is of one that has ended.
    pub async fn attend(self: Arc<Self>, alone: bool) {
        let clock = &self.world.clock;
        let mut agenda = Agenda {
            // Once runs are driven here, releasing would let go of them as well.
            must_release: alone && self.drivers.count() == 0,
            renewal: clock.now(),
            collection: clock.now() + COLLECTION_LOOKS,
        };
        while !self.drivers.is_stopped() {
            if let Err(error) = self.attend_once(&mut agenda).await {
                warn!(%error, "the store could not do what runs need");
            }
            select(pin!(self.drivers.attendant.rung()), clock.sleep(ROUND)).await;
        }
    }

    /// Ends all leases, before anything is driven here: for a host that knows that no other process uses this store, so that
    /// every lease that is left in it is of one that has ended.
    ///
    /// # Errors
    /// The store cannot do it now.
    pub async fn release_all(&self) -> Result<(), StoreError> {
        let now_ms = self.world.unix_ms();
        self.world.store.release_leases(None, now_ms).await
    }

    /// Attends as long as runs are driven here, but for at most `longest`: for a host that is woken when there is something
    /// to do, instead of waiting for it. Answers when it has to be woken next: milliseconds since 1970, `None` where nothing
    /// is left to do. Garbage is the host's to have collected.
    ///
    /// # Errors
    /// The store cannot tell what there is to do: the host comes again soon.
    pub async fn attend_while_driving(
        self: Arc<Self>,
        longest: Duration,
    ) -> Result<Option<u64>, StoreError> {
        let clock = &self.world.clock;
        let begun = clock.now();
        let mut agenda = Agenda {
            must_release: false,
            renewal: begun,
            collection: Duration::MAX,
        };
        loop {
            self.attend_once(&mut agenda).await?;
            let is_late = clock.now().saturating_sub(begun) >= longest;
            if self.drivers.count() == 0 || self.drivers.is_stopped() || is_late {
                break;
            }
            let rung = pin!(self.drivers.attendant.rung());
            let called = select(rung, clock.sleep(ROUND));
            select(pin!(self.drivers.all_left()), called).await;
        }
        if self.drivers.count() > 0 {
            return Ok(Some(self.world.unix_ms()));
        }
        self.world.store.next_claim().await
    }

    /// Tells whoever drives the run of this id here that another process has changed it.
    pub fn run_was_changed(&self, run: &RunId) {
        self.drivers.ring(run);
    }

    /// Another process has left runs to whoever claims them.
    pub fn runs_were_left(&self) {
        self.drivers.attendant.ring();
    }

    /// Other processes may have changed any run: all that are driven here are looked at.
    pub fn any_run_was_changed(&self) {
        self.drivers.ring_all();
        self.drivers.attendant.ring();
    }

    /// Claims the runs that nobody attends to now, and drives them.
    async fn claim_due(self: &Arc<Self>) -> Result<(), StoreError> {
        while !self.drivers.is_closed() {
            let runs = self
                .world
                .store
                .claim_runs(
                    self.world.unix_ms(),
                    &self.owner,
                    self.lease_end(),
                    CLAIMED_AT_ONCE,
                )
                .await?;
            let last = runs.len() < CLAIMED_AT_ONCE as usize;
            for run in runs {
                self.take_over(run);
            }
            if last {
                break;
            }
        }
        Ok(())
    }

    /// Has runs expire that are overdue and that nobody attends to. Others that nobody attends to are left to whoever
    /// serves: this process may have no provider to ask.
    pub(super) async fn claim_overdue(self: &Arc<Self>) -> Result<(), StoreError> {
        let (store, now) = (&self.world.store, self.world.timestamp());
        let mut others = Vec::new();
        loop {
            let (now_ms, lease_end) = (self.world.unix_ms(), self.lease_end());
            let runs = store
                .claim_runs(now_ms, &self.owner, lease_end, CLAIMED_AT_ONCE)
                .await?;
            let last = runs.len() < CLAIMED_AT_ONCE as usize;
            for run in runs {
                if run.run.expires_at <= now {
                    self.take_over(run);
                } else {
                    others.push(run);
                }
            }
            if last {
                break;
            }
        }
        for StoredRun {
            project,
            run,
            version,
            token,
            ..
        } in others
        {
            let commit = RunCommit {
                run: &run,
                version,
                token,
                writes: &[],
                next: Next::Waits(self.world.unix_ms()),
            };
            // Where it is refused, somebody attends to the run already.
            store.commit_run(&project, commit).await?;
        }
        Ok(())
    }

    async fn attend_once(self: &Arc<Self>, agenda: &mut Agenda) -> Result<(), StoreError> {
        let now = self.world.clock.now();
        if agenda.must_release {
            self.release_all().await?;
            agenda.must_release = false;
        }
        if self.drivers.count() > 0 && now >= agenda.renewal {
            let lease_end = self.lease_end();
            self.world
                .store
                .renew_leases(&self.owner, lease_end)
                .await?;
            self.drivers
                .renewed_until_ms
                .store(lease_end, Ordering::Relaxed);
            agenda.renewal = now + self.lease * RENEWAL_TENTHS / 10;
        }
        self.free_orphans().await?;
        self.claim_due().await?;
        if now >= agenda.collection && !self.drivers.is_closed() {
            agenda.collection = now + COLLECTION_LOOKS;
            if self.is_turn_to_collect().await? {
                let this = Arc::clone(self);
                self.world.spawn.spawn(Box::pin(async move {
                    // What went wrong is logged where it did.
                    let _ = this.collect_garbage(false).await;
                }));
            }
        }
        Ok(())
    }

    /// Whether garbage was not collected for long enough; it is for this process then.
    async fn is_turn_to_collect(&self) -> Result<bool, StoreError> {
        let now_ms = self.world.unix_ms();
        let next_ms = now_ms.saturating_add(whole_ms(COLLECTION));
        let store = &self.world.store;
        store.take_turn(COLLECTION_TURN, now_ms, next_ms).await
    }

    /// Lets go of runs whose drivers vanished: their leases are ours, and would be renewed with the others for ever.
    async fn free_orphans(&self) -> Result<(), StoreError> {
        let mut failed = None;
        for orphan in self.drivers.take_orphans() {
            if failed.is_some() {
                self.drivers.keep_orphan(orphan);
            } else if let Err(error) = self.free(&orphan).await {
                self.drivers.keep_orphan(orphan);
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn free(&self, orphan: &Orphan) -> Result<(), StoreError> {
        if self.drivers.has(&orphan.run) {
            return Ok(());
        }
        let store = &self.world.store;
        let found = store
            .run(&orphan.project, &orphan.thread, &orphan.run)
            .await?;
        let Some(found) = found.filter(|found| found.token == orphan.token) else {
            return Ok(());
        };
        let next = match found.run.status {
            status if status.is_terminal() => return Ok(()),
            RunStatus::RequiresAction => Next::Waits(found.run.expires_at.0.saturating_mul(1000)),
            _ => Next::Waits(self.world.unix_ms()),
        };
        let commit = RunCommit {
            run: &found.run,
            version: found.version,
            token: found.token,
            writes: &[],
            next,
        };
        // Refused, it was changed this very moment: whoever did that attends to it, or the next round does.
        if !store.commit_run(&orphan.project, commit).await? {
            self.drivers.keep_orphan(orphan.clone());
        }
        Ok(())
    }

    /// Drives a run that was claimed.
    fn take_over(self: &Arc<Self>, claimed: StoredRun) {
        // Should it be driven here all the same, its driver finds out that this is no longer so.
        self.drivers.ring(&claimed.run.id);
        let Some(place) = self.place(&claimed) else {
            return;
        };
        if claimed.run.status != RunStatus::RequiresAction {
            self.metrics.run_taken_over();
            info!(
                run = claimed.run.id.as_str(),
                thread = claimed.run.thread_id.as_str(),
                status = claimed.run.status.as_str(),
                "a run is taken over"
            );
        }
        let found = Found {
            machine: machine_of(&claimed),
            project: claimed.project,
            version: claimed.version,
            token: claimed.token,
            leased_until_ms: self.lease_end(),
        };
        Driver::new(self, place, found, Audience::nobody()).take_over();
    }

    /// A place for the driver of a run; `None` where this process stops.
    pub(super) fn place(&self, run: &StoredRun) -> Option<Place> {
        self.drivers.enter(Orphan {
            project: run.project.clone(),
            thread: run.run.thread_id.clone(),
            run: run.run.id.clone(),
            token: run.token,
        })
    }

    /// Lets the runs that this process drives end, for at most `grace`, and leaves the others to whoever comes next. None is
    /// begun from then on.
    pub async fn hand_over(&self, grace: Duration) {
        let clock = &self.world.clock;
        self.drivers.close();
        select(pin!(self.drivers.all_left()), clock.sleep(grace)).await;
        let left = self.drivers.count();
        self.drivers.stop();
        select(pin!(self.drivers.all_left()), clock.sleep(STOPPING)).await;
        if left == 0 && self.drivers.take_orphans().is_empty() {
            return;
        }
        info!(runs = left, "runs are left to the next process");
        for _ in 0..RELEASE_TRIES {
            let store = &self.world.store;
            let released = store
                .release_leases(Some(&self.owner), self.world.unix_ms())
                .await;
            match released {
                Ok(()) => return,
                Err(error) => {
                    warn!(%error, "the leases could not be given back");
                    clock.sleep(ROUND / 2).await;
                }
            }
        }
    }
}
