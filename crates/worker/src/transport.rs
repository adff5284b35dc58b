//! The transport port: the platform's `fetch`.
//!
//! How long connecting takes cannot be limited here apart from the rest: the time to the first byte covers it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, Request, Response, header::USER_AGENT};
use locum_engine::ports::{ByteStream, PortFuture, Transport, TransportError};
use worker::{
    AbortController, Fetch, Method, RequestInit, RequestRedirect,
    send::{SendFuture, SendWrapper},
};

use crate::exchange;

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
    let controller = AbortController::default();
    let signal = controller.signal();
    let line = Line(Some(SendWrapper::new(controller)));
    let outgoing = outgoing(&request).map_err(no_connection)?;
    let fetch = Fetch::Request(outgoing);
    let answered = fetch.send_with_signal(&signal).await;
    let mut response = answered.map_err(no_connection)?;
    let mut head = Response::builder().status(response.status_code());
    if let Some(headers) = head.headers_mut() {
        exchange::read_headers(response.headers(), headers);
    }
    let bytes: ByteStream = match response.stream() {
        Ok(stream) => Box::pin(Arriving {
            stream: SendWrapper::new(stream),
            _line: line,
        }),
        // There is no body.
        Err(_) => Box::pin(futures_util::stream::empty()),
    };
    head.body(bytes)
        .map_err(|error| TransportError::Broken(error.to_string()))
}

fn outgoing(request: &Request<Bytes>) -> worker::Result<worker::Request> {
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method().as_str().to_owned()))
        .with_headers(exchange::written_headers(request.headers())?)
        .with_redirect(RequestRedirect::Manual);
    if !request.body().is_empty() {
        init.with_body(Some(exchange::array(request.body()).into()));
    }
    worker::Request::new_with_init(&request.uri().to_string(), &init)
}

/// A connection to an upstream. Dropped, it is hung up.
struct Line(Option<SendWrapper<AbortController>>);

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(SendWrapper(controller)) = self.0.take() {
            controller.abort();
        }
    }
}

/// A body on its way in.
struct Arriving {
    stream: SendWrapper<worker::ByteStream>,
    _line: Line,
}

impl Stream for Arriving {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.stream)
            .poll_next(context)
            .map_ok(Bytes::from)
            .map_err(|error| TransportError::Broken(error.to_string()))
    }
}

/// The platform does not say whether a request went out before it failed.
fn no_connection(error: worker::Error) -> TransportError {
    TransportError::Connect(error.to_string())
}
