//! What can be scripted for a coming request, and what it makes of the good answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::{
    dialect::Dialect,
    gemini, openai,
    reply::{Answer, Frame, Reply},
};

/// How often an endless stream says something.
const ENDLESS_INTERVAL: Duration = Duration::from_millis(1);

/// What happens to one request.
///
/// The faults within an answer (`Cut`, `Stall`, `Truncate`, …) leave a refusal as it is: a request that the upstream does not
/// accept gets its 4xx all the same. They count the chunks of a stream, of which OpenAI's first holds the role alone; a
/// whole answer counts as two chunks, its two halves.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// None: the good answer.
    Good,
    /// No connection is made. On a socket the same as [`Fault::Reset`].
    Refuse,
    /// The connection breaks before the head.
    Reset,
    /// Nothing comes, ever.
    Silent,
    /// 200, and a page of HTML.
    Html,
    /// 200, and a body that is whole but not JSON. For one that ends too early see [`Fault::Truncate`].
    BrokenJson,
    /// The connection breaks after this many chunks.
    Cut(usize),
    /// After this many chunks nothing more comes, ever.
    Stall(usize),
    /// The response ends after this many chunks as if that were all.
    Truncate(usize),
    /// After this many chunks comes one that is not JSON, and then the rest.
    MalformedChunk(usize),
    /// After this many chunks the upstream reports an error within the stream.
    ErrorChunk(usize),
    /// A stream without its `[DONE]`. Gemini's streams have none anyway.
    NoDone,
    /// The answer goes on and on.
    Endless,
    /// The good answer, but in pieces of this many bytes.
    Dribble(usize),
    /// An error of this status, told as the dialect tells it.
    Status(u16),
    /// As [`Fault::Status`], with more headers.
    StatusWith {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
    },
    /// 429, and after how many seconds to come again: `Retry-After` from OpenAI, `RetryInfo` from Gemini.
    RetryAfter(u64),
    /// 429, because the quota is used up for a long time.
    OutOfQuota,
    /// The upstream does not accept the key.
    BadKey,
    /// Exactly this.
    Exactly {
        /// The status.
        status: u16,
        /// More headers.
        headers: Vec<(String, String)>,
        /// The body, in JSON.
        body: Value,
    },
    /// 200, and a stream of exactly these chunks. A string is sent as the text that it is, anything else as JSON. OpenAI's
    /// `[DONE]` follows.
    Chunks(Vec<Value>),
}

impl Fault {
    /// 200 with exactly this JSON.
    pub fn body(body: Value) -> Self {
        Self::Exactly {
            status: 200,
            headers: Vec::new(),
            body,
        }
    }

    /// What comes instead of `good`.
    pub fn apply(&self, dialect: Dialect, good: Reply) -> Answer {
        match self {
            Self::Refuse => Answer::Refused,
            Self::Reset => Answer::Reset,
            Self::Silent => Answer::Silent,
            _ => Answer::Reply(self.reply(dialect, good)),
        }
    }

    fn reply(&self, dialect: Dialect, good: Reply) -> Reply {
        match self {
            Self::Good | Self::Refuse | Self::Reset | Self::Silent => good,
            Self::Html => Reply::whole(
                StatusCode::OK,
                "text/html",
                "<!DOCTYPE html><html><body><h1>Welcome to the hotel's network</h1></body></html>",
            ),
            Self::BrokenJson => Reply::whole(
                StatusCode::OK,
                "application/json",
                "{\"id\": \"broken\", \"choices\": [{\"index\": 0, \"message\": oops}], \"candidates\": oops}",
            ),
            Self::Status(status) => error(dialect, *status, None),
            Self::StatusWith { status, headers } => {
                with_headers(error(dialect, *status, None), headers)
            }
            Self::RetryAfter(seconds) => error(dialect, 429, Some(*seconds)),
            Self::OutOfQuota => match dialect {
                Dialect::OpenAi => openai::error::out_of_quota(),
                Dialect::Gemini => gemini::error::out_of_quota(),
            },
            Self::BadKey => match dialect {
                Dialect::OpenAi => openai::error::bad_key(),
                Dialect::Gemini => gemini::error::bad_key(),
            },
            Self::Exactly {
                status,
                headers,
                body,
            } => exactly(*status, headers, body),
            Self::Chunks(chunks) => stream_of(dialect, chunks),
            _ if !good.status.is_success() => good,
            Self::Cut(after) => ends(good, *after, Some(Frame::Reset)),
            Self::Stall(after) => ends(good, *after, Some(Frame::Silence)),
            Self::Truncate(after) => ends(good, *after, None),
            Self::MalformedChunk(after) => inserts(
                good,
                *after,
                "data: {\"id\": \"malformed\", \"choices\": [{\"ind\r\n\r\n",
            ),
            Self::ErrorChunk(after) => {
                let told = match dialect {
                    Dialect::OpenAi => openai::error::in_stream(),
                    Dialect::Gemini => gemini::error::in_stream(),
                };
                inserts(good, *after, &format!("data: {told}\n\n"))
            }
            Self::NoDone => without_done(good),
            Self::Endless => endless(dialect, good),
            Self::Dribble(size) => dribble(good, *size),
        }
    }
}

fn error(dialect: Dialect, status: u16, retry_after: Option<u64>) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match dialect {
        Dialect::OpenAi => openai::error::of_status(status, retry_after),
        Dialect::Gemini => gemini::error::of_status(status, retry_after),
    }
}

fn exactly(status: u16, headers: &[(String, String)], body: &Value) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_headers(Reply::json(status, body), headers)
}

fn with_headers(mut reply: Reply, headers: &[(String, String)]) -> Reply {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            reply = reply.with_header(name, value);
        }
    }
    reply
}

fn stream_of(dialect: Dialect, chunks: &[Value]) -> Reply {
    let events = chunks.iter().map(|chunk| match chunk {
        Value::String(text) => Bytes::from(text.clone()),
        chunk => Bytes::from(format!("data: {chunk}\n\n")),
    });
    match dialect {
        Dialect::OpenAi => Reply::events(events.chain([openai::DONE])),
        Dialect::Gemini => Reply::events(events),
    }
}

/// The frames of `reply` as chunks: those of a stream, or the two halves of a whole answer.
fn chunks(reply: &Reply) -> Vec<Frame> {
    if reply.is_stream() {
        return reply.frames.clone();
    }
    let body = reply.body();
    let middle = body.len() / 2;
    vec![
        Frame::Bytes(body.slice(..middle)),
        Frame::Bytes(body.slice(middle..)),
    ]
}

fn ends(mut reply: Reply, after: usize, how: Option<Frame>) -> Reply {
    let mut frames = chunks(&reply);
    frames.truncate(after);
    frames.extend(how);
    reply.frames = frames;
    reply
}

fn inserts(mut reply: Reply, after: usize, text: &str) -> Reply {
    let mut frames = chunks(&reply);
    let place = after.min(frames.len());
    frames.insert(place, Frame::Bytes(Bytes::copy_from_slice(text.as_bytes())));
    reply.frames = frames;
    reply
}

fn without_done(mut reply: Reply) -> Reply {
    reply
        .frames
        .retain(|frame| *frame != Frame::Bytes(openai::DONE));
    reply
}

/// A stream says the same word for ever; a whole answer never comes to the end of a string.
fn endless(dialect: Dialect, mut reply: Reply) -> Reply {
    let bytes = if reply.is_stream() {
        let chunk = match dialect {
            Dialect::OpenAi => openai::endless_chunk(),
            Dialect::Gemini => gemini::endless_chunk(),
        };
        reply.frames.truncate(1);
        Bytes::from(format!("data: {chunk}\n\n"))
    } else {
        reply.frames = vec![Frame::Bytes(Bytes::from_static(b"{\"id\": \""))];
        Bytes::from(vec![b'x'; 64 * 1024])
    };
    reply.frames.push(Frame::Endless {
        bytes,
        every: ENDLESS_INTERVAL,
    });
    reply
}

fn dribble(mut reply: Reply, size: usize) -> Reply {
    let mut body = reply.body();
    let mut frames = Vec::new();
    while !body.is_empty() {
        let piece = body.split_to(size.clamp(1, body.len()));
        frames.push(Frame::Bytes(piece));
    }
    reply.frames = frames;
    reply
}

#[cfg(test)]
mod tests;
