//! `locum health`.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::support::{Running, SERVABLE, address, check_refusal, run, text};

#[test]
fn what_serves_is_healthy() {
    let mut running = Running::start(&["serve"], &SERVABLE);
    let (line, _) = running.line_with("listening on");
    let address = address(&line);
    let (_, port) = address.rsplit_once(':').unwrap();
    for (arguments, settings) in [
        (
            &["health", "--url", &format!("http://{address}")][..],
            &[][..],
        ),
        (&["health", "--url", &format!("http://{address}/")], &[]),
        (&["health"], &[("PORT", port), ("HOST", "0.0.0.0")]),
    ] {
        let output = run(arguments, settings);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(text(&output.stdout), "{\"status\":\"ok\"}\n");
    }
}

#[test]
fn what_is_not_there_is_not() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let output = run(&["health"], &[("PORT", &port)]);
    let url = format!("http://127.0.0.1:{port}/health/ready");
    check_refusal(&output, 1, &[&url, "does not answer", "refused"]);
}

#[test]
fn what_says_so_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let count = client.read(&mut head).unwrap();
        let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 23\r\n\r\n{\"status\":\n \"draining\"}";
        client.write_all(answer.as_bytes()).unwrap();
        text(&head[..count])
    });
    let output = run(&["health", "--url", &url], &[]);
    check_refusal(&output, 1, &["answers 503: {\"status\": \"draining\"}"]);
    let asked = server.join().unwrap();
    assert!(
        asked.starts_with("GET /health/ready HTTP/1.1\r\n"),
        "{asked}"
    );
}

#[test]
fn an_address_that_is_none_is_2() {
    let output = run(&["health", "--url", "not an address"], &[]);
    check_refusal(&output, 2, &["--url takes"]);
    let output = run(&["health"], &[("PORT", "x")]);
    check_refusal(&output, 2, &["PORT holds \"x\""]);
}
