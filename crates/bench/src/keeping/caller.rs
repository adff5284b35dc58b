//! A client over one connection that is kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BytesMut};
use memchr::memmem;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::traffic::CLIENT_KEY;
use crate::wire;

/// One connection to Locum.
pub struct Caller {
    stream: TcpStream,
    buffer: BytesMut,
    body: Vec<u8>,
}

impl Caller {
    /// Connects to 127.0.0.1:`port`.
    pub async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: BytesMut::with_capacity(64 * 1024),
            body: Vec::new(),
        })
    }

    /// Asks and gives the answer's body, which must be a 200's.
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<&[u8]> {
        self.send(method, path, body).await?;
        let head_end = wire::read_head(&mut self.stream, &mut self.buffer)
            .await?
            .context("the connection was closed instead of an answer")?;
        let head = self.buffer.split_to(head_end);
        let length = wire::content_length(&head)?.context("the answer has no length")?;
        wire::read_exactly(&mut self.stream, &mut self.buffer, length).await?;
        self.body.clear();
        self.body
            .extend_from_slice(self.buffer.get(..length).unwrap_or_default());
        self.buffer.advance(length);
        ensure!(
            head.get(9..12) == Some(b"200"),
            "{method} {path} is answered with {}{}",
            String::from_utf8_lossy(&head),
            String::from_utf8_lossy(&self.body)
        );
        Ok(&self.body)
    }

    /// Asks and gives the time to the answer's last byte, in µs.
    pub async fn time(&mut self, method: &str, path: &str, body: &str) -> Result<f64> {
        let start = Instant::now();
        self.ask(method, path, body).await?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }

    /// `POST`, the answer being an object.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        Ok(serde_json::from_slice(
            self.ask("POST", path, &body.to_string()).await?,
        )?)
    }

    /// `GET`, the answer being an object.
    pub async fn get(&mut self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(self.ask("GET", path, "").await?)?)
    }

    /// Asks for a stream, reads it to its end, and gives the moment at which `mark` was there.
    pub async fn watch(&mut self, path: &str, body: &str, mark: &[u8]) -> Result<Instant> {
        self.send("POST", path, body).await?;
        let mut seen = None;
        loop {
            if seen.is_none() && memmem::find(&self.buffer, mark).is_some() {
                seen = Some(Instant::now());
            }
            if self.buffer.ends_with(b"0\r\n\r\n") {
                let end = seen.with_context(|| {
                    format!("the stream is {}", String::from_utf8_lossy(&self.buffer))
                });
                self.buffer.clear();
                return end;
            }
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the stream broke off");
        }
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {CLIENT_KEY}\r\n\
             Content-Type: application/json\r\nOpenAI-Beta: assistants=v2\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }
}

/// The value below which the given share (0 to 1) of the others lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(rank).copied().unwrap_or_default()
}
