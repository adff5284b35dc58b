//! An answer in OpenAI's format that is handed on while it is looked through.

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use locum_domain::failure::{Failure, FailureClass};
use locum_providers::{Relayed, StreamRelay};

use super::{RawStream, upstream::Incoming, witness::Witness};

/// A stream being handed on.
pub(super) struct Relaying {
    body: Incoming,
    relay: Box<dyn StreamRelay>,
    state: State,
}

enum State {
    Open,
    /// What was handed on last was the end; whether the upstream may still send something.
    Complete {
        open: bool,
    },
    /// The next thing to hand on is this failure.
    Failed(Failure),
}

/// Events up to the first content, held back until it was there.
pub(super) struct RawHead(Bytes);

/// What one reading gave.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    joined: BytesMut,
}

impl Pieces {
    /// Keeps a single piece as it is; several are joined.
    fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
        } else if self.first.is_empty() {
            self.first = bytes;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve((self.first.len() + bytes.len()) * 4);
                self.joined.extend_from_slice(&self.first);
            }
            self.joined.extend_from_slice(&bytes);
        }
    }

    fn freeze(self) -> Bytes {
        if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        }
    }
}

impl Relaying {
    /// Reads up to the first real content.
    ///
    /// # Errors
    /// What came instead of it.
    pub async fn begin(
        body: Incoming,
        relay: Box<dyn StreamRelay>,
    ) -> Result<(Self, RawHead), Failure> {
        let mut this = Self {
            body,
            relay,
            state: State::Open,
        };
        let mut head = Pieces::default();
        loop {
            let (bytes, started) = this.read().await;
            head.push(bytes);
            match this.state {
                State::Open | State::Complete { .. } if started => {
                    return Ok((this, RawHead(head.freeze())));
                }
                State::Open => {}
                State::Complete { .. } => return Ok((this, RawHead(head.freeze()))),
                // Content came together with the failure: the client gets both.
                State::Failed(_) if started => return Ok((this, RawHead(head.freeze()))),
                State::Failed(failure) => return Err(failure),
            }
        }
    }

    /// The model that answers, where the stream has said it.
    pub fn model(&self) -> Option<&str> {
        self.relay.model()
    }

    /// The whole stream, `head` first.
    pub fn stream(self, head: RawHead, witness: Witness) -> RawStream {
        struct Handing {
            relaying: Relaying,
            head: Option<Bytes>,
            witness: Witness,
        }
        let start = Handing {
            relaying: self,
            head: Some(head.0),
            witness,
        };
        Box::pin(stream::unfold(Some(start), |handing| async {
            let mut handing = handing?;
            if let Some(head) = handing.head.take().filter(|head| !head.is_empty()) {
                return Some((Ok(head), Some(handing)));
            }
            loop {
                if let State::Failed(failure) = &handing.relaying.state {
                    let error = handing.witness.broke_off(failure);
                    return Some((Err(error), None));
                }
                if let State::Complete { open } = handing.relaying.state {
                    if open {
                        handing.relaying.body.drain().await;
                    }
                    if let Some(usage) = handing.relaying.relay.usage() {
                        handing.witness.spent(&usage);
                    }
                    return None;
                }
                let (bytes, _) = handing.relaying.read().await;
                if !bytes.is_empty() {
                    return Some((Ok(bytes), Some(handing)));
                }
            }
        }))
    }

    /// Waits for bytes, takes all that are there, and gives back the whole events among them and whether real content
    /// has come by now.
    async fn read(&mut self) -> (Bytes, bool) {
        let mut pieces = Pieces::default();
        let mut started = false;
        let mut failed = None;
        let mut done = false;
        let relay = &mut self.relay;
        let open = self
            .body
            .batch(|bytes| {
                let Relayed {
                    bytes,
                    started: content,
                    done: complete,
                    failure,
                } = relay.feed(bytes);
                pieces.push(bytes);
                started |= content;
                done |= complete;
                failed = failure;
                !done && failed.is_none()
            })
            .await;
        self.state = match (failed, done, open) {
            (Some(failure), _, _) => State::Failed(failure),
            (None, true, open) => State::Complete {
                open: matches!(open, Ok(true)),
            },
            (None, false, Ok(true)) => State::Open,
            (None, false, Ok(false)) => match self.relay.finish() {
                Ok(ended) => {
                    pieces.push(ended.bytes);
                    State::Complete { open: false }
                }
                Err(failure) => State::Failed(failure),
            },
            // A connection that breaks behind a finished answer takes nothing away from it.
            (None, false, Err(failure)) if failure.class == FailureClass::Cut => {
                match self.relay.finish() {
                    Ok(ended) => {
                        pieces.push(ended.bytes);
                        State::Complete { open: false }
                    }
                    Err(_) => State::Failed(failure),
                }
            }
            (None, false, Err(failure)) => State::Failed(failure),
        };
        (pieces.freeze(), started)
    }
}
