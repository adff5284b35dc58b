//! A client's socket, guarded: it keeps time where hyper does not, and speaks where hyper is silent.
//!
//! - A request's head that takes too long is answered with 408; a connection that nobody uses is closed.
//! - hyper answers a head that is too large, or none at all, by itself and without a body. Such a reply is recognised
//!   among what is written (every answer of ours has an `x-request-id`, hyper's own has none) and replaced.
//! - A client that takes nothing of its answer for too long is hung up on, so that it pins no memory.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use memchr::memmem;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use super::{progress::Progress, refusal};

/// How long a connection may be unused; longer than the minute after which load balancers close theirs.
const UNUSED: Duration = Duration::from_secs(75);
/// hyper's own replies are shorter.
const LONGEST_OWN_REPLY: usize = 256;

/// A guarded socket.
pub(super) struct Guard {
    socket: TcpStream,
    progress: Arc<Progress>,
    limit: Duration,
    /// [`Progress::requests`] when it was last looked at.
    requests: u32,
    /// Whether a part of the next request's head is here.
    has_begun: bool,
    /// Since when the rest of it is awaited, or its beginning.
    awaited_since: Option<Instant>,
    head_alarm: Alarm,
    /// Since when the client takes nothing.
    stalled_since: Option<Instant>,
    stall_alarm: Alarm,
    /// What the client is told before it is hung up on.
    last_words: Option<LastWords>,
}

struct LastWords {
    text: Vec<u8>,
    said: usize,
}

impl Guard {
    /// `limit`: time for a request's head, and for taking a piece of the answer.
    pub fn new(socket: TcpStream, progress: Arc<Progress>, limit: Duration) -> Self {
        Self {
            socket,
            progress,
            limit,
            requests: 0,
            has_begun: false,
            awaited_since: None,
            head_alarm: Alarm::default(),
            stalled_since: None,
            stall_alarm: Alarm::default(),
            last_words: None,
        }
    }

    /// Says the last words, if there are any, and closes the connection so that they arrive.
    pub async fn close(mut self) {
        let said = poll_fn(|context| self.poll_say(context)).await;
        if said.is_err() || self.socket.shutdown().await.is_err() {
            return;
        }
        if self.last_words.is_some() || self.progress.has_unread_body() {
            refusal::linger(&mut self.socket).await;
        }
    }

    /// Notes where the connection stands after a read.
    fn note_read(&mut self, has_come: bool) {
        let requests = self.progress.requests();
        if requests != self.requests {
            self.requests = requests;
            self.has_begun = false;
            self.awaited_since = None;
        }
        if has_come && !self.has_begun && !self.progress.is_answering() {
            self.has_begun = true;
            self.awaited_since = None;
        }
    }

    /// Waits for the time when the client should have sent its head.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.is_answering() {
            return Poll::Pending;
        }
        let since = *self.awaited_since.get_or_insert_with(Instant::now);
        let is_first = self.requests == 0;
        let limit = if self.has_begun || is_first {
            self.limit
        } else {
            UNUSED
        };
        ready!(self.head_alarm.poll(since + limit, context));
        if !self.has_begun {
            // Read as the end of the stream: hyper closes the connection in order.
            return Poll::Ready(Ok(()));
        }
        self.refuse(408);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn refuse(&mut self, status: u16) {
        tracing::debug!(status, "refused what never became a request");
        self.last_words.get_or_insert_with(|| LastWords {
            text: refusal::response(status),
            said: 0,
        });
    }

    /// Writes the last words.
    fn poll_say(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(words) = &self.last_words {
            let unsaid = &words.text[words.said..];
            if unsaid.is_empty() {
                break;
            }
            let write = Pin::new(&mut self.socket).poll_write(context, unsaid);
            let count = ready!(self.watch(write, context))?;
            if let Some(words) = &mut self.last_words {
                words.said += count;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Keeps time over what the socket says to a write.
    fn watch(
        &mut self,
        write: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if write.is_ready() {
            if self.stalled_since.take().is_some() {
                self.progress.set_stalled(false);
            }
            return write;
        }
        self.progress.set_stalled(true);
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        ready!(self.stall_alarm.poll(since + self.limit, context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes hyper's own reply in, and puts another in its place. Everything written after it is lost on purpose.
    fn replace(&mut self, own_reply: &[u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.refuse(status_of(own_reply));
        if let Poll::Ready(Err(error)) = self.poll_say(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(own_reply.len()))
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.note_read(buffer.filled().len() > filled);
        match read {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.poll_overdue(context),
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let until = match own_reply(bytes) {
            Some(0) => return self.replace(bytes, context),
            Some(start) => start,
            None => bytes.len(),
        };
        let write = Pin::new(&mut self.socket).poll_write(context, &bytes[..until]);
        self.watch(write, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut slices = slices;
        while let [before @ .., last] = slices
            && (last.is_empty() || own_reply(last).is_some())
        {
            if before.iter().all(|slice| slice.is_empty()) {
                return self.poll_write(context, last);
            }
            // hyper's own reply is at the end: what comes before it goes first.
            slices = before;
        }
        let write = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.watch(write, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_say(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Where in `written` a reply begins that hyper made itself; it is always the last thing that hyper writes.
fn own_reply(written: &[u8]) -> Option<usize> {
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = written.len().saturating_sub(LONGEST_OWN_REPLY);
    let start = from + memmem::rfind(&written[from..], b"HTTP/1.1 4")?;
    let reply = &written[start..];
    let is_bodiless = memmem::find(reply, b"\r\ncontent-length: 0\r\n").is_some();
    let is_ours = memmem::find(reply, b"\r\nx-request-id: ").is_some();
    (is_bodiless && !is_ours).then_some(start)
}

/// The status of a reply that begins with `HTTP/1.1 4`.
fn status_of(reply: &[u8]) -> u16 {
    let digits = reply
        .get(9..12)
        .and_then(|digits| str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(400)
}

/// A timer whose time may be put off without cost: it looks whether it is due when it wakes.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Completes at `due`.
    fn poll(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                       date: Mon, 23 Nov 2026 06:00:00 GMT\r\n\r\n";

    #[test]
    fn hypers_own_reply_is_found_wherever_it_begins() {
        assert_eq!(own_reply(OWN.as_bytes()), Some(0));
        assert_eq!(status_of(OWN.as_bytes()), 431);
        let first = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1000));
        let both = format!("{first}{OWN}");
        assert_eq!(own_reply(both.as_bytes()), Some(first.len()));
    }

    #[test]
    fn our_own_answers_are_left_alone() {
        let ours = OWN.replace("date:", "x-request-id: req_1\r\ndate:");
        assert_eq!(own_reply(ours.as_bytes()), None);
        assert_eq!(own_reply(b"0\r\n\r\n"), None);
        assert_eq!(
            own_reply(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"),
            None
        );
        assert_eq!(own_reply(b"HTTP/1.1 204 No Content\r\n\r\n"), None);
    }
}
