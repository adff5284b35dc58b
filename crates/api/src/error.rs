//! An [`ApiError`] as an HTTP response.
//!
//! A handler gives an [`HttpError`] back; the edge renders it, since what a client may be told is the operator's choice.

use std::{borrow::Cow, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use locum_domain::error::ApiError;
use locum_engine::settings::Environment;

use crate::{edge::integer, wire};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The error of a handler.
#[derive(Debug)]
pub(crate) struct HttpError(ApiError);

impl From<ApiError> for HttpError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        unrendered(self.0)
    }
}

/// A response that [`render`] will turn into `error`'s.
pub(crate) fn unrendered(error: ApiError) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.extensions_mut().insert(error);
    response
}

/// Writes out the error that `response` stands for, and says its code; leaves any other response as it is.
pub(crate) fn render(
    mut response: Response,
    environment: Environment,
) -> (Response, Option<Cow<'static, str>>) {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return (response, None);
    };
    let error = for_clients(error, environment);
    *response.body_mut() = Body::from(wire::error::body(&error));
    put_headers(response.headers_mut(), &error);
    (response, Some(error.code.unwrap_or(error.kind)))
}

/// What of `error` is for clients' eyes: in production, an upstream's own words about its fault are not.
pub(crate) fn for_clients(mut error: ApiError, environment: Environment) -> ApiError {
    if environment == Environment::Production
        && error.status >= 500
        && let Some(end) = error.message.find(": ")
    {
        error.message.truncate(end);
        error.message.push('.');
    }
    error
}

fn put_headers(headers: &mut HeaderMap, error: &ApiError) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Some(after) = error.retry_after {
        // Zero would have the SDKs hammer.
        let after = after.max(Duration::from_millis(1));
        headers.insert(
            header::RETRY_AFTER,
            integer(after.as_millis().div_ceil(1000)),
        );
        headers.insert(RETRY_AFTER_MS, integer(after.as_micros().div_ceil(1000)));
    }
    if let Some(should) = error.should_retry {
        let should = if should { "true" } else { "false" };
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(should));
    }
    match error.status {
        401 => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The rest of the body is still on its way, and nobody will read it.
        408 | 413 => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
}
