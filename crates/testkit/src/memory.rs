//! A scripted upstream as the engine's `Transport`, without sockets.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use locum_engine::ports::{ByteStream, Clock, PortFuture, Transport, TransportError};

use crate::{
    reply::{Act, Answer, Frame, Reply},
    script::{Scripted, Ticket},
};

/// Sends every request to one scripted upstream, whatever its host.
pub struct MemoryTransport {
    upstream: Scripted,
    clock: Arc<dyn Clock>,
}

impl MemoryTransport {
    /// A transport to `upstream`, which waits by `clock`.
    pub fn new(upstream: Scripted, clock: Arc<dyn Clock>) -> Self {
        Self { upstream, clock }
    }
}

impl Transport for MemoryTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>> {
        let (act, ticket) = self.upstream.receive(&request, self.clock.now());
        Box::pin(perform(act, ticket, Arc::clone(&self.clock)))
    }
}

/// Does what an upstream does about one request. Dropping the future, or the response's stream, hangs up.
pub(crate) async fn perform(
    act: Act,
    ticket: Option<Ticket>,
    clock: Arc<dyn Clock>,
) -> Result<Response<ByteStream>, TransportError> {
    clock.sleep(act.delay).await;
    match act.answer {
        Answer::Refused => {
            if let Some(ticket) = ticket {
                ticket.broken();
            }
            Err(TransportError::Connect("connection refused".to_owned()))
        }
        Answer::Reset => {
            if let Some(ticket) = ticket {
                ticket.broken();
            }
            Err(reset())
        }
        Answer::Silent => std::future::pending().await,
        Answer::Reply(reply) => Ok(play(reply, ticket, clock)),
    }
}

fn reset() -> TransportError {
    TransportError::Broken("connection reset by peer".to_owned())
}

/// A reply, frame by frame.
fn play(reply: Reply, ticket: Option<Ticket>, clock: Arc<dyn Clock>) -> Response<ByteStream> {
    let mut response = Response::new(());
    *response.status_mut() = reply.status;
    response.headers_mut().extend(reply.headers);
    let player = Player {
        frames: reply.frames.into_iter().collect(),
        ticket,
        clock,
    };
    let body: ByteStream = Box::pin(stream::unfold(player, |mut player| async move {
        let item = player.next().await?;
        Some((item, player))
    }));
    response.map(|()| body)
}

struct Player {
    frames: std::collections::VecDeque<Frame>,
    ticket: Option<Ticket>,
    clock: Arc<dyn Clock>,
}

impl Player {
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        loop {
            match self.frames.pop_front() {
                None => {
                    self.complete();
                    return None;
                }
                Some(Frame::Bytes(bytes)) => {
                    // Whoever has read the last byte may leave without waiting for the end.
                    if self.frames.is_empty() {
                        self.complete();
                    }
                    Yield::default().await;
                    return Some(Ok(bytes));
                }
                Some(Frame::Pause(duration)) => self.clock.sleep(duration).await,
                Some(Frame::Endless { bytes, every }) => {
                    self.clock.sleep(every).await;
                    let item = bytes.clone();
                    self.frames.push_front(Frame::Endless { bytes, every });
                    return Some(Ok(item));
                }
                Some(Frame::Reset) => {
                    if let Some(ticket) = &self.ticket {
                        ticket.broken();
                    }
                    self.frames.clear();
                    Yield::default().await;
                    return Some(Err(reset()));
                }
                Some(Frame::Silence) => std::future::pending().await,
            }
        }
    }

    fn complete(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.complete();
        }
    }
}

/// Is pending once: a server sends what it has before it asks again, so that each frame is a write of its own.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::StreamExt;
    use http::{StatusCode, header};
    use serde_json::{Value, json};

    use super::*;
    use crate::{Dialect, Ending, Fault, Handles, UPSTREAM_KEY, VirtualClock, world};

    fn ask(stream: bool) -> Request<Bytes> {
        let body = json!({
            "model": "gpt-4.1-mini",
            "messages": [{"role": "user", "content": "hello there"}],
            "stream": stream,
        });
        Request::post("https://api.openai.com/v1/chat/completions")
            .header(header::AUTHORIZATION, format!("Bearer {UPSTREAM_KEY}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into())
            .unwrap()
    }

    type Pieces = Vec<Result<Bytes, TransportError>>;

    /// What comes of a request: the status and the body's pieces.
    fn sent(
        faults: impl IntoIterator<Item = Fault>,
        stream: bool,
    ) -> (Handles, Result<(StatusCode, Pieces), TransportError>) {
        let (world, handles) = world(1);
        handles.upstream.openai(faults);
        let outcome = handles.clock.run(async {
            let response = world.transport.send(ask(stream)).await?;
            Ok((response.status(), response.into_body().collect().await))
        });
        (handles, outcome)
    }

    fn ending(handles: &Handles) -> Ending {
        handles.upstream.last(Dialect::OpenAi).ending
    }

    #[test]
    fn what_is_not_scripted_is_good() {
        let (handles, outcome) = sent([], false);
        let (status, pieces) = outcome.unwrap();
        assert_eq!(status, StatusCode::OK);
        let answer: Value = serde_json::from_slice(pieces[0].as_ref().unwrap()).unwrap();
        assert_eq!(
            answer["choices"][0]["message"]["content"],
            "echo: hello there"
        );
        assert_eq!(ending(&handles), Ending::Complete);
        assert_eq!(handles.upstream.asked(Dialect::OpenAi), 1);
        assert_eq!(handles.upstream.asked(Dialect::Gemini), 0);
    }

    #[test]
    fn a_stream_breaks_where_it_is_told_to() {
        let (handles, outcome) = sent([Fault::Cut(2)], true);
        let (_, pieces) = outcome.unwrap();
        assert_eq!(pieces.len(), 3);
        assert!(matches!(pieces[2], Err(TransportError::Broken(_))));
        assert_eq!(ending(&handles), Ending::Broken);
    }

    #[test]
    fn there_may_be_no_response() {
        let (handles, outcome) = sent([Fault::Refuse], true);
        assert!(matches!(outcome, Err(TransportError::Connect(_))));
        assert_eq!(ending(&handles), Ending::Broken);
        let (_, outcome) = sent([Fault::Reset], true);
        assert!(matches!(outcome, Err(TransportError::Broken(_))));
    }

    #[test]
    fn who_hangs_up_is_noticed() {
        let (world, handles) = world(1);
        handles.upstream.openai([Fault::Silent, Fault::Stall(1)]);
        let clock: &VirtualClock = &handles.clock;
        assert!(
            clock
                .run_for(Duration::from_secs(9), world.transport.send(ask(true)))
                .is_none()
        );
        assert_eq!(ending(&handles), Ending::HungUp);

        let mut body = clock
            .run(world.transport.send(ask(true)))
            .unwrap()
            .into_body();
        assert!(clock.run(body.next()).is_some());
        assert_eq!(ending(&handles), Ending::Open);
        assert!(clock.run_for(Duration::from_secs(9), body.next()).is_none());
        drop(body);
        assert_eq!(ending(&handles), Ending::HungUp);
        assert_eq!(clock.now(), Duration::from_secs(18));
    }

    #[test]
    fn who_leaves_behind_the_last_byte_has_not_hung_up() {
        let (world, handles) = world(1);
        let clock = &handles.clock;
        let mut body = clock
            .run(world.transport.send(ask(false)))
            .unwrap()
            .into_body();
        assert!(clock.run(body.next()).is_some());
        drop(body);
        assert_eq!(ending(&handles), Ending::Complete);
    }
}
