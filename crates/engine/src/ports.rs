//! What the engine needs of the world. A host implements each port once; tests bring their own.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::Stream;
use http::{Request, Response};
use locum_domain::{error::ApiError, id::Ids, time::Timestamp};

pub use crate::{
    analytics::{Analytics, RequestPoint, RunPoint},
    limit::Verdict,
    store::Store,
};

/// A future that a port returns.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The bytes of an upstream's response, as they arrive. Dropping it hangs up.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// Sends requests upstream.
pub trait Transport: Send + Sync {
    /// Sends `request`; completes when the response's head has come. Dropping the future, or the body's stream, hangs
    /// up. The transport limits the time for connecting, and nothing else.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>>;
}

/// Why there is no response, or no more of it. The texts hold no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection could be made: refused, unknown host, TLS, or not in time.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Time since 1970-01-01 00:00 UTC.
    fn unix(&self) -> Duration;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> PortFuture<'static, ()>;
}

/// Unpredictable numbers, good enough for keys and ids.
pub trait Entropy: Send + Sync {
    /// 128 fresh bits.
    fn bits(&self) -> u128;
}

/// Runs tasks beside the request that began them.
pub trait Spawn: Send + Sync {
    /// Runs `task` to its end, whoever leaves meanwhile. A host that stops may drop it.
    fn spawn(&self, task: PortFuture<'static, ()>);
}

/// The bytes of a blob, on their way in or out.
pub type BlobStream = Pin<Box<dyn Stream<Item = Result<Bytes, BlobError>> + Send>>;

/// Why bytes could not be stored or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BlobError {
    /// Whoever sends them stopped in the middle, or sends too many.
    #[error("{0}")]
    Refused(Box<ApiError>),
    /// Storage is away, and may be back soon.
    #[error("storage is not available: {0}")]
    Unavailable(String),
    /// There is no room left.
    #[error("no room left: {0}")]
    Full(String),
    /// Storage failed.
    #[error("storage failed: {0}")]
    Failed(String),
}

/// A blob that can be read.
pub struct Blob {
    /// How large it is.
    pub size_bytes: u64,
    /// Its bytes. Memory does not grow with them.
    pub bytes: BlobStream,
}

/// What a listing says of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its name.
    pub name: String,
    /// How large it is.
    pub size_bytes: u64,
    /// When it was stored: time since 1970.
    pub modified: Duration,
}

/// Keeps bytes under names that Locum makes: `[A-Za-z0-9-]{1,64}`, never what a client wrote.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores `bytes` as they come, and says how many they were. They are there, whole and durable, once this has
    /// returned; before, and where it fails, nothing is.
    async fn put(&self, name: &str, bytes: BlobStream) -> Result<u64, BlobError>;

    /// Reads one; `None` where there is none.
    async fn read(&self, name: &str) -> Result<Option<Blob>, BlobError>;

    /// Takes one away; nothing happens where there is none.
    async fn delete(&self, name: &str) -> Result<(), BlobError>;

    /// Up to `limit` blobs whose names sort behind `after`, in the order of their names.
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, BlobError>;
}

/// Counts clients' requests for all processes together, by the rules of [`Limiter`](crate::limit::Limiter).
pub trait Limits: Send + Sync {
    /// Counts one request of `client`.
    fn count(&self, client: IpAddr) -> PortFuture<'static, Result<Verdict, LimitsError>>;
}

/// Requests cannot be counted together at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("requests cannot be counted together: {0}")]
pub struct LimitsError(pub String);

/// The ports together.
#[derive(Clone)]
pub struct World {
    /// Sends requests upstream.
    pub transport: Arc<dyn Transport>,
    /// Tells the time and waits.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable numbers.
    pub entropy: Arc<dyn Entropy>,
    /// Runs tasks.
    pub spawn: Arc<dyn Spawn>,
    /// Keeps objects.
    pub store: Arc<dyn Store>,
    /// Keeps bytes.
    pub blobs: Arc<dyn Blobs>,
    /// Counts clients' requests for all processes; `None` where this one counts for itself.
    pub limits: Option<Arc<dyn Limits>>,
    /// Takes a data point per request and per run; `None` where nobody wants them.
    pub analytics: Option<Arc<dyn Analytics>>,
}

/// A duration in whole milliseconds.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl World {
    /// Now, to the second.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(self.clock.unix())
    }

    /// Now, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        whole_ms(self.clock.unix())
    }

    /// Fresh ids.
    pub fn ids(&self) -> Ids {
        Ids::new(self.unix_ms(), self.entropy.bits())
    }

    /// A random number of `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        // 53 bits are all that an f64 between 0 and 1 can tell apart.
        (self.entropy.bits() as u64 >> 11) as f64 / (1u64 << 53) as f64
    }
}
