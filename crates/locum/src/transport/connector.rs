//! Makes connections: plain ones, and such with TLS, directly or through the proxy that the environment names.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::{
        legacy::connect::{HttpConnector, proxy::Tunnel},
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};
use tower::Service;

use super::roots;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection may be silent before the kernel asks whether the other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    plain: HttpConnector,
    /// Made when it is first needed: it reads many certificates.
    tls: Arc<OnceLock<ClientConfig>>,
    proxies: Arc<Matcher>,
    limit: Duration,
}

impl Connector {
    /// `limit`: time for name, TCP and TLS together. `proxies`: what TLS goes through; plain HTTP never does.
    pub fn new(limit: Duration, proxies: Matcher) -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        plain.set_keepalive(Some(KEEP_ALIVE));
        plain.enforce_http(false);
        Self {
            plain,
            tls: Arc::default(),
            proxies: Arc::new(proxies),
            limit,
        }
    }

    async fn connect(mut self, uri: Uri) -> Result<MaybeHttpsStream<TokioIo<TcpStream>>, BoxError> {
        if uri.scheme_str() != Some("https") {
            return Ok(MaybeHttpsStream::Http(self.plain.call(uri).await?));
        }
        let tls = self.tls()?;
        match self.proxies.intercept(&uri) {
            Some(proxy) => {
                let tunnel = tunnel(&proxy, self.plain)?;
                HttpsConnector::from((tunnel, tls)).call(uri).await
            }
            None => HttpsConnector::from((self.plain, tls)).call(uri).await,
        }
    }

    fn tls(&self) -> Result<ClientConfig, BoxError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        // Two first requests at once may both make it; one result is kept.
        let made = roots::client_config()?;
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proxies have passwords.
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

fn tunnel(proxy: &Intercept, plain: HttpConnector) -> Result<Tunnel<HttpConnector>, BoxError> {
    if proxy.uri().scheme_str() != Some("http") {
        return Err("the proxy that the environment names must begin with http://".into());
    }
    let tunnel = Tunnel::new(proxy.uri().clone(), plain);
    Ok(match proxy.basic_auth() {
        Some(login) => tunnel.with_auth(login.clone()),
        None => tunnel,
    })
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
