//! A response's body as it arrives, in as few pieces as can be.
//!
//! hyper hands a body over chunk by chunk, although one read from the socket often holds many: a stream of a hundred
//! events would be written to the client with a hundred system calls. So what has arrived together is handed on
//! together. Nothing waits for bytes that are not here yet.
//!
//! hyper's side of a connection is a task of its own, which hands the next chunk over when it is run after the last one
//! was taken. [`Turns`] tell whether it was: being polled again does not, for hyper's server polls a body several times
//! before any other task is run.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use hyper::body::{Body, Frame, Incoming};
use locum_engine::ports::TransportError;

use super::{
    broken,
    pool::{Connection, Turns, Upstream},
};

/// So much is handed on without looking for more.
const ENOUGH_BYTES: usize = 32 << 10;

/// A response's body. At its end the connection is kept for the next request; dropping it before closes the connection.
pub(super) struct Arriving {
    body: Incoming,
    connection: Option<(Connection, Arc<Upstream>)>,
    turns: Turns,
    /// What the turns were when a chunk was taken last.
    taken_at: usize,
    gathered: Gathered,
    /// What there is behind what was gathered.
    end: Option<Result<(), TransportError>>,
}

impl Arriving {
    /// The body of a response that came on this connection.
    pub fn new(body: Incoming, connection: Connection, upstream: Arc<Upstream>) -> Self {
        let mut arriving = Self {
            body,
            turns: connection.turns(),
            taken_at: 0,
            connection: Some((connection, upstream)),
            gathered: Gathered::None,
            end: None,
        };
        if arriving.body.is_end_stream() {
            arriving.is_read();
        }
        arriving
    }

    /// Nothing follows: the connection is free.
    fn is_read(&mut self) {
        if let Some((connection, upstream)) = self.connection.take() {
            upstream.bring_back(connection);
        }
        self.end = Some(Ok(()));
    }

    fn take_in(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        match frame {
            Some(Ok(frame)) => {
                self.taken_at = self.turns.count();
                // Trailers are of no interest.
                if let Ok(bytes) = frame.into_data() {
                    self.gathered.add(bytes);
                }
                if self.body.is_end_stream() {
                    self.is_read();
                }
            }
            Some(Err(error)) => self.end = Some(Err(broken(&error))),
            None => self.is_read(),
        }
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.end.is_none() && self.gathered.len() < ENOUGH_BYTES {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(frame) => self.take_in(frame),
                Poll::Pending if self.gathered.len() == 0 => return Poll::Pending,
                Poll::Pending if self.turns.are_past(self.taken_at) => break,
                Poll::Pending => {
                    // Behind the connection's task, which was woken when the last chunk was taken.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        if let Some(bytes) = self.gathered.take() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        // After an error there is nothing.
        let end = self.end.replace(Ok(()));
        Poll::Ready(end.and_then(Result::err).map(Err))
    }
}

/// Chunks that arrived together.
enum Gathered {
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn add(&mut self, bytes: Bytes) {
        match self {
            _ if bytes.is_empty() => {}
            Self::None => *self = Self::One(bytes),
            Self::One(first) => {
                let mut all = BytesMut::with_capacity(4 * (first.len() + bytes.len()));
                all.extend_from_slice(first);
                all.extend_from_slice(&bytes);
                *self = Self::Many(all);
            }
            Self::Many(all) => all.extend_from_slice(&bytes),
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        match mem::replace(self, Self::None) {
            Self::None => None,
            Self::One(bytes) => Some(bytes),
            Self::Many(all) => Some(all.freeze()),
        }
    }
}
