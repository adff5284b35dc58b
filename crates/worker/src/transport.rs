//! The transport port: the platform's `fetch`.
//!
//! How long connecting takes cannot be limited here apart from the rest: the time to the first byte covers it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{CONTENT_LENGTH, USER_AGENT},
};
use js_sys::Uint8Array;
use locum_engine::ports::{ByteStream, PortFuture, Transport, TransportError};
use wasm_bindgen::JsValue;
use worker::{
    send::{SendFuture, SendWrapper},
    wasm_bindgen_futures::JsFuture,
};

use crate::{
    exchange::{self, Arriving},
    glue::{self, Call},
};

/// What upstreams see.
const NAME: HeaderValue = HeaderValue::from_static(concat!("locum/", env!("CARGO_PKG_VERSION")));

/// Sends requests from the Worker.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FetchTransport;

impl Transport for FetchTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>> {
        Box::pin(SendFuture::new(send(request)))
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<ByteStream>, TransportError> {
    // Some upstreams' firewalls refuse requests without it.
    request.headers_mut().insert(USER_AGENT, NAME);
    let line = Line::open();
    let body = Some(request.body()).filter(|body| !body.is_empty());
    let answered = line.call.send(
        &request.uri().to_string(),
        request.method().as_str(),
        &glue::lines(request.headers()),
        body.map(|body| Uint8Array::from(&body[..])),
    );
    let head = JsFuture::from(answered).await.map_err(no_connection)?;
    let head = head.as_string().unwrap_or_default();
    let mut lines = head.split('\n');
    let mut response = Response::builder().status(lines.next().unwrap_or_default());
    let mut length = None;
    if let Some(headers) = response.headers_mut() {
        glue::read_lines(lines, headers);
        length = content_length(headers);
    }
    let body: ByteStream = match length {
        Some(length) if length <= exchange::WHOLE_BYTES => {
            Box::pin(stream::once(SendFuture::new(line.whole())))
        }
        _ => match line.call.pieces().map_err(broken)? {
            Some(pieces) => Box::pin(Coming {
                pieces: Arriving::new(pieces),
                line,
            }),
            None => Box::pin(stream::empty()),
        },
    };
    response
        .body(body)
        .map_err(|error| TransportError::Broken(error.to_string()))
}

/// How long the body is said to be.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A connection to an upstream. Dropped before its answer was read to the end, it is hung up.
struct Line {
    call: SendWrapper<Call>,
    is_over: bool,
}

impl Line {
    fn open() -> Self {
        Self {
            call: SendWrapper::new(Call::open()),
            is_over: false,
        }
    }

    async fn whole(mut self) -> Result<Bytes, TransportError> {
        let whole = JsFuture::from(self.call.whole()).await.map_err(broken)?;
        self.is_over = true;
        Ok(Bytes::from(Uint8Array::new(&whole).to_vec()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_over {
            self.call.hang_up();
        }
    }
}

/// A body on its way in.
struct Coming {
    pieces: Arriving,
    line: Line,
}

impl Stream for Coming {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = self.pieces.poll_next(context);
        if matches!(piece, Poll::Ready(None)) {
            self.line.is_over = true;
        }
        piece.map_err(broken)
    }
}

fn broken(error: JsValue) -> TransportError {
    TransportError::Broken(exchange::text(&error))
}

/// The platform does not say whether a request went out before it failed.
fn no_connection(error: JsValue) -> TransportError {
    TransportError::Connect(exchange::text(&error))
}
