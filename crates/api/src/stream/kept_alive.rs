//! A stream that is never silent for long, so that nobody on the way takes it for dead.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use locum_engine::ports::{Clock, PortFuture};

/// How long a stream may be silent.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(10);
/// A line that every reader of server-sent events skips.
const COMMENT: Bytes = Bytes::from_static(b": keepalive\n\n");

/// `inner`, with a comment in each of its pauses.
pub(super) struct KeptAlive<S> {
    inner: S,
    clock: Arc<dyn Clock>,
    /// When something last went out, on the clock.
    last: Duration,
    /// Is left as it is while events come, since they come often: when it rings, the clock says whether it is time.
    alarm: Option<PortFuture<'static, ()>>,
}

impl<S> KeptAlive<S> {
    pub fn new(inner: S, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            last: clock.now(),
            clock,
            alarm: None,
        }
    }
}

impl<S: Stream<Item = Bytes> + Unpin> Stream for KeptAlive<S> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        if let Poll::Ready(bytes) = this.inner.poll_next_unpin(context) {
            this.last = this.clock.now();
            return Poll::Ready(bytes);
        }
        loop {
            let alarm = match &mut this.alarm {
                Some(alarm) => alarm,
                none => {
                    let silence = this.clock.now().saturating_sub(this.last);
                    none.insert(this.clock.sleep(MAX_SILENCE.saturating_sub(silence)))
                }
            };
            ready!(alarm.as_mut().poll(context));
            this.alarm = None;
            let now = this.clock.now();
            if now.saturating_sub(this.last) >= MAX_SILENCE {
                this.last = now;
                return Poll::Ready(Some(COMMENT));
            }
        }
    }
}
