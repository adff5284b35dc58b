//! The floor: a bare pass-through proxy on the HTTP library that Locum uses, doing the least honest work.
//!
//! It checks the bearer key, reads `model` and `stream` from the body, puts the upstream's key in the
//! key's place, forwards the body and the answer's frames as they come, and counts the tokens that the
//! answer says it used. No limits, no logs, no metrics, no retries, no timeouts.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use memchr::memmem;
use serde::Deserialize;
use tokio::net::TcpListener;

/// `locum-bench floor`
#[derive(Debug, Args)]
pub struct Options {
    /// The port of 127.0.0.1 to listen on
    #[arg(long)]
    pub port: u16,
    /// The upstream, up to and including `/v1`
    #[arg(long)]
    pub upstream: String,
    /// The key that clients must present
    #[arg(long)]
    pub key: String,
    /// The key that the upstream takes
    #[arg(long)]
    pub upstream_key: String,
}

/// Serves until the process is ended.
pub async fn serve(options: Options) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    accept(listener, Floor::new(&options)?).await
}

/// Answers every connection that `listener` gets.
pub async fn accept(listener: TcpListener, floor: Floor) -> Result<()> {
    let floor = Arc::new(floor);
    let server = http1::Builder::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let floor = Arc::clone(&floor);
        let service = service_fn(move |request| {
            let floor = Arc::clone(&floor);
            async move { Ok::<_, Infallible>(floor.answer(request).await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A client that goes away mid-answer is the client's business.
            let _ = connection.await;
        });
    }
}

type AnswerBody = Either<Full<Bytes>, Metered>;

/// What all connections share.
pub struct Floor {
    client: Client<HttpConnector, Full<Bytes>>,
    chat_completions: Uri,
    client_authorization: HeaderValue,
    upstream_authorization: HeaderValue,
    tallies: Mutex<HashMap<String, Arc<Tally>>>,
}

/// What a proxy must know of a request; everything else is skipped over and forwarded as it came.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    stream: bool,
}

impl Floor {
    /// A floor in front of `options.upstream`.
    pub fn new(options: &Options) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            chat_completions: format!("{}/chat/completions", options.upstream).parse()?,
            client_authorization: format!("Bearer {}", options.key).parse()?,
            upstream_authorization: format!("Bearer {}", options.upstream_key).parse()?,
            tallies: Mutex::default(),
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let outcome = match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/chat/completions") => self.forward(request).await,
            (&Method::GET, "/health" | "/health/live") => Ok(local(StatusCode::OK, "ok")),
            (&Method::GET, "/tokens") => Ok(local(StatusCode::OK, self.total_tokens().to_string())),
            _ => Err(StatusCode::NOT_FOUND),
        };
        outcome.unwrap_or_else(|status| local(status, status.as_str().to_owned()))
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, StatusCode> {
        let (head, body) = request.into_parts();
        if head.headers.get(AUTHORIZATION) != Some(&self.client_authorization) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        let body = body
            .collect()
            .await
            .map_err(|_| StatusCode::BAD_REQUEST)?
            .to_bytes();
        let peek: Peek = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        let tally = self.tally(&peek.model);
        let streaming = peek.stream;

        let mut upstream_request = Request::new(Full::new(body));
        *upstream_request.method_mut() = Method::POST;
        *upstream_request.uri_mut() = self.chat_completions.clone();
        let headers = upstream_request.headers_mut();
        headers.insert(AUTHORIZATION, self.upstream_authorization.clone());
        for name in [CONTENT_TYPE, ACCEPT] {
            if let Some(value) = head.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        let answer = self
            .client
            .request(upstream_request)
            .await
            .map_err(|_| StatusCode::BAD_GATEWAY)?;

        let (mut head, body) = answer.into_parts();
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        let body = Metered {
            body,
            kept: VecDeque::new(),
            streaming,
            tally: Some(tally),
        };
        Ok(Response::from_parts(head, Either::Right(body)))
    }

    fn tally(&self, model: &str) -> Arc<Tally> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = tallies.get(model) {
            return Arc::clone(tally);
        }
        Arc::clone(tallies.entry(model.to_owned()).or_default())
    }

    fn total_tokens(&self) -> u64 {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies
            .values()
            .map(|tally| {
                tally.prompt_tokens.load(Ordering::Relaxed)
                    + tally.completion_tokens.load(Ordering::Relaxed)
            })
            .sum()
    }
}

fn local(status: StatusCode, text: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response
}

/// The tokens that one model has used.
#[derive(Default)]
struct Tally {
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[derive(Deserialize)]
struct PlainAnswer {
    usage: Option<Usage>,
}

/// Forwards an answer's frames and reads its usage when the last one has passed.
struct Metered {
    body: Incoming,
    /// The frames that the usage may be in: of a plain answer all, of a stream the last few. Keeping a
    /// frame copies nothing.
    kept: VecDeque<Bytes>,
    streaming: bool,
    /// Taken when the usage has been added to it.
    tally: Option<Arc<Tally>>,
}

/// In a stream the usage is in the last event but `[DONE]`; a read that ends inside an event cuts it in two.
const KEPT_OF_STREAM: usize = 4;

impl Metered {
    fn keep(&mut self, data: &Bytes) {
        if self.streaming && self.kept.len() == KEPT_OF_STREAM {
            self.kept.pop_front();
        }
        self.kept.push_back(data.clone());
    }

    fn settle(&mut self) {
        let Some(tally) = self.tally.take() else {
            return;
        };
        if let Some(usage) = self.read_usage() {
            tally
                .prompt_tokens
                .fetch_add(usage.prompt_tokens, Ordering::Relaxed);
            tally
                .completion_tokens
                .fetch_add(usage.completion_tokens, Ordering::Relaxed);
        }
    }

    fn read_usage(&mut self) -> Option<Usage> {
        let text = match self.kept.len() {
            0 | 1 => self.kept.pop_front()?,
            _ => {
                let mut joined = BytesMut::new();
                self.kept
                    .drain(..)
                    .for_each(|data| joined.extend_from_slice(&data));
                joined.freeze()
            }
        };
        if !self.streaming {
            let answer: PlainAnswer = serde_json::from_slice(&text).ok()?;
            return answer.usage;
        }
        const USAGE: &[u8] = br#""usage":{"#;
        let object = text.get(memmem::rfind(&text, USAGE)? + USAGE.len() - 1..)?;
        Usage::deserialize(&mut serde_json::Deserializer::from_slice(object)).ok()
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.keep(data);
        }
        // A body whose length is known is not polled again after its last byte.
        if frame.is_none() || self.body.is_end_stream() {
            self.settle();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
