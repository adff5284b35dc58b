//! A scripted upstream on a socket of 127.0.0.1, with its script open to other processes.
//!
//! Beside the dialects' paths it serves `POST /__script` (an array of behaviours), `GET /__requests` (what came) and
//! `DELETE /__requests` (forgets both).

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    rt,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use locum_engine::ports::{Clock, PortFuture};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    behaviour::Behaviour,
    memory::perform,
    reply::{Answer, Reply},
    script::Scripted,
};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Serves `upstream` to whoever connects to `listener`, until the future is dropped. Connections that are open then go on
/// to their ends.
pub async fn serve(listener: TcpListener, upstream: Scripted) -> io::Result<Infallible> {
    let clock = Arc::new(RealClock(Instant::now()));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(converse(stream, upstream.clone(), Arc::clone(&clock)));
    }
}

async fn converse(stream: TcpStream, upstream: Scripted, clock: Arc<RealClock>) {
    let breaks = Arc::new(AtomicBool::new(false));
    let socket = Socket {
        stream: TokioIo::new(stream),
        breaks: Arc::clone(&breaks),
    };
    let service = service_fn(move |request| {
        respond(
            request,
            upstream.clone(),
            Arc::clone(&clock),
            Arc::clone(&breaks),
        )
    });
    // How a connection ends is the script's business, or the peer's.
    let _ = http1::Builder::new()
        .serve_connection(socket, service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    upstream: Scripted,
    clock: Arc<RealClock>,
    breaks: Arc<AtomicBool>,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::from_parts(head, body);
    if let Some(reply) = control(&request, &upstream) {
        return Ok(reply.map(|body| {
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync()
        }));
    }
    let (act, ticket) = upstream.receive(&request, clock.now());
    let length = match &act.answer {
        Answer::Reply(reply) if !reply.is_stream() => reply.length(),
        _ => None,
    };
    let broken = move |error| {
        breaks.store(true, Ordering::Release);
        io::Error::other(error)
    };
    let response = perform(act, ticket, clock).await.map_err(&broken)?;
    let mut response = response
        .map(|body| StreamBody::new(body.map_ok(Frame::data).map_err(broken)).boxed_unsync());
    if let Some(length) = length {
        let length = HeaderValue::from(length);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
    }
    Ok(response)
}

/// The answer to a request about the script.
fn control(request: &Request<Bytes>, upstream: &Scripted) -> Option<Response<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::POST, "/__script") => {
            match serde_json::from_slice::<Vec<Behaviour>>(request.body()) {
                Ok(behaviours) => {
                    upstream.script(behaviours);
                    (StatusCode::OK, json!({"left": upstream.left()}))
                }
                Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
            }
        }
        (&Method::GET, "/__requests") => {
            let requests: Vec<Value> = upstream
                .requests()
                .iter()
                .map(|seen| seen.to_json())
                .collect();
            (StatusCode::OK, Value::Array(requests))
        }
        (&Method::DELETE, "/__requests") => {
            upstream.clear();
            (StatusCode::OK, json!({}))
        }
        _ => return None,
    };
    let mut response = Response::new(Reply::json(status, &body).body());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Some(response)
}

/// Time as it is, counted from the server's start.
#[derive(Debug)]
struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn unix(&self) -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) -> PortFuture<'static, ()> {
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A connection that breaks instead of closing, once it is told to: its peer sees a reset, as after a crash.
struct Socket {
    stream: TokioIo<TcpStream>,
    breaks: Arc<AtomicBool>,
}

impl Socket {
    fn breaks(&self) -> bool {
        self.breaks.load(Ordering::Acquire)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.breaks() {
            // Where it fails the peer is gone already.
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl rt::Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl rt::Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.breaks() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
