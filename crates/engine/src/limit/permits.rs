//! Permits in advance: who has others count for it need not ask them for each request.
//!
//! Never more than the limit is allowed, however many keep permits of one client. Fewer may be: what one of them keeps and
//! does not use is missing to the others until the window is over.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{CLIENTS, Verdict};

/// What a client was granted by who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// How many requests, the one that was asked for among them; none where the limit is reached.
    pub permits: u64,
    /// How many a window allows.
    pub limit: u64,
    /// How many are left to be granted in this window.
    pub left: u64,
    /// How long this window still lasts. Never zero.
    pub reset: Duration,
}

impl Grant {
    /// Where the client stands after the request that was asked for.
    pub(super) fn for_one(&self) -> Verdict {
        Verdict {
            allowed: self.permits > 0,
            limit: self.limit,
            remaining: self.left + self.permits.saturating_sub(1),
            reset: self.reset,
        }
    }
}

/// Grants whose windows seem to end within this time of each other are of one window: the way of an answer takes a while.
const SAME_WINDOW: Duration = Duration::from_millis(250);

/// The permits that are kept here.
#[derive(Debug, Default)]
pub struct Permits(Mutex<HashMap<IpAddr, Kept>>);

/// What is kept of a grant.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// With the permits that are not used yet.
    grant: Grant,
    /// When its window is over, on the engine's clock.
    until: Duration,
}

impl Permits {
    /// Uses a permit of `client`, or tells that it has reached its limit; `None` where who counts has to be asked.
    pub fn take(&self, client: IpAddr, now: Duration) -> Option<Verdict> {
        let mut all = self.lock();
        let kept = all.get_mut(&client)?;
        let reset = kept.until.checked_sub(now).filter(|left| !left.is_zero());
        let is_over = reset.is_none() || (kept.grant.permits == 0 && kept.grant.left > 0);
        if is_over {
            all.remove(&client);
            return None;
        }
        kept.grant.reset = reset?;
        let verdict = kept.grant.for_one();
        kept.grant.permits = kept.grant.permits.saturating_sub(1);
        Some(verdict)
    }

    /// Keeps what `client` was granted, but for the one request that it had asked for; says where it stands after that.
    pub fn keep(&self, client: IpAddr, grant: Grant, now: Duration) -> Verdict {
        let verdict = grant.for_one();
        let mut all = self.lock();
        if all.len() >= CLIENTS {
            all.retain(|_, kept| kept.until > now);
        }
        let until = now + grant.reset;
        let mut rest = Grant {
            permits: grant.permits.saturating_sub(1),
            ..grant
        };
        if let Some(kept) = all.get(&client)
            && kept.until > now
            && kept.until.abs_diff(until) < SAME_WINDOW
        {
            // Several asked at once: each has what it was granted.
            rest.permits += kept.grant.permits;
            rest.left = rest.left.min(kept.grant.left);
        }
        let is_worth_it = rest.permits > 0 || rest.left == 0;
        if is_worth_it && (all.len() < CLIENTS || all.contains_key(&client)) {
            all.insert(client, Kept { grant: rest, until });
        }
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limit::Limiter;

    const WINDOW: Duration = Duration::from_secs(60);

    /// A request, as who counts elsewhere answers it.
    fn request(here: &Permits, there: &Limiter, client: IpAddr, now: Duration) -> (Verdict, bool) {
        match here.take(client, now) {
            Some(verdict) => (verdict, false),
            None => (here.keep(client, there.grant(client, now), now), true),
        }
    }

    fn client(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    proptest! {
        /// Alone, it is as if each request were counted; together, never more are allowed than the limit.
        #[test]
        fn the_limit_holds_however_many_keep_permits(
            limit in 1u64..200,
            places in 1usize..5,
            requests in prop::collection::vec((0u8..3, 0usize..4, 0u64..500), 1..400),
        ) {
            let there = Limiter::new(limit, WINDOW);
            let model = Limiter::new(limit, WINDOW);
            let here: Vec<_> = (0..places).map(|_| Permits::default()).collect();
            let mut now = Duration::from_secs(1000);
            let mut allowed: HashMap<u8, Vec<Duration>> = HashMap::new();
            for (number, place, pause_ms) in requests {
                now += Duration::from_millis(pause_ms);
                let (verdict, _) = request(&here[place % places], &there, client(number), now);
                let counted = model.count(client(number), now);
                if places == 1 {
                    prop_assert_eq!(verdict, counted);
                }
                if verdict.allowed {
                    allowed.entry(number).or_default().push(now);
                }
            }
            for times in allowed.values() {
                // A window begins with a client's first request: two of them at most touch its length.
                let most = times.iter().map(|begin| {
                    times.iter().filter(|at| **at >= *begin && **at < *begin + WINDOW).count()
                });
                prop_assert!(most.max().unwrap_or(0) as u64 <= 2 * limit);
            }
        }
    }

    #[test]
    fn most_requests_of_a_busy_client_need_not_be_asked_for() {
        let (here, there) = (Permits::default(), Limiter::new(60, WINDOW));
        let mut asked = 0;
        for number in 0..60 {
            let (verdict, was_asked) = request(&here, &there, client(1), WINDOW);
            assert!(verdict.allowed);
            assert_eq!(verdict.remaining, 59 - number);
            asked += u32::from(was_asked);
        }
        assert!(asked <= 30, "{asked}");
        // Whoever is over the limit is told so without anybody being asked.
        let (refused, was_asked) = request(&here, &there, client(1), WINDOW * 3 / 2);
        assert!(!refused.allowed && !was_asked);
        assert_eq!(refused.reset, WINDOW / 2);
        let (verdict, was_asked) = request(&here, &there, client(1), WINDOW * 2);
        assert!(verdict.allowed && was_asked);
    }

    #[test]
    fn memory_is_bounded() {
        let (here, there) = (Permits::default(), Limiter::new(1000, WINDOW));
        for number in 0..CLIENTS as u32 + 500 {
            request(&here, &there, IpAddr::V4(number.into()), WINDOW);
        }
        assert!(here.lock().len() <= CLIENTS);
        request(&here, &there, client(1), WINDOW * 3);
        assert_eq!(here.lock().len(), 1);
    }
}
