//! What the engine needs of the world. A host implements each port once; tests bring their own.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::Stream;
use http::{Request, Response};

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

/// The ports together.
#[derive(Clone)]
pub struct World {
    /// Sends requests upstream.
    pub transport: Arc<dyn Transport>,
    /// Tells the time and waits.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable numbers.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// A random number of `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        // 53 bits are all that an f64 between 0 and 1 can tell apart.
        (self.entropy.bits() as u64 >> 11) as f64 / (1u64 << 53) as f64
    }
}
