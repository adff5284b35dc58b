//! Makes connections: plain ones, and such with TLS, whose root certificates are loaded when the first of them is needed.

use std::{
    io,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{net::TcpStream, time::timeout};
use tower::Service;

use super::roots;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection may be silent before the kernel asks whether the other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes connections.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    plain: HttpConnector,
    secure: Arc<OnceLock<HttpsConnector<HttpConnector>>>,
    limit: Duration,
}

impl Connector {
    /// `limit`: time for name, TCP and TLS together.
    pub fn new(limit: Duration) -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        plain.set_keepalive(Some(KEEP_ALIVE));
        plain.enforce_http(false);
        Self {
            plain,
            secure: Arc::default(),
            limit,
        }
    }

    async fn connect(mut self, uri: Uri) -> Result<MaybeHttpsStream<TokioIo<TcpStream>>, BoxError> {
        if uri.scheme_str() != Some("https") {
            return Ok(MaybeHttpsStream::Http(self.plain.call(uri).await?));
        }
        let mut secure = match self.secure.get() {
            Some(secure) => secure.clone(),
            None => {
                // Two first requests at once may both load them; one result is kept.
                let made = HttpsConnector::from((self.plain, roots::client_config()?));
                self.secure.get_or_init(|| made).clone()
            }
        };
        secure.call(uri).await
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(result) => result,
                Err(_) => {
                    let text = format!("not made within {} ms", limit.as_millis());
                    Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
                }
            }
        })
    }
}
