//! Requests and responses: the platform's on one side, the ones of `http` on the other.
//!
//! Small bodies cross at once, others as they come. A client that leaves is noticed, and what was done for it is dropped.

use std::{
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderName, Method, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use js_sys::Uint8Array;
use locum_api::{ClientAddr, OverTls};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use worker::{
    send::{SendFuture, SendWrapper},
    wasm_bindgen_futures::JsFuture,
    web_sys::{AbortSignal, ReadableStream, Request, Response},
};

use crate::glue::{self, Pieces};

/// Bodies up to this size cross at once.
pub(crate) const WHOLE_BYTES: u64 = 256 << 10;
/// The client's address, as Cloudflare's edge writes it; whatever the client wrote there is gone.
const CLIENT: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// A request's head.
pub(crate) struct Head {
    /// Its method.
    pub(crate) method: Method,
    /// Its path and query.
    pub(crate) target: String,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    over_tls: bool,
}

impl Head {
    /// The head of `request`.
    pub(crate) fn of(request: &Request) -> Self {
        let lines = glue::request_head(request);
        let mut lines = lines.split('\n');
        let method = lines.next().unwrap_or_default();
        let url = lines.next().unwrap_or_default();
        let mut headers = HeaderMap::with_capacity(32);
        glue::read_lines(&mut lines, &mut headers);
        Self {
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            target: target(url).to_owned(),
            headers,
            over_tls: url.starts_with("https:"),
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The request as the router takes it.
    pub(crate) fn with_body(self, request: Request) -> worker::Result<http::Request<Body>> {
        let body = body(request, &self.headers)?;
        let mut built = http::Request::builder()
            .method(self.method)
            .uri(self.target)
            .body(body)
            .map_err(|error| worker::Error::RustError(error.to_string()))?;
        let address = self.headers.get(CLIENT);
        let address: Option<IpAddr> = address
            .and_then(|address| address.to_str().ok())
            .and_then(|address| address.parse().ok());
        if let Some(address) = address {
            let client = ClientAddr(SocketAddr::new(address, 0));
            built.extensions_mut().insert(client);
        }
        if self.over_tls {
            built.extensions_mut().insert(OverTls);
        }
        *built.headers_mut() = self.headers;
        Ok(built)
    }
}

/// What stands behind the host in an address.
pub(crate) fn target(url: &str) -> &str {
    let behind_scheme = url.find("://").map_or(0, |at| at + 3);
    match url[behind_scheme..].find('/') {
        Some(at) => &url[behind_scheme + at..],
        None => "/",
    }
}

/// The body of a request.
fn body(request: Request, headers: &HeaderMap) -> worker::Result<Body> {
    let length: Option<u64> = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse().ok());
    if length.is_some_and(|length| length <= WHOLE_BYTES) {
        let whole = async move {
            let whole = async { JsFuture::from(request.array_buffer()?).await };
            let whole = whole.await.map_err(|error| text(&error))?;
            Ok::<_, String>(Bytes::from(Uint8Array::new(&whole).to_vec()))
        };
        return Ok(Body::from_stream(stream::once(SendFuture::new(whole))));
    }
    let Some(stream) = request.body() else {
        return Ok(Body::empty());
    };
    let pieces = Arriving::new(Pieces::new(&stream, false)?);
    Ok(Body::from_stream(pieces.map_err(|error| text(&error))))
}

/// A body on its way in. Dropped, it is read no further.
pub(crate) struct Arriving {
    pieces: SendWrapper<Pieces>,
    /// What is waited for where nothing has come yet.
    waiting: Option<SendWrapper<JsFuture>>,
    is_over: bool,
}

impl Arriving {
    /// The body that `pieces` reads.
    pub(crate) fn new(pieces: Pieces) -> Self {
        Self {
            pieces: SendWrapper::new(pieces),
            waiting: None,
            is_over: false,
        }
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, JsValue>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        loop {
            if let Some(waiting) = &mut self.waiting {
                let come = ready!(Pin::new(&mut waiting.0).poll(context));
                self.waiting = None;
                if let Err(error) = come {
                    return self.over(Some(Err(error)));
                }
            }
            match self.pieces.take() {
                Ok(piece) if piece.is_null() => {
                    let waiting = JsFuture::from(self.pieces.ready());
                    self.waiting = Some(SendWrapper::new(waiting));
                }
                Ok(piece) if piece.is_undefined() => return self.over(None),
                Ok(piece) => {
                    return Poll::Ready(Some(Ok(Bytes::from(Uint8Array::from(piece).to_vec()))));
                }
                Err(error) => return self.over(Some(Err(error))),
            }
        }
    }

    fn over<T>(&mut self, last: Option<T>) -> Poll<Option<T>> {
        self.is_over = true;
        Poll::Ready(last)
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, JsValue>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next(context)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.is_over {
            self.pieces.cancel();
        }
    }
}

/// What an error of the platform's says.
pub(crate) fn text(error: &JsValue) -> String {
    let said = error
        .dyn_ref::<js_sys::Error>()
        .map(|error| String::from(error.to_string()));
    said.or_else(|| error.as_string())
        .unwrap_or_else(|| "an error without words".to_owned())
}

/// A stream that never leaves its thread, of which there is but one.
pub(crate) struct SendStream<S>(pub(crate) SendWrapper<S>);

impl<S: Stream + Unpin> Stream for SendStream<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// The response as the platform takes it.
pub(crate) async fn outgoing(response: http::Response<Body>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    let whole = body.size_hint().exact();
    let body = if body.is_end_stream() {
        JsValue::NULL
    } else if whole.is_some_and(|size| size <= WHOLE_BYTES) {
        let whole = body.collect().await;
        let whole = whole.map_err(|error| worker::Error::RustError(error.to_string()))?;
        Uint8Array::from(&whole.to_bytes()[..]).into()
    } else {
        readable(body.into_data_stream()).into()
    };
    let lines = glue::lines(&head.headers);
    Ok(glue::respond(head.status.as_u16(), &lines, &body)?)
}

/// A stream of bytes as the platform takes it. Dropped there, it is dropped here.
pub(crate) fn readable<E: ToString + 'static>(
    pieces: impl Stream<Item = Result<Bytes, E>> + 'static,
) -> ReadableStream {
    let pieces = pieces
        .map_ok(|piece| JsValue::from(Uint8Array::from(&piece[..])))
        .map_err(|error| JsValue::from_str(&error.to_string()));
    let stream = wasm_streams::ReadableStream::from_stream(pieces);
    stream.into_raw().unchecked_into()
}

/// What `answering` gives, or `None` where the client leaves first: then it is dropped, and what it has begun with it.
pub(crate) async fn unless_left<F: Future>(signal: AbortSignal, answering: F) -> Option<F::Output> {
    let mut answering = pin!(answering);
    let mut left = None;
    poll_fn(|context| {
        if let Poll::Ready(answer) = answering.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        if signal.aborted() {
            return Poll::Ready(None);
        }
        // The platform is asked only by requests that are not answered at once.
        left.get_or_insert_with(|| {
            let waker = context.waker().clone();
            let wake = Closure::<dyn FnMut()>::new(move || waker.wake_by_ref());
            signal.set_onabort(Some(wake.as_ref().unchecked_ref()));
            wake
        });
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stands_behind_the_host() {
        for (url, expected) in [
            ("http://127.0.0.1:8787/v1/models?a=b/c", "/v1/models?a=b/c"),
            ("https://x", "/"),
            ("https://x/", "/"),
            ("/bare", "/bare"),
        ] {
            assert_eq!(target(url), expected);
        }
    }
}
