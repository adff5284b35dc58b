//! What is counted and measured, for Prometheus.
//!
//! Labels hold no text that a client can choose freely: routes are the router's, models are those that answered, and
//! of these at most [`MAX_MODELS`] are told apart. What is measured of runs is in `runs`.

mod runs;

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use locum_domain::{chat::Usage, failure::FailureClass};
use locum_providers::breaker::Circuit;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

use self::runs::RunMetrics;
use crate::trail::Trail;

/// How many models are told apart in labels; further ones are counted as `other`.
pub const MAX_MODELS: usize = 100;

/// Bounds in seconds: from a cached answer to a model that thinks for minutes.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FallbackLabels {
    from: &'static str,
    to: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    provider: &'static str,
    model: String,
    direction: &'static str,
}

/// Tokens of one model at one provider.
#[derive(Clone)]
struct Spending {
    input: Counter,
    output: Counter,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of one Locum.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    duration: Histograms<RouteLabels>,
    in_flight: Gauge,
    rate_limited: Counter,
    counted_alone: Counter,
    collections: Counter,
    first_token: Histograms<ProviderLabels>,
    tokens: Family<TokenLabels, Counter>,
    upstream_requests: Family<OutcomeLabels, Counter>,
    upstream_duration: Histograms<ProviderLabels>,
    retries: Family<ProviderLabels, Counter>,
    fallbacks: Family<FallbackLabels, Counter>,
    circuit: Family<ProviderLabels, Gauge>,
    runs: RunMetrics,
    /// The counters of `tokens` by provider and model, so that a request needs no labels of its own.
    spending: Mutex<HashMap<&'static str, HashMap<String, Spending>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut this = Self {
            registry: Registry::with_prefix("locum"),
            requests: Family::default(),
            duration: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            rate_limited: Counter::default(),
            counted_alone: Counter::default(),
            collections: Counter::default(),
            first_token: Family::new_with_constructor(histogram),
            tokens: Family::default(),
            upstream_requests: Family::default(),
            upstream_duration: Family::new_with_constructor(histogram),
            retries: Family::default(),
            fallbacks: Family::default(),
            circuit: Family::default(),
            runs: RunMetrics::new(),
            spending: Mutex::default(),
        };
        let registry = &mut this.registry;
        registry.register(
            "build",
            "The running program",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "requests",
            "Requests answered; 499: the client left first",
            this.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "From a request's head to the last byte of its answer",
            this.duration.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests being answered",
            this.in_flight.clone(),
        );
        registry.register(
            "rate_limited",
            "Requests refused by the rate limit",
            this.rate_limited.clone(),
        );
        registry.register(
            "rate_limit_counted_alone",
            "Requests that this process counted for itself, because it could not be done together",
            this.counted_alone.clone(),
        );
        registry.register(
            "garbage_collections",
            "Collections of garbage that this process has done",
            this.collections.clone(),
        );
        registry.register(
            "time_to_first_token_seconds",
            "From a request's head to the first content of its answer",
            this.first_token.clone(),
        );
        registry.register(
            "tokens",
            "Tokens as far as the upstream told, by the model that answered",
            this.tokens.clone(),
        );
        registry.register(
            "upstream_requests",
            "Requests to providers; outcome: ok, or the failure's class",
            this.upstream_requests.clone(),
        );
        registry.register(
            "upstream_duration_seconds",
            "From asking a provider to the first content of its answer",
            this.upstream_duration.clone(),
        );
        registry.register(
            "retries",
            "Further tries at the same provider",
            this.retries.clone(),
        );
        registry.register(
            "fallbacks",
            "Requests passed on from one provider to another",
            this.fallbacks.clone(),
        );
        registry.register(
            "circuit_state",
            "Circuit breaker: 0 closed, 1 half open, 2 open",
            this.circuit.clone(),
        );
        this.runs.register(registry);
        this
    }

    /// All metrics in OpenMetrics' text format.
    pub fn encode(&self) -> String {
        let mut page = String::with_capacity(8 << 10);
        // Writing into a String does not fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }

    /// A request has come.
    pub fn request_started(&self) {
        self.in_flight.inc();
    }

    /// A request that came has ended. `route` is the router's pattern; `status` 499 where the client left first.
    pub fn request_ended(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        elapsed: Duration,
        trail: &Trail,
    ) {
        self.in_flight.dec();
        self.requests
            .get_or_create(&RequestLabels {
                route,
                method,
                status,
            })
            .inc();
        self.duration
            .get_or_create(&RouteLabels { route })
            .observe(elapsed.as_secs_f64());
        let notes = trail.notes();
        let Some(provider) = notes.provider else {
            return;
        };
        if let Some(first_token) = notes.first_token {
            self.first_token
                .get_or_create(&ProviderLabels { provider })
                .observe(first_token.as_secs_f64());
        }
        if let (Some(usage), Some(model)) = (&notes.usage, &notes.model) {
            self.spent(provider, model, usage);
        }
    }

    /// A request was refused by the rate limit.
    pub fn rate_limited(&self) {
        self.rate_limited.inc();
    }

    /// A request was counted by this process alone, although all should count together.
    pub fn counted_alone(&self) {
        self.counted_alone.inc();
    }

    /// Garbage was collected.
    pub(crate) fn garbage_collected(&self) {
        self.collections.inc();
    }

    /// A model's answer for a run is over.
    pub(crate) fn model_answered(&self, trail: &Trail) {
        let notes = trail.notes();
        if let (Some(provider), Some(usage), Some(model)) =
            (notes.provider, &notes.usage, &notes.model)
        {
            self.spent(provider, model, usage);
        }
    }

    /// A provider was asked: `failure` is `None` where it answered.
    pub(crate) fn upstream_asked(
        &self,
        provider: &'static str,
        failure: Option<FailureClass>,
        elapsed: Duration,
    ) {
        self.upstream_requests
            .get_or_create(&OutcomeLabels {
                provider,
                outcome: failure.map_or("ok", FailureClass::as_str),
            })
            .inc();
        if failure.is_none() {
            self.upstream_duration
                .get_or_create(&ProviderLabels { provider })
                .observe(elapsed.as_secs_f64());
        }
    }

    /// The same provider is asked again.
    pub(crate) fn retried(&self, provider: &'static str) {
        self.retries
            .get_or_create(&ProviderLabels { provider })
            .inc();
    }

    /// Another provider is asked.
    pub(crate) fn fell_back(&self, from: &'static str, to: &'static str) {
        self.fallbacks
            .get_or_create(&FallbackLabels { from, to })
            .inc();
    }

    /// What a provider's circuit looks like now.
    pub(crate) fn circuit(&self, provider: &'static str, circuit: Circuit) {
        let value = match circuit {
            Circuit::Closed => 0,
            Circuit::HalfOpen => 1,
            Circuit::Open => 2,
        };
        self.circuit
            .get_or_create(&ProviderLabels { provider })
            .set(value);
    }

    fn spent(&self, provider: &'static str, model: &str, usage: &Usage) {
        let mut spending = self.spending.lock().unwrap_or_else(PoisonError::into_inner);
        let told_apart: usize = spending.values().map(HashMap::len).sum();
        let models = spending.entry(provider).or_default();
        let counters = match models.get(model) {
            Some(counters) => counters,
            None => {
                let label = if told_apart < MAX_MODELS {
                    model
                } else {
                    "other"
                };
                let counter = |direction| {
                    self.tokens.get_or_create_owned(&TokenLabels {
                        provider,
                        model: label.to_owned(),
                        direction,
                    })
                };
                models.entry(label.to_owned()).or_insert_with(|| Spending {
                    input: counter("input"),
                    output: counter("output"),
                })
            }
        };
        counters.input.inc_by(usage.prompt);
        counters.output.inc_by(usage.completion);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_beyond_the_limit_are_counted_together() {
        let metrics = Metrics::new();
        for number in 0..2 * MAX_MODELS {
            let trail = Trail::new(String::new(), Duration::ZERO);
            {
                let mut notes = trail.notes();
                notes.provider = Some("somebody");
                notes.model = Some(format!("model-{number}"));
                notes.usage = Some(Usage {
                    prompt: 1,
                    ..Usage::default()
                });
            }
            metrics.request_started();
            metrics.request_ended("/", "POST", 200, Duration::ZERO, &trail);
        }
        let page = metrics.encode();
        let series = page
            .lines()
            .filter(|line| line.starts_with("locum_tokens_total"))
            .count();
        assert_eq!(series, 2 * (MAX_MODELS + 1));
        let other = r#"locum_tokens_total{provider="somebody",model="other",direction="input"} "#;
        assert!(page.contains(&format!("{other}{MAX_MODELS}")), "{page}");
    }
}
