//! The rate limit: how many requests a client address has in a window of time.
//!
//! A window is fixed: it begins with a client's first request and is over after its length. The memory is bounded; time
//! is an argument. Read in this order: this page ([`Limiter`] counts), [`permits`] (what is known of counts that others keep),
//! [`shared`] (asking those others).

pub mod permits;
pub mod shared;

use std::{
    collections::HashMap,
    fmt,
    hash::BuildHasher,
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub use self::{
    permits::{Grant, Permits},
    shared::{Counter, SharedLimits},
};

/// As many clients have a count of their own.
const CLIENTS: usize = 1 << 16;
/// As many counts are shared by those that come when there is no room left.
const SHARED: u64 = 1 << 8;

/// What part of a client's remaining requests is granted at once: the fewer are left, the fewer somebody may keep for
/// himself, and the last ones are granted one by one.
pub const SHARE: u64 = 8;

/// Counts the requests of a process.
pub struct Limiter {
    limit: u64,
    window: Duration,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    of: HashMap<Counted, Count>,
    /// When counts that are over were last thrown out.
    swept: Duration,
}

/// Who is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    V4(Ipv4Addr),
    /// A /64: whoever has one IPv6 address has all of them.
    V6([u8; 8]),
    /// Clients that came when there was no room.
    Shared(u64),
}

struct Count {
    began: Duration,
    requests: u64,
}

/// Where a client stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request is within the limit.
    pub allowed: bool,
    /// How many a window allows.
    pub limit: u64,
    /// How many are left in this one.
    pub remaining: u64,
    /// How long this one still lasts. Never zero.
    pub reset: Duration,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("limit", &self.limit)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

impl Limiter {
    /// `limit` requests in each `window`.
    pub fn new(limit: u64, window: Duration) -> Self {
        Self {
            limit,
            window,
            counts: Mutex::default(),
        }
    }

    /// Counts one request of `client`. `now` is the engine's clock.
    pub fn count(&self, client: IpAddr, now: Duration) -> Verdict {
        self.charge(client, now, |_| 1).for_one()
    }

    /// Counts one request of `client`, and as many more in advance as a share of those that are left: for somebody else, who
    /// need not ask again for each of them.
    pub fn grant(&self, client: IpAddr, now: Duration) -> Grant {
        self.charge(client, now, |left| left / SHARE)
    }

    /// Counts at least one request, and `wanted` of those that are left.
    fn charge(&self, client: IpAddr, now: Duration, wanted: impl Fn(u64) -> u64) -> Grant {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(counts.swept) >= self.window {
            counts.sweep(now, self.window);
        }
        let counted = counts.room_for(Counted::from(client));
        let count = counts.of.entry(counted).or_insert(Count {
            began: now,
            requests: 0,
        });
        if now.saturating_sub(count.began) >= self.window {
            count.began = now;
            count.requests = 0;
        }
        let left = self.limit - count.requests;
        let permits = wanted(left).max(1).min(left);
        count.requests += permits;
        Grant {
            permits,
            limit: self.limit,
            left: left - permits,
            reset: self.window - now.saturating_sub(count.began),
        }
    }
}

impl Counts {
    fn sweep(&mut self, now: Duration, window: Duration) {
        self.swept = now;
        self.of
            .retain(|_, count| now.saturating_sub(count.began) < window);
        self.of.shrink_to(self.of.len() * 2);
    }

    /// Whose count it is: the client's own, or, where there is no room for another, one that newcomers share. So a flood
    /// of addresses costs neither memory nor the counts of those who were there, and gets no more requests than the
    /// shared counts have.
    fn room_for(&self, client: Counted) -> Counted {
        if self.of.len() < CLIENTS || self.of.contains_key(&client) {
            return client;
        }
        Counted::Shared(self.of.hasher().hash_one(client) % SHARED)
    }
}

/// The address by which a client is counted: an IPv4 address itself, of an IPv6 address its network of 64 bits.
pub fn network(client: IpAddr) -> IpAddr {
    match Counted::from(client) {
        Counted::V4(address) => IpAddr::V4(address),
        Counted::V6([a, b, c, d, e, f, g, h]) => {
            IpAddr::V6([a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0].into())
        }
        Counted::Shared(_) => client,
    }
}

impl From<IpAddr> for Counted {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    proptest! {
        /// Against a model that keeps every request: in a client's window never more than the limit, never fewer.
        #[test]
        fn a_window_allows_exactly_the_limit(
            limit in 1u64..6,
            requests in prop::collection::vec((0u32..4, 0u64..20_000), 1..200),
        ) {
            let limiter = Limiter::new(limit, WINDOW);
            let mut now = Duration::from_secs(1000);
            let mut windows: HashMap<u32, (Duration, u64)> = HashMap::new();
            for (client, pause_ms) in requests {
                now += Duration::from_millis(pause_ms);
                let (began, used) = windows
                    .get(&client)
                    .copied()
                    .filter(|(began, _)| now - *began < WINDOW)
                    .unwrap_or((now, 0));
                let verdict = limiter.count(v4(client), now);
                prop_assert_eq!(verdict.allowed, used < limit);
                let used = (used + 1).min(limit);
                prop_assert_eq!(verdict.remaining, limit - used);
                prop_assert_eq!(verdict.reset, began + WINDOW - now);
                windows.insert(client, (began, used));
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_old_clients_keep_their_counts() {
        let limiter = Limiter::new(2, WINDOW);
        let now = Duration::from_secs(1000);
        let regular = IpAddr::V6(Ipv6Addr::LOCALHOST);
        limiter.count(regular, now);
        let flood = (CLIENTS + 2000) as u32;
        let allowed = (0..flood)
            .filter(|number| limiter.count(v4(*number), now).allowed)
            .count();
        assert!(limiter.counts.lock().unwrap().of.len() <= CLIENTS + SHARED as usize);
        assert!(allowed <= CLIENTS + 2 * SHARED as usize);
        assert_eq!(limiter.count(regular, now).remaining, 0);
        limiter.count(regular, now + WINDOW);
        assert_eq!(limiter.counts.lock().unwrap().of.len(), 1);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let limiter = Limiter::new(1, WINDOW);
        let count = |address: &str| limiter.count(address.parse().unwrap(), WINDOW).allowed;
        assert!(count("2001:db8::1"));
        assert!(!count("2001:db8::ffff:ffff:ffff:ffff"));
        assert!(count("2001:db8:0:1::1"));
        assert!(count("192.0.2.1"));
        assert!(!count("::ffff:192.0.2.1"));
    }
}
