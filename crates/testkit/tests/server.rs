//! The scripted upstream on a socket, asked as a client asks.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use locum_testkit::{Dialect, Ending, Fault, Scripted, UPSTREAM_KEY, server};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves a fresh upstream.
async fn start() -> (SocketAddr, Scripted) {
    let upstream = Scripted::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, upstream.clone()));
    (address, upstream)
}

async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: upstream\r\nauthorization: Bearer {UPSTREAM_KEY}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// What comes before the connection ends, and how it ends.
async fn rest(mut stream: TcpStream) -> (String, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let ending = stream.read_to_end(&mut bytes).await;
    (
        String::from_utf8(bytes).unwrap(),
        ending.err().map(|error| error.kind()),
    )
}

async fn control(address: SocketAddr, method: &str, path: &str, body: &str) -> Value {
    let (answer, _) = rest(send(address, method, path, body).await).await;
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn chat(stream: bool) -> String {
    let messages = json!([{"role": "user", "content": "hello there"}]);
    json!({"model": "gpt-4o", "messages": messages, "stream": stream}).to_string()
}

async fn ask(address: SocketAddr, stream: bool) -> TcpStream {
    send(address, "POST", "/v1/chat/completions", &chat(stream)).await
}

#[tokio::test]
async fn a_whole_answer_says_how_long_it_is() {
    let (address, upstream) = start().await;
    let (answer, ending) = rest(ask(address, false).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ncontent-length: "), "{answer}");
    assert!(
        answer.contains("\"content\":\"echo: hello there\""),
        "{answer}"
    );
    assert_eq!(ending, None);
    assert_eq!(upstream.last(Dialect::OpenAi).ending, Ending::Complete);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let (address, upstream) = start().await;
    upstream.openai([Fault::Reset, Fault::Cut(2)]);
    let (answer, ending) = rest(ask(address, true).await).await;
    assert_eq!(
        (answer.as_str(), ending),
        ("", Some(ErrorKind::ConnectionReset))
    );
    let (answer, ending) = rest(ask(address, true).await).await;
    assert_eq!(answer.matches("data: ").count(), 2, "{answer}");
    assert_eq!(ending, Some(ErrorKind::ConnectionReset));
    assert_eq!(upstream.last(Dialect::OpenAi).ending, Ending::Broken);
}

#[tokio::test]
async fn who_hangs_up_is_noticed() {
    let (address, upstream) = start().await;
    upstream.openai([Fault::Silent, Fault::Stall(1)]);
    for is_silent in [true, false] {
        let mut stream = ask(address, true).await;
        if !is_silent {
            let mut some = [0; 16];
            stream.read_exact(&mut some).await.unwrap();
        }
        let asked = usize::from(!is_silent) + 1;
        while upstream.asked(Dialect::OpenAi) < asked {
            tokio::task::yield_now().await;
        }
        drop(stream);
        let noticed = async {
            while upstream.last(Dialect::OpenAi).ending == Ending::Open {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), noticed)
            .await
            .unwrap();
        assert_eq!(upstream.last(Dialect::OpenAi).ending, Ending::HungUp);
    }
}

#[tokio::test]
async fn other_processes_write_the_script_and_read_the_requests() {
    let (address, _) = start().await;
    let left = control(
        address,
        "POST",
        "/__script",
        r#"[{"status": 503, "times": 2}]"#,
    )
    .await;
    assert_eq!(left, json!({"left": 2}));
    let (answer, _) = rest(ask(address, false).await).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let requests = control(address, "GET", "/__requests", "").await;
    assert_eq!(requests.as_array().unwrap().len(), 1);
    let request = &requests[0];
    assert_eq!(request["method"], "POST");
    assert_eq!(request["path"], "/v1/chat/completions");
    assert_eq!(
        request["headers"]["authorization"],
        format!("Bearer {UPSTREAM_KEY}")
    );
    assert_eq!(request["body"]["model"], "gpt-4o");
    assert_eq!(request["cancelled"], false);
    assert_eq!(request["complaint"], Value::Null);
    control(address, "DELETE", "/__requests", "").await;
    assert_eq!(control(address, "GET", "/__requests", "").await, json!([]));
    let (answer, _) = rest(ask(address, false).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let refusal = control(address, "POST", "/__script", r#"[{"fault": "unheard"}]"#).await;
    assert!(refusal["error"].as_str().unwrap().contains("unheard"));
}
