//! Looks through a streamed chat answer while its bytes are handed on as they came.
//!
//! Only whole events leave, all of one read in one piece and without being copied; what is kept is the unfinished event at the
//! end. Nothing is changed, reordered or left out, comments and line ends included.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use locum_domain::{
    chat::Usage,
    failure::{Failure, FailureClass},
};

use super::{
    fault,
    skim::{self, Chunk},
    template::Template,
};
use crate::{
    provider::{Ended, Relayed, StreamRelay},
    sse::MAX_EVENT_BYTES,
};

const DONE: &[u8] = b"[DONE]";
const DONE_EVENT: &[u8] = b"data: [DONE]\n\n";

/// The relay of one stream.
pub(super) struct Relay {
    /// The operator's key, which no failure's message may repeat.
    key: Arc<str>,
    /// The unfinished event at the end of what has come.
    rest: BytesMut,
    event: OpenEvent,
    past_bom: bool,
    answer: Answer,
    /// The first byte that came.
    first: Option<u8>,
    /// Nothing more is read: the answer is complete, or broken.
    closed: bool,
}

/// How far the unfinished event has been read. Places count from its first byte.
#[derive(Default)]
struct OpenEvent {
    /// Where the line begins that has not ended.
    line: usize,
    /// Up to where there is no end of that line.
    searched: usize,
    data: Data,
}

#[derive(Default)]
enum Data {
    #[default]
    None,
    /// The only `data` line so far: where its value is.
    Line(Range<usize>),
    /// Several, joined.
    Lines(Vec<u8>),
}

/// What the stream has said so far.
#[derive(Default)]
struct Answer {
    /// The last chunk that was read and brought nothing but text.
    template: Template,
    /// Whether there was a chunk at all.
    any: bool,
    model: Option<String>,
    usage: Option<Usage>,
    started: bool,
    done: bool,
    seen: u128,
    finished: u128,
}

/// What a look at the bytes found.
struct Looked {
    /// How many of them are whole, sound events.
    sound: usize,
    failure: Option<Failure>,
}

impl Relay {
    pub fn new(key: Arc<str>) -> Self {
        Self {
            key,
            rest: BytesMut::new(),
            event: OpenEvent::default(),
            past_bom: false,
            answer: Answer::default(),
            first: None,
            closed: false,
        }
    }

    /// Reads on in `bytes`, which begin with the unfinished event.
    fn look(&mut self, bytes: &[u8]) -> Looked {
        let mut start = 0;
        loop {
            let searched = start + self.event.searched;
            let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[searched..]) else {
                self.event.searched = bytes.len() - start;
                break;
            };
            let end = searched + found;
            let next = match (bytes[end], bytes.get(end + 1)) {
                (b'\n', _) => end + 1,
                (_, Some(b'\n')) => end + 2,
                (_, Some(_)) => end + 1,
                // Whether the line feed of a CRLF follows is not known yet.
                (_, None) => {
                    self.event.searched = end - start;
                    break;
                }
            };
            let line = start + self.event.line..end;
            if !line.is_empty() {
                self.event.take_line(bytes, start, line, &mut self.past_bom);
                self.event.line = next - start;
                self.event.searched = self.event.line;
                continue;
            }
            let data = std::mem::take(&mut self.event).data;
            let taken = match &data {
                Data::None => Ok(()),
                Data::Line(value) => self
                    .answer
                    .take(&bytes[start + value.start..start + value.end], &self.key),
                Data::Lines(value) => self.answer.take(value, &self.key),
            };
            if let Err(failure) = taken {
                return Looked {
                    sound: start,
                    failure: Some(failure),
                };
            }
            start = next;
            if self.answer.done {
                return Looked {
                    sound: start,
                    failure: None,
                };
            }
        }
        let failure = (bytes.len() - start > MAX_EVENT_BYTES).then(|| {
            garbage(format!(
                "an event of the stream is larger than {MAX_EVENT_BYTES} bytes"
            ))
        });
        Looked {
            sound: start,
            failure,
        }
    }
}

impl StreamRelay for Relay {
    fn feed(&mut self, mut bytes: Bytes) -> Relayed {
        let mut relayed = Relayed {
            started: self.answer.started,
            done: self.answer.done,
            ..Relayed::default()
        };
        if self.closed {
            return relayed;
        }
        self.first = self.first.or_else(|| bytes.first().copied());
        let looked;
        if self.rest.is_empty() {
            looked = self.look(&bytes);
            relayed.bytes = bytes.split_to(looked.sound);
            self.rest.extend_from_slice(&bytes);
        } else {
            self.rest.extend_from_slice(&bytes);
            let rest = std::mem::take(&mut self.rest);
            looked = self.look(&rest);
            self.rest = rest;
            relayed.bytes = self.rest.split_to(looked.sound).freeze();
        }
        self.closed = self.answer.done || looked.failure.is_some();
        relayed.started = self.answer.started;
        relayed.done = self.answer.done;
        relayed.failure = looked.failure;
        relayed
    }

    fn finish(&mut self) -> Result<Ended, Failure> {
        let mut ended = Ended::default();
        if !self.closed && !self.rest.is_empty() {
            // The last event may lack its blank line. If it is broken, the answer may still have been complete before it.
            let relayed = self.feed(Bytes::from_static(b"\n\n"));
            ended.bytes = relayed.bytes;
            if let Some(failure) = relayed.failure
                && failure.class != FailureClass::Garbage
            {
                return Err(failure);
            }
        }
        self.closed = true;
        if self.answer.done {
            return Ok(ended);
        }
        if !self.answer.any && self.first.is_some_and(|first| !skim::begins_events(first)) {
            return Err(garbage("what came is no stream of events".to_owned()));
        }
        self.answer.check_complete()?;
        ended.bytes = if ended.bytes.is_empty() {
            Bytes::from_static(DONE_EVENT)
        } else {
            [&ended.bytes, DONE_EVENT].concat().into()
        };
        self.answer.done = true;
        Ok(ended)
    }

    fn model(&self) -> Option<&str> {
        self.answer.model.as_deref()
    }

    fn usage(&self) -> Option<Usage> {
        self.answer.usage
    }
}

impl OpenEvent {
    /// Takes a line that has ended and is not empty.
    fn take_line(
        &mut self,
        bytes: &[u8],
        start: usize,
        mut line: Range<usize>,
        past_bom: &mut bool,
    ) {
        if !*past_bom {
            *past_bom = true;
            if bytes[line.clone()].starts_with(b"\xef\xbb\xbf") {
                line.start += 3;
            }
        }
        let text = &bytes[line.clone()];
        let value = match text.strip_prefix(b"data:") {
            Some(value) => value.strip_prefix(b" ").unwrap_or(value),
            None if text == b"data" => b"",
            None => return,
        };
        self.data = match std::mem::take(&mut self.data) {
            Data::None => Data::Line(line.end - value.len() - start..line.end - start),
            Data::Line(first) => {
                let first = &bytes[start + first.start..start + first.end];
                Data::Lines([first, b"\n", value].concat())
            }
            Data::Lines(mut lines) => {
                lines.push(b'\n');
                lines.extend_from_slice(value);
                Data::Lines(lines)
            }
        };
    }
}

impl Answer {
    /// Takes the data of one event.
    fn take(&mut self, data: &[u8], key: &str) -> Result<(), Failure> {
        if self.template.fits(data) {
            return Ok(());
        }
        if data.starts_with(DONE) && data.trim_ascii_end() == DONE {
            self.check_complete()?;
            self.done = true;
            return Ok(());
        }
        let chunk = Chunk::read(data)
            .map_err(|malformed| garbage(format!("a chunk of the stream is {malformed}")))?;
        if let Some(error) = chunk.error {
            return Err(fault::in_band(error, key));
        }
        if chunk.failed {
            return Err(Failure::new(
                FailureClass::Server,
                "the stream says that the answer failed",
            ));
        }
        if !chunk.choices
            && let Some(failure) = fault::in_disguise(data, key)
        {
            return Err(failure);
        }
        self.any = true;
        self.seen |= chunk.seen;
        self.finished |= chunk.finished;
        self.started |= chunk.content;
        if self.model.is_none() {
            self.model = chunk.model.and_then(skim::unquoted);
        }
        if chunk.usage.is_some() {
            self.usage = chunk.usage;
        }
        if chunk.usage.is_none() && chunk.content {
            self.template.set(data, chunk.texts);
        }
        Ok(())
    }

    /// Whether every answer that was begun has ended, and there is one.
    fn check_complete(&self) -> Result<(), Failure> {
        if self.finished != 0 && self.seen == self.finished {
            return Ok(());
        }
        Err(Failure::new(
            FailureClass::Cut,
            if self.seen == 0 {
                "the stream ended before an answer began"
            } else {
                "the stream ended before the answer did"
            },
        ))
    }
}

fn garbage(message: String) -> Failure {
    Failure::new(FailureClass::Garbage, message)
}
