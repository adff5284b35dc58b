//! The server over real sockets: what is refused before it becomes a request, and how it stops.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Extension,
    http::StatusCode,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use locum::server::{Ended, Limits, Server};
use locum_api::ClientAddr;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

const LIMITS: Limits = Limits {
    max_header_bytes: 16 << 10,
    max_connections: 100,
    request_timeout: Duration::from_secs(20),
};
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(10);

/// A server that runs until it is told otherwise.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    give_up: oneshot::Sender<()>,
    ended: JoinHandle<Ended>,
}

impl Running {
    async fn start(limits: Limits, routes: Router) -> Self {
        let routes = routes
            .route("/", get(|| async { "hello" }))
            .layer(axum::middleware::map_response(with_request_id));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (give_up, given_up) = oneshot::channel();
        let server = Server::new(listener, routes, limits);
        let ended = tokio::spawn(server.run(async { stopped.await.unwrap_or(()) }, async {
            given_up.await.unwrap_or(())
        }));
        Self {
            address,
            stop,
            give_up,
            ended,
        }
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }
}

/// As every answer of Locum's has one.
async fn with_request_id(mut response: axum::response::Response) -> axum::response::Response {
    response
        .headers_mut()
        .insert("x-request-id", "req_1".parse().unwrap());
    response
}

/// A client that sends bytes.
struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// All that comes until the server hangs up.
    async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        timeout(LONG, self.0.read_to_end(&mut text))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(text).unwrap()
    }

    /// What comes up to and with `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            text.push(timeout(LONG, self.0.read_u8()).await.unwrap().unwrap());
        }
        String::from_utf8(text).unwrap()
    }
}

/// Checks that `response` is an error in OpenAI's shape, and the last thing on its connection.
#[track_caller]
fn check_error(response: &str, status: u16, code: &str) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with(&format!("HTTP/1.1 {status} ")),
        "{head}"
    );
    let headers: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let header = |name: &str| headers.iter().find(|it| it.0 == name).map(|it| it.1);
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(
        header("content-length"),
        Some(body.len().to_string().as_str())
    );
    assert_eq!(header("connection"), Some("close"));
    assert!(header("x-request-id").unwrap().starts_with("req_"));
    let body: Value = serde_json::from_str(body).unwrap();
    let error = body["error"].as_object().unwrap();
    let mut keys: Vec<_> = error.keys().collect();
    keys.sort();
    assert_eq!(keys, ["code", "message", "param", "type"]);
    assert_eq!(error["code"], code);
}

#[tokio::test]
async fn a_head_that_never_ends_is_431() {
    let server = Running::start(LIMITS, Router::new()).await;
    let mut client = server.client().await;
    client
        .send(b"GET / HTTP/1.1\r\nhost: a\r\nx-endless: ")
        .await;
    let more = [b'a'; 1 << 10];
    let mut sent = 0;
    while client.0.write_all(&more).await.is_ok() {
        sent += more.len();
        if sent > 1 << 20 {
            break;
        }
    }
    check_error(&client.rest().await, 431, "headers_too_large");
}

#[tokio::test]
async fn too_many_headers_are_431() {
    let server = Running::start(LIMITS, Router::new()).await;
    let mut client = server.client().await;
    let headers: String = (0..200)
        .map(|number| format!("x-{number}: a\r\n"))
        .collect();
    client
        .send(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes())
        .await;
    check_error(&client.rest().await, 431, "headers_too_large");
}

#[tokio::test]
async fn what_is_no_http_is_400() {
    let server = Running::start(LIMITS, Router::new()).await;
    for garbage in [
        "\x16\x03\x01\x02 hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ] {
        let mut client = server.client().await;
        client.send(garbage.as_bytes()).await;
        check_error(&client.rest().await, 400, "malformed_request");
    }
}

#[tokio::test]
async fn a_url_without_end_is_414() {
    let limits = Limits {
        max_header_bytes: 1 << 20,
        ..LIMITS
    };
    let server = Running::start(limits, Router::new()).await;
    let mut client = server.client().await;
    let path = "a".repeat(100_000);
    client
        .send(format!("GET /{path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes())
        .await;
    check_error(&client.rest().await, 414, "url_too_long");
}

#[tokio::test]
async fn a_head_that_is_too_slow_is_408() {
    let server = Running::start(quick(), Router::new()).await;
    let mut client = server.client().await;
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n").await;
    check_error(&client.rest().await, 408, "request_timeout");
}

#[tokio::test]
async fn the_second_head_of_a_connection_may_not_be_slow_either() {
    let server = Running::start(quick(), Router::new()).await;
    let mut client = server.client().await;
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.until("hello").await.starts_with("HTTP/1.1 200 "));
    client.send(b"GET / HT").await;
    check_error(&client.rest().await, 408, "request_timeout");
}

#[tokio::test]
async fn who_says_nothing_is_hung_up_on() {
    let server = Running::start(quick(), Router::new()).await;
    assert_eq!(server.client().await.rest().await, "");
}

#[tokio::test]
async fn the_heads_limit_is_not_the_bodys() {
    let echo = Router::new().route("/", post(|body: Bytes| async { body }));
    let server = Running::start(quick(), echo).await;
    let mut client = server.client().await;
    client
        .send(b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\n")
        .await;
    for byte in b"abc" {
        sleep(quick().request_timeout).await;
        client.send(&[*byte]).await;
    }
    assert!(client.rest().await.ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn one_client_too_many_is_503_until_another_leaves() {
    let limits = Limits {
        max_connections: 1,
        ..LIMITS
    };
    let server = Running::start(limits, Router::new()).await;
    let mut first = server.client().await;
    first.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    first.until("hello").await;

    let mut second = server.client().await;
    second.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = second.rest().await;
    check_error(&response, 503, "overloaded");
    assert!(response.contains("\r\nretry-after: 1\r\n"));

    drop(first);
    let welcome = async {
        loop {
            let mut third = server.client().await;
            third
                .send(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .await;
            if third.rest().await.ends_with("hello") {
                break;
            }
        }
    };
    timeout(LONG, welcome).await.unwrap();
}

#[tokio::test]
async fn a_good_request_before_a_bad_one_is_answered() {
    let server = Running::start(LIMITS, Router::new()).await;
    let mut client = server.client().await;
    client
        .send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nthis is no request\r\n\r\n")
        .await;
    assert!(client.until("hello").await.starts_with("HTTP/1.1 200 "));
    check_error(&client.rest().await, 400, "malformed_request");
}

#[tokio::test]
async fn a_refusal_reaches_who_is_still_sending() {
    let refuse = post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") });
    let server = Running::start(LIMITS, Router::new().route("/", refuse)).await;
    let client = server.client().await;
    let (mut reading, mut writing) = client.0.into_split();
    let sending = tokio::spawn(async move {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 33554432\r\n\r\n";
        writing.write_all(head.as_bytes()).await.unwrap();
        writing.write_all(&vec![b'a'; 32 << 20]).await
    });
    let mut response = Vec::new();
    // Whoever sends first and reads later must find the answer, not a broken connection.
    timeout(LONG, sending).await.unwrap().unwrap().unwrap();
    timeout(LONG, reading.read_to_end(&mut response))
        .await
        .unwrap()
        .unwrap();
    let response = String::from_utf8(response).unwrap();
    assert!(response.starts_with("HTTP/1.1 413 ") && response.ends_with("too large"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_hung_up_on() {
    let (answers, routes) = endless();
    let server = Running::start(quick(), routes).await;
    let mut client = server.client().await;
    client.send(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    timeout(LONG, answers.dropped.notified()).await.unwrap();
    // What it did not take was not even made: a little is in hyper, the rest in the kernel's buffers.
    let made = answers.chunks.load(Relaxed);
    assert!(made < LARGE / 2, "{made} chunks");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_answer() {
    let (answers, routes) = endless();
    let server = Running::start(LIMITS, routes).await;
    let mut client = server.client().await;
    client
        .send(b"GET /silent HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    client.until("first").await;
    drop(client);
    timeout(LONG, answers.dropped.notified()).await.unwrap();
}

#[tokio::test]
async fn requests_carry_the_clients_address() {
    let seen = Arc::new(Mutex::new(None));
    let noting = Arc::clone(&seen);
    let note = get(move |Extension(client): Extension<ClientAddr>| async move {
        *noting.lock().unwrap() = Some(client.0);
    });
    let server = Running::start(LIMITS, Router::new().route("/note", note)).await;
    let mut client = server.client().await;
    client
        .send(b"GET /note HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    client.rest().await;
    assert_eq!(*seen.lock().unwrap(), client.0.local_addr().ok());
}

#[tokio::test]
async fn a_running_answer_is_finished_when_the_server_stops() {
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let slow = get(move || async move {
        waiting.notified().await;
        "finished"
    });
    let server = Running::start(LIMITS, Router::new().route("/slow", slow)).await;
    let mut client = server.client().await;
    client.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut idle = server.client().await;
    idle.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    idle.until("hello").await;
    let mut halfway = server.client().await;
    halfway
        .send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT")
        .await;
    halfway.until("hello").await;

    server.stop.send(()).unwrap();
    assert_eq!(
        idle.rest().await,
        "",
        "an unused connection is closed at once"
    );
    assert_eq!(halfway.rest().await, "", "half a request is not waited for");
    assert!(TcpStream::connect(server.address).await.is_err());
    go_on.notify_one();
    assert!(client.rest().await.ends_with("finished"));
    assert_eq!(
        timeout(LONG, server.ended).await.unwrap().unwrap(),
        Ended::Answered
    );
}

#[tokio::test]
async fn who_was_connected_before_the_server_stopped_is_answered() {
    let server = Running::start(LIMITS, Router::new()).await;
    let mut silent = server.client().await;
    // Whoever is answered came after it, so that it was accepted.
    let mut other = server.client().await;
    other.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    other.until("hello").await;
    // This thread does not give way, so that nobody accepts them before the server is told to stop.
    let mut unaccepted = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut unaccepted, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    unaccepted.set_nonblocking(true).unwrap();
    server.stop.send(()).unwrap();
    let mut unaccepted = Client(TcpStream::from_std(unaccepted).unwrap());
    let response = unaccepted.rest().await;
    assert!(
        response.contains("connection: close") && response.ends_with("hello"),
        "{response}"
    );
    silent.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = silent.rest().await;
    assert!(
        response.contains("connection: close") && response.ends_with("hello"),
        "{response}"
    );
    assert_eq!(
        timeout(LONG, server.ended).await.unwrap().unwrap(),
        Ended::Answered
    );
}

#[tokio::test]
async fn an_answer_that_is_given_up_on_is_counted() {
    let (_, routes) = endless();
    let server = Running::start(LIMITS, routes).await;
    let mut client = server.client().await;
    client
        .send(b"GET /silent HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    client.until("first").await;
    server.stop.send(()).unwrap();
    server.give_up.send(()).unwrap();
    assert_eq!(
        timeout(LONG, server.ended).await.unwrap().unwrap(),
        Ended::CutOff(1)
    );
}

/// Limits that are reached soon.
fn quick() -> Limits {
    Limits {
        request_timeout: Duration::from_millis(100),
        ..LIMITS
    }
}

/// What is known of the answers of [`endless`].
#[derive(Default)]
struct Answers {
    /// One of them was dropped.
    dropped: Notify,
    /// How many chunks were made.
    chunks: AtomicUsize,
}

/// Chunks of 64 KiB in an answer that is larger than all buffers on its way.
const LARGE: usize = 1 << 10;

/// `/large` sends as much as it can, `/silent` one chunk; neither ever ends.
fn endless() -> (Arc<Answers>, Router) {
    struct Answer(Arc<Answers>);
    impl Drop for Answer {
        fn drop(&mut self) {
            self.0.dropped.notify_one();
        }
    }
    let answers = Arc::new(Answers::default());
    let route = |count: usize| {
        let answers = Arc::clone(&answers);
        get(move || async move {
            let chunks = stream::unfold(Answer(answers), move |answer| async move {
                let made = answer.0.chunks.fetch_add(1, Relaxed);
                if made >= count {
                    std::future::pending::<()>().await;
                }
                let chunk = if count == 1 {
                    Bytes::from("first")
                } else {
                    Bytes::from(vec![b'a'; 64 << 10])
                };
                Some((Ok::<_, Infallible>(chunk), answer))
            });
            Body::from_stream(chunks)
        })
    };
    let routes = Router::new()
        .route("/large", route(LARGE))
        .route("/silent", route(1));
    (answers, routes)
}
