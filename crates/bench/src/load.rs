//! The load generator: a closed loop over a fixed number of connections.
//!
//! An answer counts only when it is complete; the first one that is not ends the whole run, so that no
//! proxy gets fast by failing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BytesMut};
use clap::Args;
use futures_util::future::try_join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::traffic::{Ask, check_answer};
use crate::{cases, wire};

/// `locum-bench load`
#[derive(Debug, Args)]
pub struct Options {
    /// The port of 127.0.0.1 where the server under load listens
    #[arg(long)]
    port: u16,
    /// The bearer key to present
    #[arg(long)]
    key: String,
    /// What to ask for: short-chat, long-prompt, stream, paced-stream, gemini, gemini-stream
    #[arg(long, default_value = "short-chat")]
    case: String,
    /// How many connections ask at the same time
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long to go on
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Take no compressed answers
    #[arg(long)]
    plain: bool,
}

/// Drives one load and prints what it measured.
pub async fn command(options: Options) -> Result<()> {
    let case = cases::find(&options.case)
        .with_context(|| format!("there is no case named {:?}", options.case))?;
    let ask = if options.plain {
        case.locum.uncompressed()
    } else {
        case.locum
    };
    let target = Target {
        port: options.port,
        key: &options.key,
        ask,
    };
    let duration = Duration::try_from_secs_f64(options.seconds)?;
    let outcome = drive(target, options.connections, duration).await?;
    println!(
        "{} requests, {:.0} per second, p50 {:.0} µs, p99 {:.0} µs",
        outcome.requests,
        outcome.requests_per_second(),
        outcome.percentile_us(0.50),
        outcome.percentile_us(0.99),
    );
    Ok(())
}

/// Whom to ask what.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The port of 127.0.0.1.
    pub port: u16,
    /// The bearer key.
    pub key: &'a str,
    /// The request.
    pub ask: Ask,
}

/// What one load measured.
#[derive(Debug)]
pub struct Outcome {
    /// How many answers came, all complete.
    pub requests: usize,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Each request's time to its last byte, in ascending order.
    latencies: Vec<Duration>,
}

impl Outcome {
    /// The throughput.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which the given share (0 to 1) of the requests stayed, in µs.
    pub fn percentile_us(&self, share: f64) -> f64 {
        let rank = (self.latencies.len().saturating_sub(1) as f64 * share).round() as usize;
        self.latencies
            .get(rank)
            .map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// Asks over `connections` connections until `duration` is over; requests under way are finished.
///
/// Each connection's first answer is checked in full, the others for status, length and ending.
pub async fn drive(target: Target<'_>, connections: usize, duration: Duration) -> Result<Outcome> {
    ensure!(connections > 0, "a load needs at least one connection");
    let request = target.ask.to_wire(target.port, target.key);
    let connected =
        try_join_all((0..connections).map(|_| Connection::open(target, &request))).await?;

    let start = Instant::now();
    let deadline = start + duration;
    let loops = connected
        .into_iter()
        .map(|mut connection| async move { connection.repeat(deadline).await });
    let mut latencies = try_join_all(loops).await?.concat();
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    Ok(Outcome {
        requests: latencies.len(),
        elapsed,
        latencies,
    })
}

struct Connection<'a> {
    stream: TcpStream,
    buffer: BytesMut,
    request: &'a [u8],
    /// The latest answer's body; kept to spare an allocation per request.
    body: Vec<u8>,
    ask: Ask,
    /// How long the first answer's body was.
    full_length: usize,
}

impl<'a> Connection<'a> {
    /// Connects and checks the first answer in full.
    async fn open(target: Target<'_>, request: &'a [u8]) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, target.port));
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            buffer: BytesMut::with_capacity(64 * 1024),
            request,
            body: Vec::with_capacity(64 * 1024),
            ask: target.ask,
            full_length: 0,
        };
        connection.exchange().await?;
        check_answer(target.ask, &connection.body)?;
        connection.full_length = connection.body.len();
        Ok(connection)
    }

    async fn repeat(&mut self, deadline: Instant) -> Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(64 * 1024);
        loop {
            let start = Instant::now();
            if start >= deadline {
                return Ok(latencies);
            }
            self.exchange().await?;
            latencies.push(start.elapsed());
            self.check_ending()?;
        }
    }

    /// Sends the request and reads the answer to its end.
    async fn exchange(&mut self) -> Result<()> {
        self.body.clear();
        self.stream.write_all(self.request).await?;
        let head_end = wire::read_head(&mut self.stream, &mut self.buffer)
            .await?
            .context("the connection was closed instead of an answer")?;
        let head = self.buffer.split_to(head_end);
        match wire::content_length(&head)? {
            Some(length) => {
                wire::read_exactly(&mut self.stream, &mut self.buffer, length).await?;
                self.body
                    .extend_from_slice(self.buffer.get(..length).unwrap_or_default());
                self.buffer.advance(length);
            }
            None => {
                wire::read_chunked(&mut self.stream, &mut self.buffer, &mut self.body).await?;
            }
        }
        if head.get(9..12) != Some(b"200") {
            bail!(
                "the answer is not a 200: {}{}",
                String::from_utf8_lossy(&head),
                String::from_utf8_lossy(&self.body)
            );
        }
        Ok(())
    }

    /// The answers to one request differ in ids and times at most, so a shorter one lacks something.
    fn check_ending(&self) -> Result<()> {
        let tolerance = self.full_length / 50;
        ensure!(
            self.body.len() + tolerance >= self.full_length,
            "an answer has {} bytes, the first one had {}",
            self.body.len(),
            self.full_length
        );
        let ending: &[u8] = if self.ask.stream {
            b"data: [DONE]"
        } else {
            b"}"
        };
        ensure!(
            self.body.trim_ascii_end().ends_with(ending),
            "an answer's ending is missing"
        );
        Ok(())
    }
}
