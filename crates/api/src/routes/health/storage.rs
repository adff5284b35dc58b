//! Whether storage can be read and written, without asking it more often than that changes.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{Either, Shared, select},
};
use locum_engine::ports::{PortFuture, World};

/// How long an answer counts. Probes come often, and from many sides.
const FRESH: Duration = Duration::from_secs(1);
/// A storage that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks storage, for all requests together or for each by itself.
pub(crate) struct StorageProbe {
    /// What storage answered last, or is being asked.
    last: Mutex<Option<Asked>>,
    /// Whether a request may wait for what another one has begun.
    shared: bool,
}

impl Default for StorageProbe {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            shared: true,
        }
    }
}

struct Asked {
    /// On the clock port.
    at: Duration,
    answer: Shared<PortFuture<'static, bool>>,
}

impl StorageProbe {
    /// One that asks for each request by itself.
    pub(crate) fn unshared() -> Self {
        Self {
            shared: false,
            ..Self::default()
        }
    }

    /// Whether storage is fine. However many ask at once, it is asked once, unless each asks for itself.
    pub(crate) fn is_fine(&self, world: &World) -> Shared<PortFuture<'static, bool>> {
        if !self.shared {
            return ask(world.clone()).shared();
        }
        let now = world.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = &*last {
            let age = now.saturating_sub(asked.at);
            let is_open = asked.answer.peek().is_none();
            if age < FRESH || (is_open && age < PATIENCE) {
                return asked.answer.clone();
            }
        }
        let answer = ask(world.clone()).shared();
        *last = Some(Asked {
            at: now,
            answer: answer.clone(),
        });
        answer
    }
}

fn ask(world: World) -> PortFuture<'static, bool> {
    Box::pin(async move {
        let patience = world.clock.sleep(PATIENCE);
        match select(world.store.check(), patience).await {
            Either::Left((answer, _)) => answer.is_ok(),
            Either::Right(((), _)) => false,
        }
    })
}
