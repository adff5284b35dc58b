//! Whom TLS trusts: the web's authorities as compiled in, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` where set.

use std::{env, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Why no TLS connection can be made at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error("no certificate could be read from SSL_CERT_FILE or SSL_CERT_DIR{0}")]
    NoneRead(String),
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// The client's side of TLS 1.2 and 1.3.
pub(super) fn client_config() -> Result<ClientConfig, RootsError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots()?)
        .with_no_client_auth();
    Ok(config)
}

pub(crate) fn roots() -> Result<RootCertStore, RootsError> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !is_set("SSL_CERT_FILE") && !is_set("SSL_CERT_DIR") {
        return Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    }
    let read = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read.certs);
    if roots.is_empty() {
        let first = read.errors.first();
        let detail = first.map_or_else(String::new, |error| format!(": {error}"));
        return Err(RootsError::NoneRead(detail));
    }
    Ok(roots)
}
