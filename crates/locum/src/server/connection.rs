//! One client's connection, from its first byte to its last.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize},
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use locum_api::ClientAddr;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tower::{Service, ServiceExt};

use super::{
    Limits,
    guard::Guard,
    progress::{Answering, Incoming, Outgoing, Progress},
};

/// What a read may take at once, and how much of an answer may wait for a client to take it.
const BUFFER_BYTES: usize = 64 << 10;
/// Once the server stops: how long a client that is not being answered keeps its connection.
const PARTING: Duration = Duration::from_millis(500);

/// Serves one client until it leaves, misbehaves, or the server stops and its answer is sent.
pub(super) async fn serve<S>(
    socket: TcpStream,
    peer: SocketAddr,
    service: S,
    limits: Limits,
    everywhere: Arc<AtomicUsize>,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    // Without it, the end of a short stream could wait for the acknowledgement of its beginning.
    let _ = socket.set_nodelay(true);
    let progress = Arc::new(Progress::default());
    let guard = Guard::new(socket, Arc::clone(&progress), limits.request_timeout);
    let answerer = Answerer {
        service,
        peer,
        progress: Arc::clone(&progress),
        everywhere,
    };
    // Never with `pipeline_flush`: it lets an answer grow in memory while its client takes nothing, and keeps hyper's own
    // replies back.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The guard's own clock is cheaper and answers.
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes.max(BUFFER_BYTES))
        .serve_connection(TokioIo::new(guard), answerer);

    let is_over = tokio::select! {
        _ = &mut connection => true,
        _ = stopped.wait_for(|stopped| *stopped) => false,
    };
    progress.stop();
    // On a client that has not spoken yet hyper would hang up at once. It may have been connected a moment ago, and be about to.
    let is_over = is_over || has_ended_silently(&mut connection, &progress).await;
    if !is_over {
        Pin::new(&mut connection).graceful_shutdown();
        loop {
            tokio::select! {
                _ = &mut connection => break,
                () = sleep(PARTING) => {
                    if !progress.is_answering() && !progress.is_stalled() {
                        break;
                    }
                }
            }
        }
    }
    connection.into_parts().io.into_inner().close().await;
}

/// Waits for a client's first request, but not long. Whether the connection has ended meanwhile.
async fn has_ended_silently(connection: &mut (impl Future + Unpin), progress: &Progress) -> bool {
    let spoken = poll_fn(|context| {
        if progress.requests() > 0 {
            return Poll::Ready(false);
        }
        match Pin::new(&mut *connection).poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if progress.requests() > 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    });
    timeout(PARTING, spoken).await.unwrap_or(false)
}

/// Hands requests to the service.
struct Answerer<S> {
    service: S,
    peer: SocketAddr,
    progress: Arc<Progress>,
    everywhere: Arc<AtomicUsize>,
}

impl<S> hyper::service::Service<Request<hyper::body::Incoming>> for Answerer<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Outgoing<Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<hyper::body::Incoming>) -> Self::Future {
        let answering = Answering::begin(&self.progress, &self.everywhere);
        let mut request =
            request.map(|body| Body::new(Incoming::new(body, Arc::clone(&self.progress))));
        request.extensions_mut().insert(ClientAddr(self.peer));
        let answer = self.service.clone().oneshot(request);
        let progress = Arc::clone(&self.progress);
        Box::pin(async move {
            let mut response = answer.await?;
            // No other request can follow a body that nobody read, or come to a server that stops: a client that is not told
            // would send one.
            if progress.has_unread_body() || progress.is_stopping() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok(response.map(|body| Outgoing { body, answering }))
        })
    }
}
