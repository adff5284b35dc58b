//! Sending upstream, with a limit to every kind of waiting.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, Request, StatusCode, header};
use locum_domain::failure::{Failure, FailureClass};

use super::{Shared, slot::Slot};
use crate::ports::{ByteStream, Clock, PortFuture, TransportError};

/// The most bytes of one answer: a runaway upstream must not fill the memory or go on for ever.
pub(super) const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The most bytes that are read of an answer that states a failure.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// How long the end of a response is waited for when its answer is complete.
const DRAIN: Duration = Duration::from_millis(100);
/// How many bytes that are there already are taken together.
const BATCH_BYTES: usize = 64 << 10;

/// The head of a successful response, and its body to be read.
pub(super) struct Reply {
    pub headers: HeaderMap,
    pub body: Incoming,
}

/// Sends one request and waits for a successful response's head.
pub(super) async fn send(
    shared: &Arc<Shared>,
    slot: &Slot,
    request: Request<Bytes>,
) -> Result<Reply, Failure> {
    let clock = &shared.world.clock;
    let sending = shared.world.transport.send(request);
    let (response, timer) = match select(sending, clock.sleep(shared.patience)).await {
        Either::Left((Ok(response), timer)) => (response, timer),
        Either::Left((Err(TransportError::Connect(what)), _)) => {
            return Err(Failure::new(FailureClass::Connect, what));
        }
        Either::Left((Err(TransportError::Broken(what)), _)) => {
            return Err(Failure::new(FailureClass::Reset, what));
        }
        Either::Right(_) => {
            return Err(Failure::new(
                FailureClass::Timeout,
                format!("no answer within {} ms", shared.patience.as_millis()),
            ));
        }
    };
    let (head, stream) = response.into_parts();
    let mut body = Incoming {
        stream,
        clock: Arc::clone(clock),
        gap: shared.patience,
        limit: MAX_ANSWER_BYTES,
        received: 0,
        last: clock.now(),
        // It fires early, and goes on then.
        timer: Some(timer),
    };
    if head.status.is_success() {
        return Ok(Reply {
            headers: head.headers,
            body,
        });
    }
    body.limit = MAX_ERROR_BYTES;
    // A failure whose text breaks off is still that failure.
    let text = body.whole().await.unwrap_or_default();
    Err(slot.provider.failure(head.status, &head.headers, &text))
}

impl Reply {
    /// Refuses an answer that states another kind of content than a stream's events.
    pub fn expect_events(&self) -> Result<(), Failure> {
        match self.content_type() {
            Some(kind) if !kind.eq_ignore_ascii_case("text/event-stream") => Err(Failure::stated(
                FailureClass::Garbage,
                StatusCode::OK.as_u16(),
                format!("a stream was asked for, {} came", printable(kind)),
            )),
            _ => Ok(()),
        }
    }

    fn content_type(&self) -> Option<&str> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        value.split(';').next().map(str::trim)
    }
}

/// At most 60 harmless characters of what somebody else wrote.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic())
        .take(60)
        .collect()
}

/// A response's body: bytes as they come, never silent for longer than allowed, never more than allowed.
pub(super) struct Incoming {
    stream: ByteStream,
    clock: Arc<dyn Clock>,
    gap: Duration,
    limit: usize,
    received: usize,
    /// When the last bytes came; the timer is not moved for each of them but asked again when it fires.
    last: Duration,
    timer: Option<PortFuture<'static, ()>>,
}

impl Incoming {
    /// The next bytes; `None` at the proper end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Takes all bytes that are there, waiting for the first ones, and hands each piece to `take` until that says
    /// `false`. Answers whether the body may hold more.
    pub async fn batch(&mut self, mut take: impl FnMut(Bytes) -> bool) -> Result<bool, Failure> {
        let Some(first) = self.next().await? else {
            return Ok(false);
        };
        let mut size = first.len();
        if !take(first) {
            return Ok(true);
        }
        // Whoever takes the bytes off the socket may hand them on one by one, the next when the last was taken: once it
        // has had its turn, what there is has come.
        let mut gave_way = false;
        poll_fn(|cx| {
            while size < BATCH_BYTES {
                match self.stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(bytes))) => {
                        gave_way = false;
                        size += bytes.len();
                        self.received += bytes.len();
                        if !take(bytes) {
                            break;
                        }
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(error))),
                    Poll::Ready(None) => return Poll::Ready(Ok(false)),
                    Poll::Pending if gave_way => break,
                    Poll::Pending => {
                        gave_way = true;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(true))
        })
        .await
    }

    /// All of it.
    pub async fn whole(&mut self) -> Result<Bytes, Failure> {
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.next().await? else {
            return Ok(first);
        };
        // Joined once at the end: a buffer that grows would take up to three times the answer's size.
        let mut pieces = vec![first, second];
        while let Some(more) = self.next().await? {
            pieces.push(more);
        }
        Ok(pieces.concat().into())
    }

    /// Reads to the end behind a complete answer, for a moment only: a connection whose response was read to its end can
    /// be used again.
    pub async fn drain(&mut self) {
        let clock = Arc::clone(&self.clock);
        let reading = async {
            let mut size = 0;
            while size < BATCH_BYTES {
                match self.next().await {
                    Ok(Some(bytes)) => size += bytes.len(),
                    _ => break,
                }
            }
        };
        select(pin!(reading), clock.sleep(DRAIN)).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        match self.stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.received += bytes.len();
                if self.received > self.limit {
                    return Poll::Ready(Err(Failure::new(
                        FailureClass::Garbage,
                        format!("more than {} bytes", self.limit),
                    )));
                }
                self.last = self.clock.now();
                Poll::Ready(Ok(Some(bytes)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(broken(error))),
            Poll::Ready(None) => Poll::Ready(Ok(None)),
            Poll::Pending => self.poll_silence(cx),
        }
    }

    fn poll_silence<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Failure>> {
        loop {
            let silent = self.clock.now().saturating_sub(self.last);
            let Some(left) = self.gap.checked_sub(silent).filter(|left| !left.is_zero()) else {
                return Poll::Ready(Err(Failure::new(
                    FailureClass::Stalled,
                    format!("silent for {} ms", self.gap.as_millis()),
                )));
            };
            let timer = self.timer.get_or_insert_with(|| self.clock.sleep(left));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}

fn broken(error: TransportError) -> Failure {
    Failure::new(FailureClass::Cut, error.to_string())
}
