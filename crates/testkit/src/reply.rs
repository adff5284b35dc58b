//! What an upstream sends back, as data.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

/// What comes of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// How long the upstream takes before anything happens.
    pub delay: Duration,
    /// What happens then.
    pub answer: Answer,
}

/// See [`Act`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// No connection is made. On a socket the same as [`Answer::Reset`].
    Refused,
    /// The connection breaks before the head.
    Reset,
    /// Nothing comes, ever.
    Silent,
    /// A response, or what there is of it.
    Reply(Reply),
}

/// A response: its head and, piece by piece, its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers, none twice.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent, in order. After the last frame the response ends as it should.
    pub frames: Vec<Frame>,
}

/// A piece of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Bytes of the body, sent at once.
    Bytes(Bytes),
    /// A pause.
    Pause(Duration),
    /// These bytes again and again, for ever.
    Endless {
        /// What is sent.
        bytes: Bytes,
        /// How often.
        every: Duration,
    },
    /// The connection breaks.
    Reset,
    /// Nothing more comes, ever.
    Silence,
}

impl Reply {
    /// A whole answer in JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::whole(status, "application/json; charset=UTF-8", body.to_string())
    }

    /// A whole answer.
    pub fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
            frames: vec![Frame::Bytes(body.into())],
        }
    }

    /// A stream of server-sent events, one frame each. `events` are whole, line ends included.
    pub fn events(events: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream"),
            )],
            frames: events.into_iter().map(Frame::Bytes).collect(),
        }
    }

    /// The reply with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(existing, _)| *existing != name);
        self.headers.push((name, value));
        self
    }

    /// Whether it is a stream of server-sent events.
    pub fn is_stream(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            name == header::CONTENT_TYPE && value.as_bytes().starts_with(b"text/event-stream")
        })
    }

    /// All bytes that are sent before something goes wrong.
    pub fn body(&self) -> Bytes {
        let mut body = Vec::new();
        for frame in &self.frames {
            if let Frame::Bytes(bytes) = frame {
                body.extend_from_slice(bytes);
            }
        }
        body.into()
    }

    /// How many bytes are sent, where all goes well.
    pub fn length(&self) -> Option<u64> {
        self.frames.iter().try_fold(0, |sum, frame| match frame {
            Frame::Bytes(bytes) => Some(sum + bytes.len() as u64),
            Frame::Pause(_) => Some(sum),
            Frame::Endless { .. } | Frame::Reset | Frame::Silence => None,
        })
    }
}
