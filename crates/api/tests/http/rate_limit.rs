//! The rate limit.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use locum_engine::ports::{Limits, LimitsError, PortFuture, Verdict, World};

use crate::support::{Answer, BYPASS_KEY, Locum, from, get, with, without_key};

const TWO_PER_MINUTE: &[(&str, &str)] = &[
    ("RATE_LIMIT_REQUESTS", "2"),
    ("TRUSTED_PROXIES", "10.0.0.0/8"),
];

fn told(answer: &Answer) -> (&str, &str, &str) {
    (
        answer.header("x-ratelimit-limit-requests"),
        answer.header("x-ratelimit-remaining-requests"),
        answer.header("x-ratelimit-reset-requests"),
    )
}

#[test]
fn a_client_is_told_where_it_stands_and_refused_beyond_the_limit() {
    let locum = Locum::with(TWO_PER_MINUTE);
    assert_eq!(told(&locum.get("/")), ("2", "1", "1m0s"));
    locum.wait(Duration::from_millis(20_500));
    assert_eq!(told(&locum.get("/")), ("2", "0", "39.5s"));

    let answer = locum.get("/");
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told(&answer), ("2", "0", "39.5s"));
    assert_eq!(answer.header("retry-after"), "40");
    assert_eq!(answer.header("retry-after-ms"), "39500");
    let error = answer.error();
    assert_eq!(error.kind, "rate_limit_error");
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(locum.metric("locum_rate_limited_total"), 1.0);

    locum.wait(Duration::from_millis(39_500));
    assert_eq!(told(&locum.get("/")), ("2", "1", "1m0s"));
}

#[test]
fn each_address_has_its_own_limit() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..2 {
        assert_eq!(
            locum.ask(from("192.0.2.1", get("/"))).status,
            StatusCode::OK
        );
    }
    assert_eq!(
        locum.ask(from("192.0.2.1", get("/"))).status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        locum.ask(from("192.0.2.2", get("/"))).status,
        StatusCode::OK
    );
}

#[test]
fn forwarded_addresses_count_only_from_trusted_proxies() {
    let locum = Locum::with(TWO_PER_MINUTE);
    let ask = |peer: &str, forwarded: &str| {
        let request = with("x-forwarded-for", forwarded, get("/"));
        locum.ask(from(peer, request)).status
    };
    for number in 0..2 {
        let liar = format!("198.51.100.{number}");
        assert_eq!(ask("192.0.2.1", &liar), StatusCode::OK);
        assert_eq!(ask("10.0.0.1", "203.0.113.7"), StatusCode::OK);
    }
    assert_eq!(
        ask("192.0.2.1", "198.51.100.9"),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        ask("10.0.0.1", "203.0.113.7"),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        ask("10.0.0.1", "198.51.100.9, 203.0.113.7, 10.0.0.2"),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(ask("10.0.0.1", "203.0.113.8"), StatusCode::OK);
}

#[test]
fn guessing_keys_uses_the_limit_up_and_then_tells_nothing() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..2 {
        let guess = with("authorization", "Bearer guess", get("/v1/models"));
        assert_eq!(locum.ask(guess).status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        locum.get("/v1/models").status,
        StatusCode::TOO_MANY_REQUESTS
    );
    let answer = locum.ask(without_key(get("/unknown")));
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn the_bypass_key_lifts_the_limit_and_no_other_does() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..3 {
        let answer = locum.ask(with("x-ratelimit-bypass-key", BYPASS_KEY, get("/")));
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(told(&answer), ("", "", ""));
    }
    for remaining in ["1", "0"] {
        let answer = locum.ask(with("x-ratelimit-bypass-key", "wrong", get("/")));
        assert_eq!(told(&answer).1, remaining);
    }
    let answer = locum.ask(with("x-ratelimit-bypass-key", "wrong", get("/")));
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let key = with(
        "x-ratelimit-bypass-key",
        BYPASS_KEY,
        without_key(get("/v1/models")),
    );
    assert_eq!(locum.ask(key).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn probes_are_not_limited() {
    let locum = Locum::with(TWO_PER_MINUTE);
    for _ in 0..5 {
        for path in ["/health", "/health/live", "/health/ready"] {
            let answer = locum.get(path);
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(told(&answer), ("", "", ""));
        }
    }
}

#[test]
fn it_can_be_switched_off() {
    let locum = Locum::with(&[("RATE_LIMIT_REQUESTS", "1"), ("ENABLE_RATE_LIMIT", "false")]);
    for _ in 0..3 {
        let answer = locum.get("/");
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(told(&answer), ("", "", ""));
    }
}

/// Counts for all processes together; or, with 0 requests left, cannot.
#[derive(Clone)]
struct Together {
    left: Arc<AtomicU64>,
    asked: Arc<Mutex<Vec<IpAddr>>>,
}

impl Together {
    fn with(left: u64) -> Self {
        Self {
            left: Arc::new(AtomicU64::new(left)),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Limits for Together {
    fn count(&self, client: IpAddr) -> PortFuture<'static, Result<Verdict, LimitsError>> {
        self.asked.lock().unwrap().push(client);
        let left = self.left.load(Ordering::Relaxed);
        let counted = match left {
            0 => Err(LimitsError("away".to_owned())),
            _ => Ok(Verdict {
                allowed: left > 1,
                limit: 2,
                remaining: left.saturating_sub(2),
                reset: Duration::from_secs(7),
            }),
        };
        if left > 1 {
            self.left.store(left - 1, Ordering::Relaxed);
        }
        Box::pin(async move { counted })
    }
}

fn counted_by(together: &Together) -> Locum {
    let limits = together.clone();
    Locum::in_world(TWO_PER_MINUTE, |world| World {
        limits: Some(Arc::new(limits)),
        ..world
    })
}

#[test]
fn all_processes_count_together_where_they_can() {
    let together = Together::with(3);
    let locum = counted_by(&together);
    assert_eq!(told(&locum.get("/")), ("2", "1", "7s"));
    assert_eq!(told(&locum.get("/")), ("2", "0", "7s"));
    let answer = locum.get("/v1/models");
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(locum.metric("locum_rate_limited_total"), 1.0);
    // The limit comes before the key here too.
    let guess = locum.ask(without_key(get("/v1/models")));
    assert_eq!(guess.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(together.asked(), 4);
}

#[test]
fn what_is_not_limited_is_not_counted_together_either() {
    let together = Together::with(9);
    let locum = counted_by(&together);
    locum.get("/health/live");
    locum.ask(with("x-ratelimit-bypass-key", BYPASS_KEY, get("/")));
    assert_eq!(together.asked(), 0);
}

#[test]
fn a_process_counts_alone_while_the_others_cannot_be_reached() {
    let together = Together::with(0);
    let locum = counted_by(&together);
    assert_eq!(told(&locum.get("/")), ("2", "1", "1m0s"));
    assert_eq!(told(&locum.get("/")), ("2", "0", "1m0s"));
    assert_eq!(locum.get("/").status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(locum.metric("locum_rate_limit_counted_alone_total"), 3.0);
    assert_eq!(together.asked(), 3);
}
