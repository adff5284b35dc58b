//! Counting together: the port [`Limits`] over whoever counts for all processes.
//!
//! Most requests are taken from permits in advance. Whoever counts is given little time, and where he fails he is left alone for a
//! while: a request that nobody counts for must not wait for long, and those after it not at all.

use std::{
    future::ready,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::{Either, select};

use super::{Grant, Permits, Verdict, network};
use crate::ports::{Clock, Limits, LimitsError, PortFuture, whole_ms};

/// How long counting may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long whoever failed is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// Who counts for all processes.
pub trait Counter: Send + Sync {
    /// Counts one request of `client`, as [`network`] has it, and some more in advance, by the rule of
    /// [`Limiter::grant`](super::Limiter::grant).
    fn grant(&self, client: IpAddr) -> PortFuture<'static, Result<Grant, LimitsError>>;
}

/// Counts by a [`Counter`].
pub struct SharedLimits<C> {
    counter: C,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
}

/// What is known of who counts.
#[derive(Default)]
struct State {
    /// What was granted to this process in advance.
    permits: Permits,
    /// Until when he is left alone: milliseconds on the engine's clock.
    alone_until_ms: AtomicU64,
    /// Whether the last that was heard of him was a failure.
    failed: AtomicBool,
}

impl<C: Counter> SharedLimits<C> {
    /// Counts by `counter`.
    pub fn new(counter: C, clock: Arc<dyn Clock>) -> Self {
        Self {
            counter,
            clock,
            state: Arc::default(),
        }
    }
}

impl<C: Counter> Limits for SharedLimits<C> {
    fn count(&self, client: IpAddr) -> PortFuture<'static, Result<Verdict, LimitsError>> {
        let (client, now) = (network(client), self.clock.now());
        if let Some(verdict) = self.state.permits.take(client, now) {
            return Box::pin(ready(Ok(verdict)));
        }
        if whole_ms(now) < self.state.alone_until_ms.load(Relaxed) {
            let error = LimitsError("who counts is left alone for a while".to_owned());
            return Box::pin(ready(Err(error)));
        }
        let asked = self.counter.grant(client);
        let (clock, state) = (Arc::clone(&self.clock), Arc::clone(&self.state));
        Box::pin(async move {
            let granted = match select(asked, pin!(clock.sleep(PATIENCE))).await {
                Either::Left((granted, _)) => granted,
                Either::Right(_) => Err(LimitsError("no answer in time".to_owned())),
            };
            let now = clock.now();
            match granted {
                Ok(grant) => {
                    if state.failed.swap(false, Relaxed) {
                        tracing::info!("requests are counted together again");
                    }
                    Ok(state.permits.keep(client, grant, now))
                }
                Err(error) => {
                    let until = whole_ms(now + LEFT_ALONE);
                    state.alone_until_ms.store(until, Relaxed);
                    if !state.failed.swap(true, Relaxed) {
                        tracing::warn!(%error, "requests are counted by this process alone");
                    }
                    Err(error)
                }
            }
        })
    }
}
