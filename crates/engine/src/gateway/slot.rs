//! A provider with its circuit and its health, as real traffic met it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use locum_domain::failure::{Failure, FailureClass};
use locum_providers::{
    Provider,
    breaker::{Breaker, Circuit},
};

use super::{
    Shared,
    health::{HealthStatus, ProviderHealth},
};

/// A provider that may be asked.
pub(super) struct Slot {
    pub provider: Box<dyn Provider>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    breaker: Breaker,
    requests: u64,
    failures: u64,
    /// Smoothed over about the last ten answers, in seconds.
    latency: Option<f64>,
    last_error: Option<(FailureClass, Duration)>,
    last_success: Option<Duration>,
}

impl Slot {
    pub fn new(provider: Box<dyn Provider>) -> Self {
        Self {
            provider,
            state: Mutex::default(),
        }
    }

    pub fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the circuit is shut right now, without taking a probe's place.
    pub fn is_open(&self, now: Duration) -> bool {
        self.state().breaker.circuit(now) == Circuit::Open
    }

    /// Asks to send one request.
    ///
    /// # Errors
    /// How long the circuit stays open.
    pub fn admit(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<Ticket, Duration> {
        let now = shared.world.clock.now();
        self.state().breaker.admit(now)?;
        Ok(Ticket {
            slot: Arc::clone(self),
            shared: Arc::clone(shared),
            asked: now,
            settled: false,
        })
    }

    /// An answer that had begun well has broken off.
    pub fn failed_late(&self, class: FailureClass, now: Duration) {
        let mut state = self.state();
        state.failures += 1;
        state.last_error = Some((class, now));
        if class.trips_breaker() {
            state.breaker.failed(now);
        }
    }

    pub fn health(&self, now: Duration) -> ProviderHealth {
        let state = self.state();
        let circuit = state.breaker.circuit(now);
        let ailing = match (&state.last_error, state.last_success) {
            (Some((_, failed)), Some(succeeded)) => *failed > succeeded,
            (Some(_), None) => true,
            _ => false,
        };
        let status = match circuit {
            Circuit::Open => HealthStatus::Down,
            Circuit::HalfOpen => HealthStatus::Degraded,
            Circuit::Closed if ailing => HealthStatus::Degraded,
            Circuit::Closed => HealthStatus::Ok,
        };
        let ago = |then: Duration| now.saturating_sub(then).as_secs();
        ProviderHealth {
            name: self.name(),
            status,
            circuit,
            latency_ms: state.latency.map(|seconds| seconds * 1e3),
            last_error: state.last_error.map(|(class, _)| class.as_str()),
            last_error_seconds_ago: state.last_error.map(|(_, then)| ago(then)),
            last_success_seconds_ago: state.last_success.map(ago),
            requests: state.requests,
            failures: state.failures,
        }
    }
}

/// The right to send one request. Dropped unsettled, it says that nothing was learnt.
pub(super) struct Ticket {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    asked: Duration,
    settled: bool,
}

impl Ticket {
    /// The provider has answered, at least in the beginning.
    pub fn succeeded(mut self) {
        let now = self.settle(None);
        let seconds = now.saturating_sub(self.asked).as_secs_f64();
        let mut state = self.slot.state();
        state.requests += 1;
        state.last_success = Some(now);
        state.latency = Some(match state.latency {
            None => seconds,
            Some(before) => before * 0.9 + seconds * 0.1,
        });
        state.breaker.succeeded();
    }

    /// The provider has failed. That it refuses one request for what is in it speaks for its health.
    pub fn failed(mut self, failure: &Failure) {
        let now = self.settle(Some(failure.class));
        let mut state = self.slot.state();
        state.requests += 1;
        if failure.class.concerns_one_request() {
            state.last_success = Some(now);
            state.breaker.succeeded();
            return;
        }
        state.failures += 1;
        state.last_error = Some((failure.class, now));
        if failure.class.trips_breaker() {
            state.breaker.failed(now);
        } else {
            state.breaker.succeeded();
        }
    }

    fn settle(&mut self, failure: Option<FailureClass>) -> Duration {
        self.settled = true;
        let now = self.shared.world.clock.now();
        self.shared.metrics.upstream_asked(
            self.slot.name(),
            failure,
            now.saturating_sub(self.asked),
        );
        now
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.slot.state().breaker.abandoned();
        }
    }
}
