//! The transport port: upstream requests over HTTP/1.1 connections that are kept warm.
//!
//! It limits the time for connecting and nothing else; all other limits, and all retries but that of a kept connection
//! which the upstream had closed meanwhile, are the engine's. Its errors hold no URL and no key. Read in this order:
//! [`HttpTransport`], `pool` (what is kept), `arriving` (a response's body), `connector` (how connections are made), `roots` (whom TLS trusts).

mod arriving;
mod connector;
mod pool;
mod roots;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Request, Response, Uri, header,
    uri::{Parts, PathAndQuery},
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::proxy::matcher::Matcher;
use locum_engine::ports::{ByteStream, PortFuture, Transport, TransportError};

use self::{
    arriving::Arriving,
    connector::Connector,
    pool::{Connection, Pool, Upstream},
};

/// Sends requests upstream.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    pool: Arc<Pool>,
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
        Self {
            pool: Arc::default(),
            connector: Connector::new(connect_timeout, proxies),
        }
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<ByteStream>, TransportError> {
        let uri = request.uri().clone();
        let upstream = self.pool.upstream(&uri).ok_or_else(no_address)?;
        let mut request = request.map(Full::new);
        *request.uri_mut() = origin_form(&uri);
        request
            .headers_mut()
            .entry(header::HOST)
            .or_insert_with(|| upstream.host());

        // A kept connection may turn out to be closed before anything was sent on it: then the next one is tried.
        while let Some(mut kept) = upstream.take() {
            if kept.sender.ready().await.is_err() {
                continue;
            }
            match kept.sender.try_send_request(request).await {
                Ok(response) => return Ok(arriving(response, kept, upstream)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(broken(&error.into_error())),
                },
            }
        }
        let mut made = self.connect(uri).await?;
        let response = made.sender.send_request(request).await;
        let response = response.map_err(|error| broken(&error))?;
        Ok(arriving(response, made, upstream))
    }

    async fn connect(&self, uri: Uri) -> Result<Connection, TransportError> {
        let no_connection = |error: &(dyn Error + 'static)| TransportError::Connect(causes(error));
        let socket = self.connector.connect(uri).await;
        let socket = socket.map_err(|error| no_connection(&*error))?;
        let made = Connection::begin(socket).await;
        made.map_err(|error| no_connection(&error))
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// What stands in a request's first line.
fn origin_form(uri: &Uri) -> Uri {
    let mut parts = Parts::default();
    let path = uri.path_and_query().cloned();
    parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or_default()
}

fn no_address() -> TransportError {
    TransportError::Connect("the request names no host".to_owned())
}

fn broken(error: &hyper::Error) -> TransportError {
    TransportError::Broken(causes(error))
}

/// An error with its causes, each said once.
fn causes(error: &(dyn Error + 'static)) -> String {
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

/// The response with its body as it arrives.
fn arriving(
    response: Response<Incoming>,
    connection: Connection,
    upstream: Arc<Upstream>,
) -> Response<ByteStream> {
    response.map(|body| Box::pin(Arriving::new(body, connection, upstream)) as ByteStream)
}

#[cfg(test)]
mod tests;
