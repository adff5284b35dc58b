//! `/health`

use std::time::Duration;

use http::StatusCode;
use locum_testkit::Fault;
use serde_json::{Value, json};

use crate::support::{Locum, chat};

const GEMINI_ALONE: &[(&str, &str)] = &[
    ("PROVIDER_OPENAI_ENABLED", "false"),
    ("PROVIDER_MAX_RETRIES", "0"),
];

/// Lets Gemini's circuit open.
fn break_gemini(locum: &Locum) {
    locum.world.upstream.gemini([Fault::Refuse.times(5)]);
    for _ in 0..5 {
        locum.post("/v1/chat/completions", &chat("gemini-2.5-flash"));
    }
}

fn body(answer: &crate::support::Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_fresh_start_is_healthy_and_asks_nobody() {
    let locum = Locum::new();
    locum.wait(Duration::from_secs(90));
    let health = locum.get("/health").json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["uptime_seconds"], 90);
    assert_eq!(health["storage"], json!({"status": "ok"}));
    assert_eq!(
        health["providers"],
        json!({
            "gemini": untried(),
            "openai": untried(),
        })
    );
    assert!(locum.world.upstream.requests().is_empty());
}

fn untried() -> Value {
    json!({
        "status": "ok", "circuit": "closed", "latency_ms": null, "last_error": null,
        "last_error_seconds_ago": null, "last_success_seconds_ago": null, "requests": 0, "failures": 0,
    })
}

#[test]
fn it_shows_what_real_traffic_met() {
    let locum = Locum::new();
    locum
        .world
        .upstream
        .openai([Fault::Good.after(Duration::from_millis(120))]);
    locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    locum.world.upstream.gemini([Fault::Status(500).times(4)]);
    locum.post("/v1/chat/completions", &chat("gemini-2.5-flash"));
    locum.wait(Duration::from_secs(3));
    let health = locum.get("/health").json();
    assert_eq!(health["status"], "degraded");
    let (gemini, openai) = (
        &health["providers"]["gemini"],
        &health["providers"]["openai"],
    );
    assert_eq!(gemini["status"], "degraded");
    assert_eq!(gemini["last_error"], "server");
    assert_eq!(gemini["last_error_seconds_ago"], 3);
    assert_eq!(gemini["failures"], 4);
    assert_eq!(openai["status"], "ok");
    assert_eq!(openai["requests"], 2);
    assert!(openai["latency_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn it_is_down_when_no_provider_can_answer_and_comes_back() {
    let locum = Locum::with(GEMINI_ALONE);
    break_gemini(&locum);
    let answer = locum.get("/health");
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let health = body(&answer);
    assert_eq!(health["status"], "down");
    assert_eq!(health["providers"]["gemini"]["circuit"], "open");
    assert_eq!(
        locum.get("/health/ready").status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(locum.get("/health/live").status, StatusCode::OK);

    locum.wait(Duration::from_secs(10));
    assert_eq!(
        body(&locum.get("/health"))["providers"]["gemini"]["circuit"],
        "half_open"
    );
    assert_eq!(locum.get("/health/ready").status, StatusCode::OK);
    locum
        .post("/v1/chat/completions", &chat("gemini-2.5-flash"))
        .json();
    assert_eq!(locum.get("/health").json()["status"], "ok");
}

#[test]
fn a_program_that_is_about_to_stop_is_alive_and_not_ready() {
    let locum = Locum::new();
    assert_eq!(locum.get("/health/ready").json(), json!({"status": "ok"}));
    locum.app.drain();
    let answer = locum.get("/health/ready");
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(&answer), json!({"status": "draining"}));
    assert_eq!(locum.get("/health/live").json(), json!({"status": "ok"}));
    assert_eq!(locum.get("/health").status, StatusCode::OK);
    let chat = locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    assert_eq!(chat.status, StatusCode::OK);
}
