//! How S3 is asked: over connections that are made as those to providers are, with limits on silence.
//!
//! No limit is on the whole time of a request, because nobody knows how slow a line may be. What is limited is how long
//! nothing moves: while a body is sent, until the answer begins, and in the middle of the answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, header::USER_AGENT};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use locum_engine::ports::TransportError;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use tokio::{
    sync::Notify,
    time::{Sleep, sleep},
};

use crate::transport::{HttpTransport, NAME, Pool, causes, sending_failed};

/// How much of a body is handed to a connection at once; the connection takes it when it has sent most of what it had.
const PIECE_BYTES: usize = 64 << 10;

/// How long nothing may move, and how long it is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From a request without a body to its answer, and between two pieces of an answer.
    pub answer: Duration,
    /// Between two pieces of a body that is sent, and from its end to the answer, which comes when it is stored.
    pub sending: Duration,
    /// The same where the server has to put together what it got.
    pub completing: Duration,
    /// From the first try of something that may pass, such as a broken connection, until it is not tried again.
    pub retrying: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            sending: Duration::from_secs(20),
            completing: Duration::from_mins(1),
            retrying: Duration::from_secs(4),
        }
    }
}

/// Nothing has moved for so long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {} ms", .0.as_millis())]
struct Silent(Duration);

/// Asks S3, and whoever gives the credentials for it.
#[derive(Debug, Clone)]
pub(super) struct Http {
    pool: Pool<Sending>,
    pub limits: Limits,
}

impl Http {
    pub fn new(transport: &HttpTransport, limits: Limits) -> Self {
        Self {
            pool: transport.pool(),
            limits,
        }
    }
}

impl HttpConnector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut head, body) = request.into_parts();
        head.headers.insert(USER_AGENT, NAME);
        let body = body.collect().await?.to_bytes();
        let limit = match head.method {
            _ if body.is_empty() => self.limits.answer,
            Method::POST => self.limits.completing,
            _ => self.limits.sending,
        };
        let taken = Arc::new(Notify::new());
        let sending = Sending {
            left: body,
            taken: Arc::clone(&taken),
        };
        let mut answer = self.pool.request(Request::from_parts(head, sending));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => {
                    let answer = answer.map_err(|error| failed(sending_failed(&error)))?;
                    return Ok(answer.map(|body| HttpResponseBody::new(Receiving {
                        body,
                        limit: self.limits.answer,
                        silence: None,
                    })));
                }
                () = taken.notified() => {}
                () = sleep(limit) => return Err(silent(limit)),
            }
        }
    }
}

/// A request's body, in pieces, so that it is seen how they go.
#[derive(Debug)]
struct Sending {
    left: Bytes,
    /// Told whenever a piece is taken.
    taken: Arc<Notify>,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let length = self.left.len().min(PIECE_BYTES);
        if length == 0 {
            return Poll::Ready(None);
        }
        self.taken.notify_one();
        let piece = self.left.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// An answer's body. Only the server's silence counts, not that of whoever reads.
struct Receiving {
    body: Incoming,
    limit: Duration,
    /// Runs while something is waited for.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Body for Receiving {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let limit = self.limit;
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = None;
            let broken = |error: hyper::Error| failed(TransportError::Broken(causes(&error)));
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(silence.as_mut().poll(context));
        Poll::Ready(Some(Err(silent(limit))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Both may be tried again: nothing that is asked of S3 does harm when it is done twice.
fn failed(error: TransportError) -> HttpError {
    let kind = match error {
        TransportError::Connect(_) => HttpErrorKind::Connect,
        TransportError::Broken(_) => HttpErrorKind::Request,
    };
    HttpError::new(kind, error)
}

fn silent(limit: Duration) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, Silent(limit))
}
