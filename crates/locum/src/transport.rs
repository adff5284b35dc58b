//! The transport port: upstream requests over pooled HTTP/1.1 connections that are kept warm.
//!
//! It limits the time for connecting and nothing else; all other limits, and all retries but that of a pooled
//! connection which the upstream had closed meanwhile, are the engine's. Its errors hold no URL and no key.

mod connector;
pub(crate) mod roots;

use std::{error::Error, time::Duration};

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{HeaderValue, Request, Response, header::USER_AGENT};
use http_body_util::{BodyDataStream, Full};
use hyper::body::Body;
use hyper_util::{
    client::{
        legacy::{Client, Error as ClientError},
        proxy::matcher::Matcher,
    },
    rt::{TokioExecutor, TokioTimer},
};
use locum_engine::ports::{ByteStream, PortFuture, Transport, TransportError};

use self::connector::Connector;

/// A client with connections of its own, for bodies of the type `B`.
pub(crate) type Pool<B> = Client<Connector, B>;

/// What upstreams see of us.
pub(crate) const NAME: HeaderValue =
    HeaderValue::from_static(concat!("locum/", env!("CARGO_PKG_VERSION")));
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How many unused connections are kept per upstream.
const MAX_IDLE: usize = 512;

/// Sends requests upstream.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: Pool<Full<Bytes>>,
    connector: Connector,
}

impl HttpTransport {
    /// A transport without connections. `connect_timeout` covers name, TCP and TLS.
    ///
    /// TLS goes through the proxy of `HTTPS_PROXY` or `ALL_PROXY`, unless `NO_PROXY` names the host.
    pub fn new(connect_timeout: Duration) -> Self {
        Self::through(Matcher::from_env(), connect_timeout)
    }

    fn through(proxies: Matcher, connect_timeout: Duration) -> Self {
        let connector = Connector::new(connect_timeout, proxies);
        Self {
            client: pool(&connector),
            connector,
        }
    }

    /// Connections apart from this transport's, made as it makes them, for bodies that it does not send.
    pub(crate) fn pool<B>(&self) -> Pool<B>
    where
        B: Body<Data: Send> + Send,
    {
        pool(&self.connector)
    }
}

fn pool<B>(connector: &Connector) -> Pool<B>
where
    B: Body<Data: Send> + Send,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MAX_IDLE)
        .build(connector.clone())
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>> {
        let mut request = request.map(Full::new);
        // Some upstreams' firewalls refuse requests without it.
        request.headers_mut().insert(USER_AGENT, NAME);
        let response = self.client.request(request);
        Box::pin(async move {
            let response = response.await.map_err(|error| sending_failed(&error))?;
            Ok(response.map(|body| {
                let bytes = BodyDataStream::new(body);
                Box::pin(bytes.map_err(|error| TransportError::Broken(causes(&error))))
                    as ByteStream
            }))
        })
    }
}

/// Why a request has no response.
pub(crate) fn sending_failed(error: &ClientError) -> TransportError {
    // The outermost error only says in which step it failed, which the variants say too.
    let text = error.source().map_or_else(|| error.to_string(), causes);
    if error.is_connect() {
        TransportError::Connect(text)
    } else {
        TransportError::Broken(text)
    }
}

/// An error with its causes, each said once.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
