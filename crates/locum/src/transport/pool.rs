//! Warm connections, kept per upstream until they are needed again.
//!
//! A connection is here only while it is unused: whoever takes one owns it, and brings it back when the response has
//! been read to its end. One that is not brought back is closed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderValue, Uri,
    uri::{Authority, Scheme},
};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

/// How long an unused connection is kept.
const LONGEST: Duration = Duration::from_secs(90);
/// How many are kept per upstream.
const MOST: usize = 512;

/// A connection that a request can be sent on.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// The connections of all upstreams. There are few: as many as providers have base URLs.
#[derive(Debug, Default)]
pub(super) struct Pool {
    upstreams: Mutex<Vec<Arc<Upstream>>>,
}

/// The connections of one upstream.
#[derive(Debug)]
pub(super) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    /// As `Host` names it.
    host: HeaderValue,
    /// The one that was used last is at the end.
    unused: Mutex<Vec<Unused>>,
}

#[derive(Debug)]
struct Unused {
    sender: Sender,
    since: Instant,
}

impl Pool {
    /// The upstream that `uri` leads to; `None` where it leads nowhere.
    pub fn upstream(&self, uri: &Uri) -> Option<Arc<Upstream>> {
        let (scheme, authority) = (uri.scheme()?, uri.authority()?);
        let mut upstreams = lock(&self.upstreams);
        let is_it = |it: &&Arc<Upstream>| it.scheme == *scheme && it.authority == *authority;
        if let Some(upstream) = upstreams.iter().find(is_it) {
            return Some(Arc::clone(upstream));
        }
        let upstream = Arc::new(Upstream {
            scheme: scheme.clone(),
            authority: authority.clone(),
            host: HeaderValue::from_str(authority.as_str()).ok()?,
            unused: Mutex::default(),
        });
        upstreams.push(Arc::clone(&upstream));
        Some(upstream)
    }
}

impl Upstream {
    /// As `Host` names it.
    pub fn host(&self) -> HeaderValue {
        self.host.clone()
    }

    /// The connection that was used last, if it can still be used.
    pub fn take(&self) -> Option<Sender> {
        let mut unused = lock(&self.unused);
        while let Some(Unused { sender, since }) = unused.pop() {
            if since.elapsed() >= LONGEST {
                // Those before it have been unused for even longer.
                unused.clear();
                return None;
            }
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection whose response has been read to its end.
    pub fn bring_back(&self, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut unused = lock(&self.unused);
        let since = Instant::now();
        let is_old = |it: &Unused| since.duration_since(it.since) >= LONGEST;
        if unused.len() >= MOST || unused.first().is_some_and(is_old) {
            unused.remove(0);
        }
        unused.push(Unused { sender, since });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
