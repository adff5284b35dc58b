//! Upstreams that fail in every way, late and in pieces.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use locum_engine::ports::{ByteStream, Clock, PortFuture, Transport, TransportError};
use locum_testkit::{Behaviour, Fault, MemoryTransport, Scripted, SeededEntropy, VirtualClock};

/// A transport to scripted upstreams that fail while it rages.
pub struct Storm {
    upstream: Scripted,
    inner: MemoryTransport,
    clock: VirtualClock,
    dice: SeededEntropy,
    rages: AtomicBool,
    doubles: bool,
}

impl Storm {
    pub fn new(seed: u64, clock: VirtualClock) -> Self {
        let dice = SeededEntropy::new(seed ^ 0x5709);
        let upstream = Scripted::new();
        upstream.pace(Duration::from_millis(dice.below(800)));
        Self {
            inner: MemoryTransport::new(upstream.clone(), Arc::new(clock.clone())),
            upstream,
            clock,
            rages: AtomicBool::new(false),
            doubles: dice.chance(200),
            dice,
        }
    }

    pub fn rage(&self, rages: bool) {
        self.rages.store(rages, Ordering::Relaxed);
        if !rages {
            self.upstream.pace(Duration::from_millis(20));
        }
    }

    pub fn doubles_bytes(&self) -> bool {
        self.doubles
    }

    fn behaviour(&self) -> Behaviour {
        let dice = &self.dice;
        let chunk = dice.below(12) as usize;
        let fault = match dice.below(40) {
            0 => Fault::Refuse,
            1 => Fault::Reset,
            2 => Fault::Silent,
            3 => Fault::Html,
            4 => Fault::BrokenJson,
            5 | 6 => Fault::Cut(chunk),
            7 => Fault::Stall(chunk),
            8 => Fault::Truncate(chunk),
            9 => Fault::MalformedChunk(chunk),
            10 => Fault::ErrorChunk(chunk),
            11 => Fault::Status(500),
            12 => Fault::Status(503),
            13 => Fault::RetryAfter(1 + dice.below(5)),
            14 => Fault::OutOfQuota,
            15 | 16 => Fault::Dribble(1 + dice.below(40) as usize),
            _ => Fault::Good,
        };
        if dice.chance(150) {
            return fault.after(Duration::from_millis(dice.below(25_000)));
        }
        fault.into()
    }

    /// The same bytes in other pieces, late at times, and at times twice.
    fn ragged(&self, body: ByteStream) -> ByteStream {
        let (clock, doubles) = (self.clock.clone(), self.doubles);
        let dice = Arc::new(SeededEntropy::new(self.dice.below(u64::MAX)));
        Box::pin(body.flat_map(move |piece| {
            let Ok(mut bytes) = piece else {
                return stream::iter(vec![piece]).left_stream();
            };
            let mut pieces = Vec::new();
            while bytes.len() > 1 && dice.chance(300) {
                let length = 1 + dice.below(bytes.len() as u64 - 1) as usize;
                pieces.push(Ok(bytes.split_to(length)));
            }
            pieces.push(Ok(bytes));
            if doubles && dice.chance(50) {
                pieces.extend(pieces.last().cloned());
            }
            let late = Duration::from_millis(if dice.chance(50) {
                dice.below(9_000)
            } else {
                0
            });
            let clock = clock.clone();
            let late = stream::once(async move { clock.sleep(late).await });
            late.flat_map(move |()| stream::iter(pieces.clone()))
                .right_stream()
        }))
    }
}

impl Transport for Storm {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>> {
        let rages = self.rages.load(Ordering::Relaxed);
        if rages {
            self.upstream.script([self.behaviour()]);
        }
        let sent = self.inner.send(request);
        Box::pin(async move {
            let response = sent.await?;
            Ok(response.map(|body| if rages { self.ragged(body) } else { body }))
        })
    }
}
