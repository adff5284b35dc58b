//! A response's body as it arrives, and what becomes of its connection.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Incoming};
use locum_engine::ports::TransportError;

use super::{
    broken,
    pool::{Sender, Upstream},
};

/// A response's body. At its end the connection is kept for the next request; dropping it before closes the connection.
pub(super) struct Arriving {
    body: Incoming,
    connection: Option<(Sender, Arc<Upstream>)>,
}

impl Arriving {
    /// The body of a response that came on this connection.
    pub fn new(body: Incoming, sender: Sender, upstream: Arc<Upstream>) -> Self {
        let mut arriving = Self {
            body,
            connection: Some((sender, upstream)),
        };
        if arriving.body.is_end_stream() {
            arriving.bring_back();
        }
        arriving
    }

    fn bring_back(&mut self) {
        if let Some((sender, upstream)) = self.connection.take() {
            upstream.bring_back(sender);
        }
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            // A body of known length is at its end with its last byte, one in chunks only with the end itself.
            if frame.is_none() || self.body.is_end_stream() {
                self.bring_back();
            }
            return Poll::Ready(match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(Ok(bytes)),
                    // Trailers are of no interest.
                    Err(_) => continue,
                },
                Some(Err(error)) => Some(Err(broken(&error))),
                None => None,
            });
        }
    }
}
