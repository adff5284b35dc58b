//! What no route answers.

use http::{Method, Uri};
use locum_domain::error::ApiError;

use crate::error::HttpError;

/// Any other path.
pub(crate) async fn unknown_url(method: Method, uri: Uri) -> HttpError {
    ApiError::unknown_url(method.as_str(), uri.path()).into()
}

/// Any other method of a path that there is. The router adds `allow`.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> HttpError {
    ApiError::method_not_allowed(method.as_str(), uri.path()).into()
}
