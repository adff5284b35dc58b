//! The rate limit, counted by servers.

use std::{
    env,
    net::IpAddr,
    sync::{Arc, atomic::AtomicU32, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;
use locum::{clock::SystemClock, redis::RedisCounter};
use locum_engine::{
    limit::{Counter, SharedLimits},
    ports::Limits,
};
use locum_store_sql::SqlCounter;

use crate::databases::{new_database, open};

const LIMIT: u64 = 100;
const WINDOW: Duration = Duration::from_secs(2);

/// The address of a Redis server that the environment names.
fn redis() -> String {
    env::var("LOCUM_TEST_REDIS")
        .expect("LOCUM_TEST_REDIS names a server; `cargo xtask test --only services` does so")
}

/// A client that nobody has counted yet.
fn new_client() -> IpAddr {
    static CLIENTS: AtomicU32 = AtomicU32::new(0);
    let number = CLIENTS.fetch_add(1, Relaxed) + (std::process::id() << 8);
    IpAddr::V4((number | 1 << 31).into())
}

/// Of many requests at once, over three processes, exactly as many are allowed as the limit says, and as many again in the next
/// window.
async fn check<C: Counter>(counters: [C; 3]) {
    let clock = Arc::new(SystemClock::new());
    let processes = counters.map(|counter| SharedLimits::new(counter, Arc::clone(&clock) as _));
    let client = new_client();
    for _ in 0..2 {
        let mut allowed = 0;
        let mut reset = WINDOW;
        for _ in 0..10 {
            let asked = processes
                .iter()
                .flat_map(|process| (0..5).map(|_| process.count(client)));
            for verdict in join_all(asked).await {
                let verdict = verdict.unwrap();
                allowed += u64::from(verdict.allowed);
                assert_eq!(verdict.limit, LIMIT);
                assert!(verdict.reset <= WINDOW);
                reset = verdict.reset;
            }
        }
        assert_eq!(allowed, LIMIT);
        tokio::time::sleep(reset + Duration::from_millis(20)).await;
    }
    let another = processes[0].count(new_client()).await.unwrap();
    assert!(another.allowed && another.remaining == LIMIT - 1);
}

#[tokio::test]
async fn a_database_counts_for_all() {
    let database = open(&new_database().await).await;
    let counter = SqlCounter::new(database, LIMIT, WINDOW);
    check([counter.clone(), counter.clone(), counter]).await;
}

#[tokio::test]
async fn a_redis_counts_for_all() {
    let url = redis();
    check([(); 3].map(|()| RedisCounter::new(&url, LIMIT, WINDOW).unwrap())).await;
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_in_time() {
    let counter = RedisCounter::new("redis://127.0.0.1:1", LIMIT, WINDOW).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(2), counter.grant(new_client()));
    let error = asked.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
    for wrong in ["postgres://a/b", "redis:", "127.0.0.1:6379"] {
        assert!(RedisCounter::new(wrong, LIMIT, WINDOW).is_err(), "{wrong}");
    }
}
