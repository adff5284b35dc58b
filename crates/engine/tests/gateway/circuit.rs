//! The circuit breaker and what health shows of it.

use std::time::Duration;

use locum_domain::error::ApiError;
use locum_engine::gateway::HealthStatus;
use locum_testkit::{Dialect, Fault};

use crate::bench::{Bench, call, says};

const ALONE: [(&str, &str); 2] = [
    ("PROVIDER_OPENAI_ENABLED", "false"),
    ("PROVIDER_MAX_RETRIES", "0"),
];

/// Asks, and expects a refusal.
#[track_caller]
fn refused(bench: &Bench, model: &str) -> ApiError {
    bench.ask(model, says("hi")).err().unwrap()
}

#[test]
fn opens_rests_probes_and_closes() {
    let bench = Bench::new(&ALONE);
    bench.handles.upstream.gemini([Fault::Status(503).times(5)]);
    for _ in 0..5 {
        assert_eq!(refused(&bench, "gemini-3.8-flash").status, 503);
    }
    assert_eq!(bench.gateway.health().status, HealthStatus::Down);

    let shut = refused(&bench, "gemini-3.8-flash");
    assert_eq!(shut.status, 503);
    assert!(
        shut.retry_after
            .is_some_and(|after| after <= Duration::from_secs(10))
    );
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 5);

    bench
        .handles
        .clock
        .run_for(Duration::from_secs(10), std::future::pending::<()>());
    assert_eq!(bench.gateway.health().status, HealthStatus::Degraded);
    assert!(bench.ask("gemini-3.8-flash", says("hi")).is_ok());
    assert_eq!(bench.gateway.health().status, HealthStatus::Ok);
}

#[test]
fn an_open_circuit_is_passed_over_without_delay() {
    let bench = Bench::new(&[("PROVIDER_MAX_RETRIES", "0")]);
    bench.handles.upstream.gemini([Fault::Status(503).times(5)]);
    for _ in 0..7 {
        let reply = bench.ask("gemini-3.8-flash", says("hi")).unwrap();
        assert_eq!(
            (reply.served.provider, reply.served.fallback),
            ("openai", true)
        );
    }
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 5);
    let page = bench.metrics.encode();
    assert!(
        page.contains(r#"locum_fallbacks_total{from="gemini",to="openai"}"#),
        "{page}"
    );
}

#[test]
fn the_callers_own_fault_opens_nothing() {
    let bench = Bench::new(&ALONE);
    bench.handles.upstream.gemini([Fault::Status(400).times(9)]);
    for _ in 0..9 {
        assert_eq!(refused(&bench, "gemini-3.8-flash").status, 400);
    }
    assert_eq!(bench.gateway.health().status, HealthStatus::Ok);
    assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 9);
}

#[test]
fn what_concerns_one_request_says_nothing_of_the_provider() {
    let bench = Bench::new(&ALONE);
    assert_eq!(refused(&bench, "gemini-nonsense").status, 404);
    assert_eq!(bench.gateway.health().status, HealthStatus::Ok);
}

#[test]
fn a_probe_whose_client_leaves_makes_room_for_the_next() {
    let bench = Bench::new(&ALONE);
    bench.handles.upstream.gemini([Fault::Status(503).times(5)]);
    for _ in 0..5 {
        refused(&bench, "gemini-3.8-flash");
    }
    bench
        .handles
        .clock
        .run_for(Duration::from_secs(10), std::future::pending::<()>());
    bench.handles.upstream.gemini([Fault::Silent]);
    let trail = std::sync::Arc::new(locum_engine::trail::Trail::new(
        String::new(),
        Duration::ZERO,
    ));
    let probe = bench
        .gateway
        .chat(call("gemini-3.8-flash", says("hi")), &trail);
    assert!(
        bench
            .handles
            .clock
            .run_for(Duration::from_secs(1), probe)
            .is_none()
    );
    assert!(bench.ask("gemini-3.8-flash", says("hi")).is_ok());
}
