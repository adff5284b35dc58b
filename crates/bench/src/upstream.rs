//! The mock upstream: both providers' protocols on one port, from prebuilt bytes.
//!
//! It refuses a request that does not carry the upstream key, so a proxy that forgets to swap keys
//! fails the bench. It looks at nothing else of a request but its path and whether it asks for a stream.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::{Buf, BytesMut};
use clap::Args;
use memchr::memmem;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::answers::Answers;
use crate::traffic::{OPENAI_BRIEF_MODEL, OPENAI_LONG_MODEL, OPENAI_PACED_MODEL, UPSTREAM_KEY};
use crate::wire;

/// `locum-bench upstream`
#[derive(Debug, Args)]
pub struct Options {
    /// The port of 127.0.0.1 to listen on
    #[arg(long)]
    port: u16,
    /// Microseconds to wait before each chunk of a stream that `gpt-4.1-mini-paced` gives
    #[arg(long, default_value_t = 1000)]
    chunk_gap_us: u64,
}

/// Serves until the process is ended.
pub async fn serve(options: Options) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    accept(listener, Duration::from_micros(options.chunk_gap_us)).await
}

/// Answers every connection that `listener` gets.
pub async fn accept(listener: TcpListener, chunk_gap: Duration) -> Result<()> {
    let answers = Arc::new(Answers::new());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            // A peer that goes away mid-answer is the peer's business.
            let _ = converse(stream, &answers, chunk_gap).await;
        });
    }
}

async fn converse(mut stream: TcpStream, answers: &Answers, chunk_gap: Duration) -> Result<()> {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    while let Some(head_end) = wire::read_head(&mut stream, &mut buffer).await? {
        let head = buffer.split_to(head_end);
        let body_length = wire::content_length(&head)?.unwrap_or(0);
        wire::read_exactly(&mut stream, &mut buffer, body_length).await?;
        let body = buffer.get(..body_length).unwrap_or_default();
        match choose(answers, &head, body) {
            Reply::Whole(answer) => stream.write_all(answer).await?,
            Reply::Last(answer) => return Ok(stream.write_all(answer).await?),
            Reply::Chunks { chunks, paced } => {
                for chunk in chunks {
                    if paced {
                        tokio::time::sleep(chunk_gap).await;
                    }
                    stream.write_all(chunk).await?;
                }
            }
        }
        buffer.advance(body_length);
    }
    Ok(())
}

enum Reply<'a> {
    Whole(&'a [u8]),
    /// The connection ends after it.
    Last(&'a [u8]),
    Chunks {
        chunks: &'a [Vec<u8>],
        paced: bool,
    },
}

const HEALTHY: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n{\"error\":{\"code\":401,\"message\":\"bad upstream key\"}}";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n{\"error\":{\"code\":404,\"message\":\"no such route\"}}";

fn choose<'a>(answers: &'a Answers, head: &[u8], body: &[u8]) -> Reply<'a> {
    let target = head.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    if target == b"/health" {
        return Reply::Last(HEALTHY);
    }
    let key = wire::header(head, "x-goog-api-key").or_else(|| {
        wire::header(head, "authorization").and_then(|value| value.strip_prefix(b"Bearer "))
    });
    if key != Some(UPSTREAM_KEY.as_bytes()) {
        return Reply::Whole(UNAUTHORIZED);
    }
    let path = target
        .split(|&byte| byte == b'?')
        .next()
        .unwrap_or_default();
    match path {
        b"/v1/chat/completions" if asks_for_stream(body) => {
            let names = |model: &str| memmem::find(body, model.as_bytes()).is_some();
            let (chunks, paced) = if names(OPENAI_BRIEF_MODEL) {
                (&answers.openai_brief_stream, true)
            } else if names(OPENAI_LONG_MODEL) {
                (&answers.openai_long_stream, true)
            } else {
                (&answers.openai_stream, names(OPENAI_PACED_MODEL))
            };
            Reply::Chunks { chunks, paced }
        }
        b"/v1/chat/completions" => Reply::Whole(&answers.openai_plain),
        path if path.ends_with(b":generateContent") => Reply::Whole(&answers.gemini_plain),
        path if path.ends_with(b":streamGenerateContent") => Reply::Chunks {
            chunks: &answers.gemini_stream,
            paced: false,
        },
        b"/v1/models" => Reply::Whole(&answers.openai_models),
        b"/v1beta/models" => Reply::Whole(&answers.gemini_models),
        _ => Reply::Whole(NOT_FOUND),
    }
}

fn asks_for_stream(body: &[u8]) -> bool {
    memmem::find(body, br#""stream":true"#).is_some()
        || memmem::find(body, br#""stream": true"#).is_some()
}
