use std::net::SocketAddr;

use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(10);

async fn upstream() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The next client, with its request read up to `end`.
async fn asked(listener: &TcpListener, end: &str) -> TcpStream {
    let (mut client, _) = listener.accept().await.unwrap();
    read_until(&mut client, end).await;
    client
}

async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(end.as_bytes()) {
        request.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

fn request(url: &str) -> Request<Bytes> {
    let body = Bytes::from_static(b"hello");
    Request::post(url)
        .header("authorization", "Bearer hush")
        .body(body)
        .unwrap()
}

fn transport() -> HttpTransport {
    patient_for(LONG)
}

/// A transport for this machine alone, whatever the environment says of proxies.
fn patient_for(connect_timeout: Duration) -> HttpTransport {
    HttpTransport::through(Matcher::builder().build(), connect_timeout)
}

/// The error of asking `url`; it says no secret.
async fn error_of(transport: &HttpTransport, url: &str) -> TransportError {
    let sent = timeout(LONG, transport.send(request(url))).await.unwrap();
    let error = sent.map(drop).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
    error
}

#[tokio::test]
async fn bytes_come_as_they_arrive() {
    let (listener, address) = upstream().await;
    let serving = async {
        let mut client = asked(&listener, "hello").await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(b"3\r\none\r\n").await.unwrap();
        client
    };
    let transport = transport();
    let (mut client, response) = tokio::join!(
        serving,
        transport.send(request(&format!("http://{address}/v1")))
    );
    let response = response.unwrap();
    assert_eq!(response.headers()["x-a"], "b");
    let mut body = response.into_body();
    assert_eq!(body.next().await, Some(Ok(Bytes::from("one"))));
    client.write_all(b"3\r\ntwo\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(body.next().await, Some(Ok(Bytes::from("two"))));
    assert_eq!(body.next().await, None);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let (listener, address) = upstream().await;
    let serving = async {
        let mut client = asked(&listener, "hello").await;
        client
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na")
            .await
            .unwrap();
        read_until(&mut client, "hello").await;
        client
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb")
            .await
            .unwrap();
    };
    let transport = transport();
    let asking = async {
        for expected in ["a", "b"] {
            let response = transport
                .send(request(&format!("http://{address}/")))
                .await
                .unwrap();
            let body: Vec<_> = response.into_body().collect().await;
            assert_eq!(body, [Ok(Bytes::from(expected))]);
        }
    };
    timeout(LONG, async { tokio::join!(serving, asking) })
        .await
        .unwrap();
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let (listener, address) = upstream().await;
    drop(listener);
    let error = error_of(&transport(), &format!("http://{address}/v1?key=hush")).await;
    assert!(
        matches!(&error, TransportError::Connect(text) if text.contains("refused")),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_tls_is_no_connection() {
    let (listener, address) = upstream().await;
    let serving = async {
        let (mut client, _) = listener.accept().await.unwrap();
        client
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        client
    };
    let (transport, url) = (transport(), format!("https://{address}/"));
    let (_client, error) = tokio::join!(serving, error_of(&transport, &url));
    assert!(matches!(error, TransportError::Connect(_)), "{error}");
}

#[tokio::test]
async fn connecting_takes_no_longer_than_it_may() {
    let (listener, address) = upstream().await;
    // The kernel accepts, but nobody answers the TLS greeting.
    let transport = patient_for(Duration::from_millis(50));
    let error = error_of(&transport, &format!("https://{address}/")).await;
    assert_eq!(
        error,
        TransportError::Connect("not made within 50 ms".to_owned())
    );
    drop(listener);
}

#[tokio::test]
async fn a_reset_before_the_head_is_a_broken_connection() {
    let (listener, address) = upstream().await;
    let serving = async {
        let client = asked(&listener, "hello").await;
        client.set_zero_linger().unwrap();
    };
    let (transport, url) = (transport(), format!("http://{address}/?key=hush"));
    let ((), error) = tokio::join!(serving, error_of(&transport, &url));
    assert!(matches!(error, TransportError::Broken(_)), "{error}");
}

#[tokio::test]
async fn what_is_no_http_is_a_broken_connection() {
    let (listener, address) = upstream().await;
    let serving = async {
        let mut client = asked(&listener, "hello").await;
        client
            .write_all(b"220 mail.example ESMTP\r\n")
            .await
            .unwrap();
        client
    };
    let (transport, url) = (transport(), format!("http://{address}/"));
    let (_client, error) = tokio::join!(serving, error_of(&transport, &url));
    assert!(matches!(error, TransportError::Broken(_)), "{error}");
}

#[tokio::test]
async fn a_body_that_is_cut_short_says_so() {
    let (listener, address) = upstream().await;
    let serving = async {
        let mut client = asked(&listener, "hello").await;
        client
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await
            .unwrap();
    };
    let (transport, url) = (transport(), format!("http://{address}/"));
    let ((), response) = tokio::join!(serving, transport.send(request(&url)));
    let body: Vec<_> = response.unwrap().into_body().collect().await;
    assert_eq!(body[0], Ok(Bytes::from("half")));
    assert!(
        matches!(body[1], Err(TransportError::Broken(_))),
        "{body:?}"
    );
}

#[tokio::test]
async fn dropping_what_was_sent_hangs_up() {
    let (listener, address) = upstream().await;
    let (transport, url) = (transport(), format!("http://{address}/"));
    let sending = transport.send(request(&url));
    let mut client = tokio::select! {
        client = asked(&listener, "hello") => client,
        _ = sending => panic!("nothing was answered"),
    };
    let hung_up = timeout(LONG, client.read(&mut [0; 16])).await.unwrap();
    assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
}

#[tokio::test]
async fn dropping_a_body_hangs_up() {
    let (listener, address) = upstream().await;
    let serving = async {
        let mut client = asked(&listener, "hello").await;
        client
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await
            .unwrap();
        client
    };
    let (transport, url) = (transport(), format!("http://{address}/"));
    let (mut client, response) = tokio::join!(serving, transport.send(request(&url)));
    drop(response);
    let hung_up = timeout(LONG, client.read(&mut [0; 16])).await.unwrap();
    assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
}

#[tokio::test]
async fn tls_goes_through_the_proxy() {
    let (listener, address) = upstream().await;
    let serving = async {
        let (mut client, _) = listener.accept().await.unwrap();
        let asked = read_until(&mut client, "\r\n\r\n").await;
        client.write_all(b"HTTP/1.1 407 No\r\n\r\n").await.unwrap();
        asked
    };
    let proxies = Matcher::builder()
        .https(format!("http://me:hush@{address}"))
        .no("there.test");
    let transport = HttpTransport::through(proxies.build(), LONG);
    let (asked, error) = tokio::join!(serving, error_of(&transport, "https://api.test/v1"));
    assert!(
        asked.starts_with("CONNECT api.test:443 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.to_lowercase().contains("proxy-authorization: basic "),
        "{asked}"
    );
    assert!(matches!(error, TransportError::Connect(_)), "{error}");
}

#[test]
fn the_compiled_in_authorities_make_a_client() {
    assert!(roots::client_config().is_ok());
}
