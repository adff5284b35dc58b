//! `/health`: how it goes. Providers are judged by what real traffic met, nothing is asked of them for it; storage is asked
//! whether it can be read and written.

mod storage;

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use locum_engine::gateway::{HealthStatus, ProviderHealth};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(crate) use self::storage::StorageProbe;

use super::json as json_response;
use crate::App;

/// `GET /health`: everything that is known. 503 where no provider can answer, or nothing can be stored.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let health = app.gateway.health();
    let storage = storage_status(&app).await;
    let uptime = app.world.clock.now().saturating_sub(app.started);
    let providers: Map<String, Value> = health
        .providers
        .iter()
        .map(|provider| {
            (
                provider.name.to_owned(),
                json!(ProviderObject::from(provider)),
            )
        })
        .collect();
    let status = worse(health.status, storage);
    answer(
        status,
        &json!({
            "status": status.as_str(),
            "version": app.version,
            "uptime_seconds": uptime.as_secs(),
            "providers": providers,
            "storage": {"status": storage.as_str()},
        }),
    )
}

/// `GET /health/live`: whether the program runs, which it does where this is answered.
pub(crate) async fn health_live() -> Response {
    answer(HealthStatus::Ok, &json!({"status": "ok"}))
}

/// `GET /health/ready`: whether requests should be sent here. 503 where no provider can answer, where nothing can be
/// stored, or where the program is about to stop.
pub(crate) async fn health_ready(State(app): State<Arc<App>>) -> Response {
    if app.is_draining() {
        return answer(HealthStatus::Down, &json!({"status": "draining"}));
    }
    let status = worse(app.gateway.health().status, storage_status(&app).await);
    answer(status, &json!({"status": status.as_str()}))
}

async fn storage_status(app: &App) -> HealthStatus {
    if app.storage_is_fine().await {
        HealthStatus::Ok
    } else {
        HealthStatus::Down
    }
}

fn worse(providers: HealthStatus, storage: HealthStatus) -> HealthStatus {
    if storage == HealthStatus::Down {
        storage
    } else {
        providers
    }
}

fn answer(status: HealthStatus, body: &Value) -> Response {
    let mut response = json_response(body.to_string());
    if status == HealthStatus::Down {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// A provider, as `/health` shows it.
#[derive(Serialize)]
struct ProviderObject {
    status: &'static str,
    circuit: &'static str,
    latency_ms: Option<f64>,
    last_error: Option<&'static str>,
    last_error_seconds_ago: Option<u64>,
    last_success_seconds_ago: Option<u64>,
    requests: u64,
    failures: u64,
}

impl From<&ProviderHealth> for ProviderObject {
    fn from(health: &ProviderHealth) -> Self {
        Self {
            status: health.status.as_str(),
            circuit: health.circuit.as_str(),
            latency_ms: health.latency_ms.map(|ms| (ms * 10.0).round() / 10.0),
            last_error: health.last_error,
            last_error_seconds_ago: health.last_error_seconds_ago,
            last_success_seconds_ago: health.last_success_seconds_ago,
            requests: health.requests,
            failures: health.failures,
        }
    }
}
