//! How the providers are, as far as real traffic has shown. Never costs a request.

use locum_providers::breaker::Circuit;

use super::Gateway;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthStatus {
    /// As it should be, or not yet tried.
    Ok,
    /// Working in part.
    Degraded,
    /// Not working.
    Down,
}

impl HealthStatus {
    /// The name in `/health`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// How the gateway is.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Down when no provider works, degraded when one does not.
    pub status: HealthStatus,
    /// The enabled providers, in the order in which a fallback tries them.
    pub providers: Vec<ProviderHealth>,
}

/// How one provider is.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderHealth {
    /// Its name.
    pub name: &'static str,
    /// Down while its circuit is open, degraded while its newest try failed.
    pub status: HealthStatus,
    /// Its circuit breaker.
    pub circuit: Circuit,
    /// From asking to the first content, smoothed over about the last ten answers.
    pub latency_ms: Option<f64>,
    /// The class of the newest failure.
    pub last_error: Option<&'static str>,
    /// When that was.
    pub last_error_seconds_ago: Option<u64>,
    /// When it answered last.
    pub last_success_seconds_ago: Option<u64>,
    /// Requests sent to it.
    pub requests: u64,
    /// How many of them failed, answers that broke off included.
    pub failures: u64,
}

impl Gateway {
    /// How the providers are.
    pub fn health(&self) -> Health {
        let now = self.shared.world.clock.now();
        let providers: Vec<ProviderHealth> =
            self.slots.iter().map(|slot| slot.health(now)).collect();
        for provider in &providers {
            self.shared.metrics.circuit(provider.name, provider.circuit);
        }
        let worst = providers.iter().map(|provider| provider.status).max();
        let best = providers.iter().map(|provider| provider.status).min();
        let status = match (best, worst) {
            (Some(HealthStatus::Down) | None, _) => HealthStatus::Down,
            (_, Some(HealthStatus::Ok)) => HealthStatus::Ok,
            _ => HealthStatus::Degraded,
        };
        Health { status, providers }
    }
}
