//! What is counted and measured of runs.

use std::time::Duration;

use locum_domain::run::RunStatus;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Metrics, SECONDS};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

/// What is measured of runs.
pub(super) struct RunMetrics {
    ended: Family<StatusLabels, Counter>,
    driven: Gauge,
    duration: Histogram,
    queue_wait: Histogram,
    tool_wait: Histogram,
    takeovers: Counter,
    leases_lost: Counter,
}

impl Metrics {
    /// A run is being driven here.
    pub(crate) fn run_driven(&self) {
        self.runs.driven.inc();
    }

    /// It is no longer.
    pub(crate) fn run_left(&self) {
        self.runs.driven.dec();
    }

    /// A run's model answers for the first time since the run was queued, `waited` ago.
    pub(crate) fn run_began(&self, waited: Duration) {
        self.runs.queue_wait.observe(waited.as_secs_f64());
    }

    /// A run's functions were run; they were asked for `waited` ago.
    pub(crate) fn tools_ran(&self, waited: Duration) {
        self.runs.tool_wait.observe(waited.as_secs_f64());
    }

    /// A run has ended, `elapsed` after it was made.
    pub(crate) fn run_ended(&self, status: RunStatus, elapsed: Duration) {
        self.runs
            .ended
            .get_or_create(&StatusLabels {
                status: status.as_str(),
            })
            .inc();
        self.runs.duration.observe(elapsed.as_secs_f64());
    }

    /// A run whose driver was gone is driven again.
    pub(crate) fn run_taken_over(&self) {
        self.runs.takeovers.inc();
    }

    /// A driver does not know whether its run is still its own, or knows that it is not.
    pub(crate) fn lease_lost(&self) {
        self.runs.leases_lost.inc();
    }
}

impl RunMetrics {
    pub fn new() -> Self {
        let histogram = || Histogram::new(SECONDS);
        let this = Self {
            ended: Family::default(),
            driven: Gauge::default(),
            duration: histogram(),
            queue_wait: histogram(),
            tool_wait: histogram(),
            takeovers: Counter::default(),
            leases_lost: Counter::default(),
        };
        // From the start on, so that an alert can be written on them.
        for status in RunStatus::ALL.into_iter().filter(|it| it.is_terminal()) {
            let status = status.as_str();
            drop(this.ended.get_or_create(&StatusLabels { status }));
        }
        this
    }

    pub fn register(&self, registry: &mut Registry) {
        registry.register("runs", "Runs ended, by how", self.ended.clone());
        registry.register(
            "runs_driven",
            "Runs that this process drives right now",
            self.driven.clone(),
        );
        registry.register(
            "run_duration_seconds",
            "From a run's making to its end, waiting for functions included",
            self.duration.clone(),
        );
        registry.register(
            "run_queue_wait_seconds",
            "From a run's queueing to the first content of its model's answer",
            self.queue_wait.clone(),
        );
        registry.register(
            "run_tool_wait_seconds",
            "From the calls of functions to their outputs",
            self.tool_wait.clone(),
        );
        registry.register(
            "run_takeovers",
            "Runs driven again because their driver was gone",
            self.takeovers.clone(),
        );
        registry.register(
            "run_leases_lost",
            "Drivers that lost their run",
            self.leases_lost.clone(),
        );
    }
}
