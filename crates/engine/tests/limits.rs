//! Counting together: who is asked, how long he may take, and what becomes of requests while he is away.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use locum_engine::{
    limit::{Counter, Grant, Limiter, SharedLimits},
    ports::{Clock, Limits, LimitsError, PortFuture},
};
use locum_testkit::VirtualClock;

const WINDOW: Duration = Duration::from_secs(60);

/// One who counts for all, and takes his time.
#[derive(Clone)]
struct Elsewhere {
    clock: VirtualClock,
    limiter: Arc<Limiter>,
    takes: Duration,
    asked: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn with(clock: &VirtualClock, limit: u64, takes_ms: u64) -> Self {
        Self {
            clock: clock.clone(),
            limiter: Arc::new(Limiter::new(limit, WINDOW)),
            takes: Duration::from_millis(takes_ms),
            asked: Arc::default(),
        }
    }

    fn shared(&self) -> SharedLimits<Self> {
        SharedLimits::new(self.clone(), Arc::new(self.clock.clone()))
    }
}

impl Counter for Elsewhere {
    fn grant(&self, client: IpAddr) -> PortFuture<'static, Result<Grant, LimitsError>> {
        let this = self.clone();
        Box::pin(async move {
            this.asked.fetch_add(1, Relaxed);
            let grant = this.limiter.grant(client, this.clock.now());
            this.clock.sleep(this.takes).await;
            Ok(grant)
        })
    }
}

fn client() -> IpAddr {
    [192, 0, 2, 1].into()
}

#[test]
fn of_requests_at_once_as_many_are_allowed_as_the_limit_says() {
    let clock = VirtualClock::new();
    let elsewhere = Elsewhere::with(&clock, 60, 5);
    let processes: Vec<_> = (0..3).map(|_| elsewhere.shared()).collect();
    let mut allowed = 0;
    for _ in 0..10 {
        let asked = processes
            .iter()
            .flat_map(|process| (0..4).map(|_| process.count(client())));
        let verdicts = clock.run(join_all(asked.collect::<Vec<_>>()));
        allowed += verdicts
            .iter()
            .filter(|verdict| verdict.as_ref().unwrap().allowed)
            .count();
    }
    assert_eq!(allowed, 60);
}

#[test]
fn who_does_not_answer_in_time_is_left_alone_for_a_while() {
    let clock = VirtualClock::new();
    let elsewhere = Elsewhere::with(&clock, 60, 3_600_000);
    let shared = elsewhere.shared();
    let begun = clock.now();
    assert!(clock.run(shared.count(client())).is_err());
    let waited = clock.now() - begun;
    assert!(waited <= Duration::from_secs(1), "{waited:?}");
    for _ in 0..100 {
        assert!(clock.run(shared.count(client())).is_err());
    }
    assert_eq!(clock.now() - begun, waited);
    assert_eq!(elsewhere.asked.load(Relaxed), 1);
    clock.run(clock.sleep(Duration::from_secs(2)));
    assert!(clock.run(shared.count(client())).is_err());
    assert_eq!(elsewhere.asked.load(Relaxed), 2);
}
