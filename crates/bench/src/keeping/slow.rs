//! An upstream that notes when it is asked and lets its askers wait until it is told to answer.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::answers::Answers;
use crate::wire;

/// When it was asked, and when it had answered.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The request had come whole.
    pub asked: Instant,
    /// The answer's last byte was on its way.
    pub answered: Instant,
}

/// The upstream. Lives as long as the runtime.
pub struct SlowUpstream {
    port: u16,
    gate: watch::Sender<bool>,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    asked: Mutex<usize>,
    last: Mutex<Option<Seen>>,
}

impl SlowUpstream {
    /// Listens on a port of its own.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (gate, gated) = watch::channel(true);
        let notes = Arc::<Notes>::default();
        let answer: Arc<[u8]> = Answers::new().openai_stream.concat().into();
        let noted = Arc::clone(&notes);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, gated, answer) =
                    (Arc::clone(&noted), gated.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    // A peer that goes away is the peer's business.
                    let _ = converse(stream, &noted, gated, &answer).await;
                });
            }
        });
        Ok(Self { port, gate, notes })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers from now on, and all who wait.
    pub fn open(&self) {
        self.gate.send_replace(true);
    }

    /// Lets askers wait from now on.
    pub fn close(&self) {
        self.gate.send_replace(false);
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        *lock(&self.notes.asked) = 0;
        *lock(&self.notes.last) = None;
    }

    /// The last request that was answered.
    pub fn last(&self) -> Option<Seen> {
        *lock(&self.notes.last)
    }

    /// Waits until `count` requests have come.
    pub async fn await_asked(&self, count: usize) -> Result<()> {
        let start = Instant::now();
        while *lock(&self.notes.asked) < count {
            ensure!(
                start.elapsed() < Duration::from_secs(60),
                "{} of {count} runs have asked the upstream",
                *lock(&self.notes.asked)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

async fn converse(
    mut stream: TcpStream,
    notes: &Notes,
    mut gate: watch::Receiver<bool>,
    answer: &[u8],
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(8 * 1024);
    while let Some(head_end) = wire::read_head(&mut stream, &mut buffer).await? {
        let head = buffer.split_to(head_end);
        let length = wire::content_length(&head)?.unwrap_or(0);
        wire::read_exactly(&mut stream, &mut buffer, length).await?;
        buffer.advance(length);
        let asked = Instant::now();
        *lock(&notes.asked) += 1;
        gate.wait_for(|&open| open).await?;
        stream.write_all(answer).await?;
        *lock(&notes.last) = Some(Seen {
            asked,
            answered: Instant::now(),
        });
    }
    Ok(())
}

fn lock<T>(notes: &Mutex<T>) -> MutexGuard<'_, T> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}
