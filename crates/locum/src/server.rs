//! The HTTP/1.1 server: hyper on plain sockets, with the limits that a program on the open internet needs.
//!
//! It refuses what never becomes a request (a head that is too large, too slow or no HTTP, one connection too many), and
//! it refuses in OpenAI's JSON like everything behind it. It knows no route. Read in this order: [`Server::run`] (accepting
//! and stopping), `connection` (one client), `guard` (its socket), `progress` (what both know of it), `refusal`.

mod connection;
mod guard;
mod progress;
mod refusal;

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, sleep},
};
use tower::Service;

/// What clients are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of a request's head.
    pub max_header_bytes: usize,
    /// Clients at once.
    pub max_connections: usize,
    /// Time for a request's head, and for a client to take a piece of the answer.
    pub request_timeout: Duration,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All running answers were finished.
    Answered,
    /// So many were not.
    CutOff(usize),
}

/// A server that accepts clients on one socket.
pub struct Server<S> {
    listener: TcpListener,
    service: S,
    limits: Limits,
}

/// How many refused clients are heard out at once; others are hung up on without more ado.
const MAX_REFUSALS: usize = 64;
/// How often it is said that clients are turned away.
const WARN_AGAIN: Duration = Duration::from_secs(10);
/// How long accepting rests when the machine has no more sockets.
const REST: Duration = Duration::from_millis(100);

impl<S> Server<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    /// Serves `service` on `listener`. Its requests carry [`ClientAddr`](locum_api::ClientAddr).
    pub fn new(listener: TcpListener, service: S, limits: Limits) -> Self {
        Self {
            listener,
            service,
            limits,
        }
    }

    /// Serves until `stop` completes; then finishes what runs, until `give_up` completes.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        give_up: impl Future<Output = ()>,
    ) -> Ended {
        let room = Arc::new(Semaphore::new(self.limits.max_connections));
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
        let answering = Arc::new(AtomicUsize::new(0));
        let (stopping, stopped) = watch::channel(false);

        let mut warned = None;
        let mut admit = |socket: TcpStream, peer: SocketAddr| {
            if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
                let serving = connection::serve(
                    socket,
                    peer,
                    self.service.clone(),
                    self.limits,
                    Arc::clone(&answering),
                    stopped.clone(),
                );
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
                return;
            }
            if warned.is_none_or(|at: Instant| at.elapsed() >= WARN_AGAIN) {
                warned = Some(Instant::now());
                tracing::warn!(
                    max_connections = self.limits.max_connections,
                    "as many clients as there may be; others are turned away"
                );
            }
            if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
                tokio::spawn(async move {
                    refusal::no_room(socket).await;
                    drop(place);
                });
            }
        };
        let mut stop = pin!(stop);
        loop {
            let (socket, peer) = tokio::select! {
                biased;
                () = &mut stop => break,
                client = accept(&self.listener) => client,
            };
            admit(socket, peer);
        }
        for (socket, peer) in waiting(self.listener) {
            admit(socket, peer);
        }

        stopping.send_replace(true);
        let places = u32::try_from(self.limits.max_connections).unwrap_or(u32::MAX);
        tokio::select! {
            _ = room.acquire_many(places) => Ended::Answered,
            () = give_up => match answering.load(Ordering::Relaxed) {
                0 => Ended::Answered,
                count => Ended::CutOff(count),
            },
        }
    }
}

/// The next client.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(client) => return client,
            Err(error) if is_clients_own(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection could be accepted");
                sleep(REST).await;
            }
        }
    }
}

/// The clients that are connected and have not been accepted. The system would reset their connections with the listener,
/// although they may have sent a request.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut clients = Vec::new();
    let Ok(listener) = listener.into_std() else {
        return clients;
    };
    loop {
        match listener.accept() {
            Ok((socket, peer)) => {
                let socket = socket
                    .set_nonblocking(true)
                    .and_then(|()| TcpStream::from_std(socket));
                clients.extend(socket.ok().map(|socket| (socket, peer)));
            }
            Err(error) if is_clients_own(&error) => {}
            Err(_) => return clients,
        }
    }
}

/// Whether a client left before it was accepted.
fn is_clients_own(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
