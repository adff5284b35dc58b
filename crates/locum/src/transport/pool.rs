//! Warm connections, kept per upstream until they are needed again.
//!
//! A connection is here only while it is unused: whoever takes one owns it, and brings it back when the response has
//! been read to its end. One that is not brought back is closed.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderValue, Uri,
    uri::{Authority, Scheme},
};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};

use super::connector::Socket;

/// How long an unused connection is kept.
const LONGEST: Duration = Duration::from_secs(90);
/// How many are kept per upstream.
const MOST: usize = 512;

/// A connection that one request at a time can be sent on.
#[derive(Debug)]
pub(super) struct Connection {
    pub sender: SendRequest<Full<Bytes>>,
    turns: Turns,
}

/// How often the task of a connection was run.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<AtomicUsize>);

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
    connection: Connection,
    since: Instant,
}

impl Connection {
    /// A new connection over `socket`, with a task of its own.
    pub async fn begin(socket: Socket) -> hyper::Result<Self> {
        let (sender, mut driver) = http1::handshake(socket).await?;
        let turns = Turns::default();
        let ran = turns.clone();
        tokio::spawn(async move {
            // What went wrong is told to whoever waits for the response.
            let _ = poll_fn(|context| {
                let driven = Pin::new(&mut driver).poll(context);
                ran.one_more(driven.is_ready());
                driven
            })
            .await;
        });
        Ok(Self { sender, turns })
    }

    /// How often its task was run.
    pub fn turns(&self) -> Turns {
        self.turns.clone()
    }
}

impl Turns {
    /// There are no more to come.
    const OVER: usize = usize::MAX;

    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Whether there was one since `count`, or there will never be another.
    pub fn are_past(&self, count: usize) -> bool {
        let now = self.count();
        now != count || now == Self::OVER
    }

    fn one_more(&self, is_last: bool) {
        let next = if is_last {
            Self::OVER
        } else {
            self.count() + 1
        };
        self.0.store(next, Relaxed);
    }
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
    pub fn take(&self) -> Option<Connection> {
        let mut unused = lock(&self.unused);
        while let Some(Unused { connection, since }) = unused.pop() {
            if since.elapsed() >= LONGEST {
                // Those before it have been unused for even longer.
                unused.clear();
                return None;
            }
            if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose response has been read to its end.
    pub fn bring_back(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut unused = lock(&self.unused);
        let since = Instant::now();
        let is_old = |it: &Unused| since.duration_since(it.since) >= LONGEST;
        if unused.len() >= MOST || unused.first().is_some_and(is_old) {
            unused.remove(0);
        }
        unused.push(Unused { connection, since });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
