//! Requests and responses: the platform's on one side, the ones of `http` on the other.
//!
//! Small bodies cross at once, others as they come. A client that leaves is noticed, and what was done for it is dropped.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::pin,
    task::Poll,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use js_sys::Uint8Array;
use locum_api::{ClientAddr, OverTls};
use worker::{
    Headers, Request, Response, ResponseBuilder,
    send::{SendFuture, SendWrapper},
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
    web_sys::{self, AbortSignal},
};

/// Bodies up to this size cross at once.
const WHOLE_BYTES: u64 = 256 << 10;
/// The client's address, as Cloudflare's edge writes it; whatever the client wrote there is gone.
const CLIENT: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// The request's method.
pub(crate) fn method(request: &Request) -> Method {
    let method = request.inner().method();
    Method::from_bytes(method.as_bytes()).unwrap_or_default()
}

/// The request's path and query.
pub(crate) fn target(request: &Request) -> String {
    let url = request.inner().url();
    let behind_scheme = url.find("://").map_or(0, |at| at + 3);
    match url[behind_scheme..].find('/') {
        Some(at) => url[behind_scheme + at..].to_owned(),
        None => "/".to_owned(),
    }
}

/// The request as the router takes it.
pub(crate) fn incoming(request: Request) -> worker::Result<http::Request<Body>> {
    let mut built = http::Request::builder()
        .method(method(&request))
        .uri(target(&request))
        .body(Body::empty())
        .map_err(|error| worker::Error::RustError(error.to_string()))?;
    read_headers(request.headers(), built.headers_mut());
    let address = built.headers().get(CLIENT);
    let address: Option<IpAddr> = address
        .and_then(|address| address.to_str().ok())
        .and_then(|address| address.parse().ok());
    if let Some(address) = address {
        let client = ClientAddr(SocketAddr::new(address, 0));
        built.extensions_mut().insert(client);
    }
    if request.inner().url().starts_with("https:") {
        built.extensions_mut().insert(OverTls);
    }
    if request.inner().body().is_some() {
        *built.body_mut() = body(request, built.headers())?;
    }
    Ok(built)
}

/// The body of a request that has one.
fn body(mut request: Request, headers: &HeaderMap) -> worker::Result<Body> {
    let length: Option<u64> = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse().ok());
    if length.is_some_and(|length| length <= WHOLE_BYTES) {
        let whole = async move { request.bytes().await.map(Bytes::from).map_err(text) };
        return Ok(Body::from_stream(stream::once(SendFuture::new(whole))));
    }
    let pieces = request.stream()?.map_ok(Bytes::from).map_err(text);
    Ok(Body::from_stream(SendStream(SendWrapper::new(pieces))))
}

fn text(error: worker::Error) -> String {
    error.to_string()
}

/// A stream that never leaves its thread, of which there is but one.
pub(crate) struct SendStream<S>(pub(crate) SendWrapper<S>);

impl<S: stream::Stream + Unpin> stream::Stream for SendStream<S> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<S::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// The response as the platform takes it.
pub(crate) async fn outgoing(response: http::Response<Body>) -> worker::Result<Response> {
    let (head, body) = response.into_parts();
    let builder = ResponseBuilder::new()
        .with_status(head.status.as_u16())
        .with_headers(written_headers(&head.headers)?);
    if body.is_end_stream() {
        return Ok(builder.empty());
    }
    if body
        .size_hint()
        .exact()
        .is_some_and(|size| size <= WHOLE_BYTES)
    {
        let whole = body.collect().await;
        let whole = whole.map_err(|error| worker::Error::RustError(error.to_string()))?;
        return Ok(builder.fixed(whole.to_bytes().into()));
    }
    Ok(builder.stream(readable(body.into_data_stream())))
}

/// A stream of bytes as the platform takes it. Dropped there, it is dropped here.
pub(crate) fn readable<E: ToString + 'static>(
    pieces: impl stream::Stream<Item = Result<Bytes, E>> + 'static,
) -> web_sys::ReadableStream {
    let pieces = pieces
        .map_ok(|piece| JsValue::from(array(&piece)))
        .map_err(|error| JsValue::from_str(&error.to_string()));
    let stream = wasm_streams::ReadableStream::from_stream(pieces);
    stream.into_raw().unchecked_into()
}

/// Bytes in the platform's memory.
pub(crate) fn array(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

/// Adds the platform's headers to `to`. What can be no header is left out.
pub(crate) fn read_headers(from: &Headers, to: &mut HeaderMap) {
    for (name, value) in from.entries() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            to.append(name, value);
        }
    }
}

/// Headers as the platform takes them.
pub(crate) fn written_headers(from: &HeaderMap) -> worker::Result<Headers> {
    let to = Headers::new();
    for (name, value) in from {
        to.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    Ok(to)
}

/// What `answering` gives, or `None` where the client leaves first: then it is dropped, and what it has begun with it.
pub(crate) async fn unless_left<F: Future>(signal: AbortSignal, answering: F) -> Option<F::Output> {
    let mut answering = pin!(answering);
    let mut left = None;
    std::future::poll_fn(|context| {
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
