//! The parts of the bench put together inside one process.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::load::{Target, drive};
use crate::traffic::{Ask, CLIENT_KEY, STREAM_CHUNKS, UPSTREAM_KEY};
use crate::{cases, floor, upstream};

async fn start_upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(upstream::accept(listener, Duration::ZERO));
    port
}

async fn start_floor(upstream_port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let floor = floor::Floor::new(&floor::Options {
        port,
        upstream: format!("http://127.0.0.1:{upstream_port}/v1"),
        key: CLIENT_KEY.to_owned(),
        upstream_key: UPSTREAM_KEY.to_owned(),
    })
    .unwrap();
    tokio::spawn(floor::accept(listener, floor));
    port
}

async fn once(port: u16, key: &str, ask: Ask) -> anyhow::Result<()> {
    let target = Target { port, key, ask };
    drive(target, 2, Duration::ZERO).await.map(|_| ())
}

#[tokio::test]
async fn every_case_gets_a_whole_answer_with_and_without_the_floor() {
    let upstream = start_upstream().await;
    let floor = start_floor(upstream).await;
    for case in cases::ALL {
        once(upstream, UPSTREAM_KEY, case.floor).await.unwrap();
        once(floor, CLIENT_KEY, case.floor).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_by_both() {
    let upstream = start_upstream().await;
    let floor = start_floor(upstream).await;
    for (port, key) in [(upstream, CLIENT_KEY), (floor, UPSTREAM_KEY)] {
        let error = once(port, key, cases::ALL[0].floor).await.unwrap_err();
        assert!(error.to_string().contains("401"), "{error}");
    }
}

#[tokio::test]
async fn the_floor_reads_the_usage_of_every_answer() {
    let upstream = start_upstream().await;
    let floor = start_floor(upstream).await;
    for case in cases::ALL {
        once(floor, CLIENT_KEY, case.floor).await.unwrap();
    }
    let request = Request::get(format!("http://127.0.0.1:{floor}/tokens"))
        .body(Full::default())
        .unwrap();
    let (status, answer) = send(request).await;
    assert_eq!(status, 200);
    let connections = 2;
    let expected: u32 = cases::ALL
        .iter()
        .map(|case| if case.floor.stream { 133 } else { 75 })
        .sum();
    assert_eq!(answer, (connections * expected).to_string());
}

#[tokio::test]
async fn the_upstream_speaks_gemini_too() {
    let upstream = start_upstream().await;
    let ask = async |method: &str, target: &str, key: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{upstream}/v1beta/models{target}"))
            .header("x-goog-api-key", key)
            .body(Full::from("{}"))
            .unwrap();
        send(request).await
    };
    let (status, answer) = ask("POST", "/gemini-flash-latest:generateContent", UPSTREAM_KEY).await;
    assert_eq!(status, 200);
    assert!(answer.contains(r#""finishReason": "STOP""#), "{answer}");

    let stream = "/gemini-flash-latest:streamGenerateContent?alt=sse";
    let (status, answer) = ask("POST", stream, UPSTREAM_KEY).await;
    assert_eq!(status, 200);
    assert_eq!(answer.matches("data: {").count(), STREAM_CHUNKS);

    let (status, answer) = ask("GET", "", UPSTREAM_KEY).await;
    assert_eq!(status, 200);
    assert!(answer.contains("models/gemini-flash-latest"), "{answer}");

    assert_eq!(ask("POST", stream, CLIENT_KEY).await.0, 401);
    assert_eq!(ask("POST", "/nobody:sings", UPSTREAM_KEY).await.0, 404);
}

async fn send(request: Request<Full<Bytes>>) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
