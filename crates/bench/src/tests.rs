//! The parts of the bench put together inside one process.

use std::time::Duration;

use tokio::net::TcpListener;

use crate::load::{Target, drive};
use crate::traffic::{Ask, CLIENT_KEY, UPSTREAM_KEY};
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
    let mut answer = String::new();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", floor))
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(
        &mut stream,
        b"GET /tokens HTTP/1.1\r\nhost: floor\r\nconnection: close\r\n\r\n",
    )
    .await
    .unwrap();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
        .await
        .unwrap();
    let connections = 2;
    let expected: u32 = cases::ALL
        .iter()
        .map(|case| if case.floor.stream { 133 } else { 75 })
        .sum();
    assert!(
        answer.ends_with(&format!("\r\n{}", connections * expected)),
        "{answer}"
    );
}
