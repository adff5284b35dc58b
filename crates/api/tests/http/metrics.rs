//! `/metrics`

use locum_testkit::Fault;

use crate::support::{Locum, chat, next_bytes, post, streamed_chat};

#[test]
fn it_is_openmetrics() {
    let locum = Locum::new();
    locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    let answer = locum.get("/metrics");
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let page = answer.text();
    assert!(page.ends_with("# EOF\n"));
    for name in [
        "locum_requests_total",
        "locum_request_duration_seconds_bucket",
        "locum_requests_in_flight 1",
        "locum_time_to_first_token_seconds_count{provider=\"openai\"} 1",
        "locum_tokens_total",
    ] {
        assert!(page.contains(name), "{name} is not in {page}");
    }
}

#[test]
fn a_fallback_is_counted() {
    let locum = Locum::new();
    locum.world.upstream.openai([Fault::BadKey]);
    locum
        .post("/v1/chat/completions", &chat("gpt-4.1-mini"))
        .json();
    let page = locum.app.metrics.encode();
    let fallbacks = page
        .lines()
        .find(|line| line.starts_with("locum_fallbacks_total{"));
    assert!(fallbacks.is_some_and(|line| line.ends_with(" 1")), "{page}");
}

#[test]
fn a_stream_is_in_flight_until_its_last_byte() {
    let locum = Locum::new();
    let request = post("/v1/chat/completions", &streamed_chat("gpt-4.1-mini"));
    locum.world.clock.run(async {
        let mut body = locum.begin(request).await.into_body();
        while next_bytes(&mut body).await.is_some() {
            assert_eq!(locum.metric("locum_requests_in_flight"), 1.0);
        }
        assert_eq!(locum.metric("locum_requests_in_flight"), 1.0);
        drop(body);
        assert_eq!(locum.metric("locum_requests_in_flight"), 0.0);
    });
}

#[test]
fn invented_methods_make_no_new_series() {
    let locum = Locum::new();
    for name in ["BREW", "WHEN"] {
        let method = http::Method::from_bytes(name.as_bytes()).unwrap();
        locum.ask(crate::support::request(method, "/unknown", ""));
    }
    let series = "locum_requests_total{route=\"unknown\",method=\"other\",status=\"404\"}";
    assert_eq!(locum.metric(series), 2.0);
}
