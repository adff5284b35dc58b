//! What a connection's socket and its service know of each other.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use axum::body::HttpBody;
use http_body::{Frame, SizeHint};

/// Where one connection stands.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Requests that have come whole, but for their bodies.
    requests: AtomicU32,
    /// Whether one of them is being answered.
    answering: AtomicBool,
    /// Whether a request's body was left unread.
    unread: AtomicBool,
    /// Whether the client does not take what is written.
    stalled: AtomicBool,
    /// Whether no more requests are wanted.
    stopping: AtomicBool,
}

impl Progress {
    pub fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    pub fn is_answering(&self) -> bool {
        self.answering.load(Relaxed)
    }

    pub fn has_unread_body(&self) -> bool {
        self.unread.load(Relaxed)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// No more requests are wanted than those that are under way.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }

    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Relaxed);
    }
}

/// Held while a request is being answered, until the last byte of its answer was handed over.
#[derive(Debug)]
pub(super) struct Answering {
    progress: Arc<Progress>,
    everywhere: Arc<AtomicUsize>,
}

impl Answering {
    /// `everywhere`: how many answers run in the whole server.
    pub fn begin(progress: &Arc<Progress>, everywhere: &Arc<AtomicUsize>) -> Self {
        progress.requests.fetch_add(1, Relaxed);
        progress.answering.store(true, Relaxed);
        everywhere.fetch_add(1, Relaxed);
        Self {
            progress: Arc::clone(progress),
            everywhere: Arc::clone(everywhere),
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.progress.answering.store(false, Relaxed);
        self.everywhere.fetch_sub(1, Relaxed);
    }
}

/// A request's body that notes when nobody read it to its end.
pub(super) struct Incoming<B: HttpBody> {
    body: B,
    progress: Arc<Progress>,
    /// Whether its end was read. A chunked body does not know it by itself.
    ended: bool,
}

impl<B: HttpBody> Incoming<B> {
    pub fn new(body: B, progress: Arc<Progress>) -> Self {
        Self {
            body,
            progress,
            ended: false,
        }
    }
}

impl<B: HttpBody> Drop for Incoming<B> {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.progress.unread.store(true, Relaxed);
        }
    }
}

impl<B: HttpBody + Unpin> HttpBody for Incoming<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body that is being sent.
pub(super) struct Outgoing<B> {
    pub body: B,
    #[expect(dead_code, reason = "held until the body is dropped")]
    pub answering: Answering,
}

impl<B: HttpBody + Unpin> HttpBody for Outgoing<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
