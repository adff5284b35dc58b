//! The models of all providers, merged, kept, and alive when one provider is down.

use std::time::Duration;

use locum_testkit::{Dialect, Fault};

use crate::bench::Bench;

#[test]
fn merged_and_kept() {
    let bench = Bench::new(&[]);
    let models = bench.handles.clock.run(bench.gateway.models()).unwrap();
    assert!(
        models
            .iter()
            .any(|model| model.id.starts_with("gemini-") && model.owned_by == "google")
    );
    assert!(models.iter().any(|model| model.id == "gpt-4.1-mini"));
    let asked = bench.handles.upstream.requests().len();
    bench.handles.clock.run(bench.gateway.models()).unwrap();
    assert_eq!(bench.handles.upstream.requests().len(), asked);
    bench
        .handles
        .clock
        .run_for(Duration::from_secs(301), std::future::pending::<()>());
    bench.handles.clock.run(bench.gateway.models()).unwrap();
    assert_eq!(bench.handles.upstream.requests().len(), asked * 2);
}

#[test]
fn alive_when_one_provider_is_down() {
    let bench = Bench::new(&[]);
    bench.handles.upstream.gemini([Fault::Status(500)]);
    let models = bench.handles.clock.run(bench.gateway.models()).unwrap();
    assert!(models.iter().all(|model| !model.id.starts_with("gemini-")));
    assert!(!models.is_empty());
}

#[test]
fn a_listing_outlives_its_provider() {
    let bench = Bench::new(&[("PROVIDER_OPENAI_ENABLED", "false")]);
    let before = bench.handles.clock.run(bench.gateway.models()).unwrap();
    bench
        .handles
        .clock
        .run_for(Duration::from_secs(301), std::future::pending::<()>());
    bench.handles.upstream.gemini([Fault::Refuse]);
    assert_eq!(
        bench.handles.clock.run(bench.gateway.models()).unwrap(),
        before
    );
}

#[test]
fn an_error_when_nobody_could_ever_tell() {
    let bench = Bench::new(&[]);
    bench.handles.upstream.gemini([Fault::Refuse]);
    bench.handles.upstream.openai([Fault::Status(503)]);
    let error = bench
        .handles
        .clock
        .run(bench.gateway.models())
        .err()
        .unwrap();
    assert_eq!(error.status, 502);
}

#[test]
fn one_model_by_name_alias_or_provider() {
    let bench = Bench::new(&[("MODEL_ALIASES", "mine=gpt-4.1-mini")]);
    for id in [
        "gpt-4.1-mini",
        "mine",
        "openai/gpt-4.1-mini",
        "models/gemini-3.8-flash",
    ] {
        let model = bench.handles.clock.run(bench.gateway.model(id)).unwrap();
        assert_eq!(model.id, id);
    }
    let error = bench
        .handles
        .clock
        .run(bench.gateway.model("nope"))
        .err()
        .unwrap();
    assert_eq!(error.code.as_deref(), Some("model_not_found"));
    assert!(bench.handles.upstream.asked(Dialect::OpenAi) <= 1);
}
