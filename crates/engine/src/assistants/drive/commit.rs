//! Storing what a run has come to, and finding out what others stored meanwhile.
//!
//! A commit names the version that it follows and the token of our claim. Refused, it means that a client changed the run, or
//! that somebody else drives it; the store says which. A store that is away is asked again for as long as our claim holds.

use std::sync::atomic::Ordering;

use locum_domain::run::{Input, Machine, Open, Output, Run, RunEvent, RunStatus};
use tracing::warn;

use super::{Driver, Stop};
use crate::{
    assistants::{Assistants, lease::Pauses},
    store::{Next, RunCommit, StoreError, StoredRun},
};

impl Assistants {
    /// Who goes on with a run that we drive. A lease ends at `lease_end`.
    pub(in crate::assistants) fn next_of(&self, run: &Run, lease_end: u64) -> Next<'_> {
        match run.status {
            RunStatus::RequiresAction => Next::Waits(run.expires_at.0.saturating_mul(1000)),
            status if status.is_terminal() => Next::Ended,
            _ => Next::Driven {
                owner: &self.owner,
                until_ms: lease_end,
            },
        }
    }
}

impl Driver {
    /// Stores what `output` changes. What has to be told and done may have become more by then.
    pub(super) async fn store(&mut self, output: &mut Output) -> Result<(), Stop> {
        if !output.changed && !self.owes_commit {
            return Ok(());
        }
        let mut pauses = Pauses::new();
        // Whether a commit may have been stored although we were told that it failed.
        let mut unsure = false;
        loop {
            let lease_end = self.assistants.lease_end();
            let run = self.machine.run();
            let commit = RunCommit {
                run,
                version: self.version,
                token: self.token,
                writes: &output.writes,
                next: self.assistants.next_of(run, lease_end),
            };
            let store = &self.assistants.world.store;
            match store.commit_run(&self.project, commit).await {
                Ok(true) => {
                    self.version += 1;
                    self.leased_until_ms = lease_end;
                    self.owes_commit = false;
                    self.look = None;
                    return Ok(());
                }
                Ok(false) => {
                    let stored = self.load().await?;
                    if unsure && self.is_stored(&stored) {
                        self.adopt(stored);
                        self.owes_commit = false;
                        return Ok(());
                    }
                    if unsure && stored.version > self.version + 1 {
                        return Err(Stop::Lost);
                    }
                    unsure = false;
                    let inputs = self.adopt(stored);
                    if !inputs.is_empty() {
                        unsay_waiting(output);
                    }
                    let more = self.feed(inputs);
                    super::add(output, more);
                }
                Err(error) => {
                    unsure = true;
                    self.pause(&error, &mut pauses).await?;
                }
            }
        }
    }

    /// Looks at the run in the store, because somebody changed it; what that means for us.
    pub(super) async fn look_again(&mut self) -> Result<Vec<Input>, Stop> {
        if self.assistants.drivers.is_stopped() {
            return Err(Stop::HandedOver);
        }
        let stored = self.load().await?;
        Ok(self.adopt(stored))
    }

    /// The same, where nobody said that there is something to be seen: a store that is away is not waited for.
    pub(super) async fn glance(&mut self) -> Result<Vec<Input>, Stop> {
        let run = self.machine.run();
        let store = &self.assistants.world.store;
        match store.run(&self.project, &run.thread_id, &run.id).await {
            Ok(Some(stored)) if stored.token == self.token => Ok(self.adopt(stored)),
            Ok(Some(_)) => {
                self.assistants.metrics.lease_lost();
                Err(Stop::Fenced)
            }
            Ok(None) => Err(Stop::Fenced),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The run as it is stored, if it is still ours.
    async fn load(&mut self) -> Result<StoredRun, Stop> {
        let mut pauses = Pauses::new();
        loop {
            let run = self.machine.run();
            let store = &self.assistants.world.store;
            match store.run(&self.project, &run.thread_id, &run.id).await {
                Ok(Some(stored)) if stored.token == self.token => return Ok(stored),
                Ok(Some(_)) => {
                    self.assistants.metrics.lease_lost();
                    return Err(Stop::Fenced);
                }
                Ok(None) => return Err(Stop::Fenced),
                Err(error) => self.pause(&error, &mut pauses).await?,
            }
        }
    }

    /// Waits before the store is asked again, for as long as our claim holds.
    async fn pause(&mut self, error: &StoreError, pauses: &mut Pauses) -> Result<(), Stop> {
        let world = &self.assistants.world;
        let drivers = &self.assistants.drivers;
        warn!(%error, "the store could not do what a run needs");
        if drivers.is_stopped() {
            return Err(Stop::HandedOver);
        }
        if matches!(error, StoreError::TooLarge(_)) {
            // Trying again does not help, but another answer may: whoever takes the run over asks for one.
            return Err(Stop::Lost);
        }
        let renewed = drivers.renewed_until_ms.load(Ordering::Relaxed);
        if world.unix_ms() >= self.leased_until_ms.max(renewed) {
            return Err(Stop::Lost);
        }
        world.clock.sleep(pauses.next()).await;
        Ok(())
    }

    /// Whether what we wanted to store is stored, whatever clients did to the run's metadata since.
    fn is_stored(&self, stored: &StoredRun) -> bool {
        let mut ours = self.machine.run().clone();
        ours.metadata.clone_from(&stored.run.metadata);
        // It never changes, and its numbers may not come back from a store to the last digit.
        ours.plan.clone_from(&stored.run.plan);
        let step = |open: Option<&Open>| open.map(|open| open.step.id.clone());
        ours == stored.run && step(self.machine.open()) == step(stored.open.as_ref())
    }

    /// Takes over what clients changed. What has to be fed because of that.
    fn adopt(&mut self, stored: StoredRun) -> Vec<Input> {
        self.version = stored.version;
        self.machine.run_mut().metadata = stored.run.metadata;
        let status = self.machine.run().status;
        let must_stop = stored.run.status == RunStatus::Cancelling
            && status != RunStatus::Cancelling
            && !status.is_terminal();
        if must_stop {
            self.call.hang_up(&self.assistants.metrics);
            return vec![Input::Cancel, Input::Aborted];
        }
        Vec::new()
    }
}

/// Takes out that the run waits for outputs: it was cancelled before that was stored, so that it never did.
fn unsay_waiting(output: &mut Output) {
    output.events.retain(|event| match event {
        RunEvent::RunChanged(run) => run.status != RunStatus::RequiresAction,
        _ => true,
    });
}

/// A machine for a run as it was loaded.
pub(in crate::assistants) fn machine_of(stored: &StoredRun) -> Machine {
    Machine::new(stored.run.clone(), stored.open.clone())
}
