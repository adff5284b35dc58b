//! The keys that open Locum. They are compared as digests in constant time, so that an answer's time tells nothing of
//! them, not even their length.

use http::{HeaderMap, HeaderName, Method, header};
use locum_domain::{error::ApiError, project::Project};
use locum_engine::settings::{Secret, Settings};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// `x-ratelimit-bypass-key`.
const BYPASS: HeaderName = HeaderName::from_static("x-ratelimit-bypass-key");

/// The operator's keys.
pub(crate) struct Keys {
    enabled: bool,
    api: Option<Key>,
    metrics: Option<Key>,
    gc: Option<Key>,
    bypass: Option<Key>,
}

/// A key that can be recognised and not told.
struct Key([u8; 32]);

impl Key {
    fn digest(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    fn of(secret: Option<&Secret>) -> Option<Self> {
        secret.map(|secret| Self::digest(secret.expose().as_bytes()))
    }
}

impl Keys {
    /// The keys of `settings`.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            enabled: settings.enable_auth,
            api: Key::of(settings.api_key.as_ref()),
            metrics: Key::of(settings.metrics_key.as_ref()),
            gc: Key::of(settings.gc_admin_key.as_ref()),
            bypass: Key::of(settings.rate_limit_bypass_key.as_ref()),
        }
    }

    /// Whose objects the request is about, if it has the key of clients.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<Project, ApiError> {
        self.check_any(headers, &[&self.api])?;
        Ok(Project::default())
    }

    /// Whether the request has the key for collecting garbage, which is asked for even where clients need none.
    ///
    /// # Errors
    /// 404 where the operator has set none; 401.
    pub(crate) fn check_gc(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        if self.gc.is_none() {
            return Err(ApiError::unknown_url(method.as_str(), path));
        }
        check_bearer(headers, &[&self.gc])
    }

    /// Whether the request has the key of clients, or that of metrics.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn check_metrics(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.check_any(headers, &[&self.api, &self.metrics])
    }

    /// Whether the request has the key that lifts the rate limit.
    pub(crate) fn lifts_limit(&self, headers: &HeaderMap) -> bool {
        let (Some(key), Some(presented)) = (&self.bypass, headers.get(BYPASS)) else {
            return false;
        };
        Key::digest(presented.as_bytes()).0.ct_eq(&key.0).into()
    }

    fn check_any(&self, headers: &HeaderMap, keys: &[&Option<Key>]) -> Result<(), ApiError> {
        if !self.enabled {
            return Ok(());
        }
        check_bearer(headers, keys)
    }
}

/// Whether the request has one of `keys`.
fn check_bearer(headers: &HeaderMap, keys: &[&Option<Key>]) -> Result<(), ApiError> {
    let presented = bearer(headers).ok_or_else(ApiError::missing_key)?;
    let presented = Key::digest(presented);
    let fits = keys
        .iter()
        .copied()
        .flatten()
        .fold(Choice::from(0), |fits, key| {
            fits | presented.0.ct_eq(&key.0)
        });
    if fits.into() {
        Ok(())
    } else {
        Err(ApiError::invalid_key())
    }
}

/// What follows `Bearer` in `Authorization`; `None` where there is nothing.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &'static str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        assert_eq!(bearer(&headers), expected.map(str::as_bytes), "{value}");
    }

    #[test]
    fn bearer_tokens_are_found() {
        check("Bearer sk-1", Some("sk-1"));
        check("bearer sk-1", Some("sk-1"));
        check("BEARER   sk-1 ", Some("sk-1"));
        check("Bearer", None);
        check("Bearer ", None);
        check("Basic c2stMQ==", None);
        check("sk-1", None);
        check("", None);
    }
}
