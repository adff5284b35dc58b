//! The loop that asks one provider after the other, as the policy says.

use std::{future::Future, sync::Arc, time::Duration};

use locum_domain::{
    error::ApiError,
    failure::{Failure, FailureClass},
};
use locum_providers::policy::{Plan, Step};
use tracing::{debug, warn};

use super::{Gateway, Served, route::Target, slot::Slot};
use crate::trail::Trail;

/// One operation, as it is tried at one provider after the other.
pub(super) trait Attempt: Sync {
    /// What a provider gives.
    type Answer: Send;

    /// Tries it at one provider.
    fn at(&self, target: &Target) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

impl Gateway {
    /// Tries `attempt` at `targets`, the preferred one first, until one answers or the policy gives up.
    pub(super) async fn fail_over<A: Attempt>(
        &self,
        targets: Vec<Target>,
        attempt: &A,
        trail: &Arc<Trail>,
    ) -> Result<(Served, Arc<Slot>, A::Answer), ApiError> {
        let shared = &self.shared;
        let mut plan = Plan::new(targets.len(), shared.limits);
        let mut step = Step::Ask {
            target: plan.first(),
            pause: Duration::ZERO,
        };
        let mut asked: Option<usize> = None;
        loop {
            let (index, pause) = match step {
                Step::Ask { target, pause } => (target, pause),
                Step::GiveUp { target, failure } => {
                    let name = targets[target].slot.name();
                    trail.notes().failure = Some(failure.class);
                    return Err(ApiError::from_failure(name, &failure));
                }
            };
            let target = &targets[index];
            let name = target.slot.name();
            match asked {
                Some(before) if before == index => shared.metrics.retried(name),
                Some(before) => shared.metrics.fell_back(targets[before].slot.name(), name),
                None => {}
            }
            if !pause.is_zero() {
                debug!(
                    provider = name,
                    pause_ms = pause.as_millis() as u64,
                    "waiting before the next try"
                );
                shared.world.clock.sleep(pause).await;
            }
            asked = Some(index);
            let ticket = match target.slot.admit(shared) {
                Ok(ticket) => ticket,
                Err(rest) => {
                    debug!(provider = name, "skipped: its circuit is open");
                    step = plan.skipped(circuit_open(rest));
                    continue;
                }
            };
            debug!(provider = name, model = target.model, "asking");
            {
                let mut notes = trail.notes();
                notes.tries += 1;
                notes.provider = Some(name);
                if notes.model.as_deref() != Some(&target.model) {
                    notes.model = Some(target.model.clone());
                }
                notes.fallback = index != 0 || target.fallback;
            }
            match attempt.at(target).await {
                Ok(answer) => {
                    ticket.succeeded();
                    let served = Served {
                        provider: name,
                        model: target.model.clone(),
                        fallback: index != 0 || target.fallback,
                    };
                    return Ok((served, Arc::clone(&target.slot), answer));
                }
                Err(failure) => {
                    ticket.failed(&failure);
                    log_failure(name, &target.model, &failure);
                    step = plan.failed(failure, shared.world.fraction());
                }
            }
        }
    }
}

fn circuit_open(rest: Duration) -> Failure {
    let mut failure = Failure::new(
        FailureClass::Overloaded,
        "it has failed repeatedly and is left alone for a moment",
    );
    failure.retry_after = Some(rest);
    failure
}

/// What the upstream said is logged only where it cannot repeat a prompt.
fn log_failure(provider: &'static str, model: &str, failure: &Failure) {
    let class = failure.class.as_str();
    if failure.class.is_callers_fault() {
        debug!(
            provider,
            model,
            class,
            status = failure.status,
            "the provider refuses the request"
        );
        return;
    }
    let said = match failure.class {
        FailureClass::Connect
        | FailureClass::Reset
        | FailureClass::Timeout
        | FailureClass::RateLimited
        | FailureClass::QuotaExhausted
        | FailureClass::Overloaded
        | FailureClass::ModelNotFound
        | FailureClass::Cut
        | FailureClass::Stalled => failure.message.as_ref(),
        _ => "",
    };
    warn!(
        provider,
        model,
        class,
        status = failure.status,
        said,
        "a try at the provider failed"
    );
}
