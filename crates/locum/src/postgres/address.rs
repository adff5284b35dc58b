//! Where the database is: its URL, and how TLS is spoken with it.
//!
//! `sslmode` is what PostgreSQL's own programs take it for: `prefer`, the default, and `require` encrypt, and look at no
//! certificate; `verify-full` looks at it and at the name in it. `verify-ca` is taken for `verify-full`.

use std::{fs, io, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresError, SESSION};
use crate::transport::roots;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(3);
/// After how long without a word the other side is asked whether it is still there, and how often.
const QUIET: Duration = Duration::from_secs(10);
const QUIET_ASKED: u32 = 3;

/// Where a database is.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

/// Why a URL names no database.
#[derive(Debug, thiserror::Error)]
pub enum WrongAddress {
    /// It is not one.
    #[error("postgres://USER:PASSWORD@HOST:PORT/DATABASE{0}")]
    Url(String),
    /// TLS cannot be spoken as it says.
    #[error("sslmode and sslrootcert that can be had, but {0}")]
    Tls(String),
}

impl Address {
    /// The address of a URL.
    ///
    /// # Errors
    /// It names none; the text follows "it takes".
    pub fn of(url: &str) -> Result<Self, WrongAddress> {
        let (url, verification) = split_tls(url)?;
        let mut config: Config = url
            .parse()
            .map_err(|error| WrongAddress::Url(format!(" ({})", told(&error))))?;
        if config.get_hosts().is_empty() {
            return Err(WrongAddress::Url(", but there is no host in it".to_owned()));
        }
        if config.get_user().is_none() {
            return Err(WrongAddress::Url(", but there is no user in it".to_owned()));
        }
        if verification != Verification::AsItSays {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_application_name().is_none() {
            config.application_name(SESSION);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECTING);
        }
        config
            .keepalives_idle(QUIET)
            .keepalives_interval(QUIET / QUIET_ASKED)
            .keepalives_retries(QUIET_ASKED)
            .tcp_user_timeout(2 * QUIET);
        let tls = tls(&verification).map_err(WrongAddress::Tls)?;
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(tls),
        })
    }

    /// The same, whose sessions have this name at the server.
    #[must_use]
    pub(super) fn named(mut self, name: &str) -> Self {
        self.config.application_name(name);
        self
    }

    /// The host and the database, for people. Without user and password.
    pub fn shown(&self) -> String {
        let hosts: Vec<_> = self.config.get_hosts().iter().map(shown_host).collect();
        let ports: Vec<_> = self.config.get_ports().iter().map(u16::to_string).collect();
        let port = ports.first().map_or("5432", String::as_str);
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        format!("the database {database:?} at {}:{port}", hosts.join(","))
    }

    pub(super) fn refused(&self, why: String) -> PostgresError {
        PostgresError::Refused {
            server: self.shown(),
            why,
        }
    }
}

fn shown_host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// What the parser says, without the URL.
fn told(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    cause.unwrap_or_else(|| error.to_string())
}

/// Whether certificates are looked at.
#[derive(Debug, PartialEq, Eq)]
enum Verification {
    /// They are not; whether TLS is spoken at all, the rest of the URL says.
    AsItSays,
    /// They are: against the authorities of this file, or of the web.
    Full(Option<String>),
}

/// Takes out of a URL what only we know how to do.
fn split_tls(url: &str) -> Result<(String, Verification), WrongAddress> {
    let scheme = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    if !scheme {
        return Err(WrongAddress::Url(String::new()));
    }
    let Some((address, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), Verification::AsItSays));
    };
    let mut kept = form_urlencoded::Serializer::new(String::new());
    let (mut full, mut roots) = (false, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("sslmode", "verify-ca" | "verify-full") => full = true,
            ("sslrootcert", "system") => {}
            ("sslrootcert", path) => roots = Some(path.to_owned()),
            _ => {
                kept.append_pair(&name, &value);
            }
        }
    }
    // What is kept is written as percent-encoding has it: a plus sign would be read as one.
    let query = kept.finish().replace('+', "%20");
    let url = match query.as_str() {
        "" => address.to_owned(),
        query => format!("{address}?{query}"),
    };
    Ok(match full {
        true => (url, Verification::Full(roots)),
        false => (url, Verification::AsItSays),
    })
}

fn tls(verification: &Verification) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let unverified = Unverified(Arc::clone(&provider));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Verification::Full(file) = verification else {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(unverified))
            .with_no_client_auth());
    };
    let roots = match file {
        Some(path) => {
            read_roots(path).map_err(|error| format!("{path} cannot be read ({error})"))?
        }
        None => roots::roots().map_err(|error| error.to_string())?,
    };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read_roots(path: &str) -> io::Result<RootCertStore> {
    let text = fs::read(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::other("there is no certificate in it"));
    }
    Ok(roots)
}

/// Takes any certificate. Signatures are looked at all the same: whoever answers has the certificate's key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_user() {
        let address = Address::of("postgres://locum:geheim@db.example:6543/chats").unwrap();
        assert_eq!(address.shown(), "the database \"chats\" at db.example:6543");
        let address = Address::of("postgresql://locum@localhost").unwrap();
        assert_eq!(address.shown(), "the database \"locum\" at localhost:5432");
    }

    #[test]
    fn what_is_no_address_is_said_without_its_password() {
        for wrong in [
            "mysql://a:geheim@b/c",
            "postgres://",
            "postgres:///chats",
            "postgres://db.example/chats",
            "postgres://a:geheim@b:port/c",
            "postgres://a:geheim@b/c?sslmode=maybe",
            "postgres://a:geheim@b/c?sslmode=verify-full&sslrootcert=/nowhere",
            "host=b user=a password=geheim",
        ] {
            let said = Address::of(wrong).map(|_| ()).unwrap_err().to_string();
            assert!(!said.contains("geheim"), "{said}");
        }
    }

    #[test]
    fn only_verification_is_taken_out_of_the_query() {
        for (query, rest, verification) in [
            ("", "", Verification::AsItSays),
            (
                "?sslmode=require",
                "?sslmode=require",
                Verification::AsItSays,
            ),
            ("?sslmode=verify-full", "", Verification::Full(None)),
            (
                "?options=-c%20a%3Db+c&sslmode=verify-ca&sslrootcert=%2Fa%2Fb.pem",
                "?options=-c%20a%3Db%20c",
                Verification::Full(Some("/a/b.pem".to_owned())),
            ),
        ] {
            let split = split_tls(&format!("postgres://a@b/c{query}")).unwrap();
            assert_eq!(split, (format!("postgres://a@b/c{rest}"), verification));
        }
    }
}
