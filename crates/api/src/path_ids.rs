//! The ids in a request's path.

use axum::extract::{FromRequestParts, Path, path::ErrorKind, rejection::PathRejection};
use http::request::Parts;
use locum_domain::error::ApiError;

use crate::{error::HttpError, wire::id};

/// The `N` ids in a request's path, in the order in which they stand there. They are harmless, and nothing more: what is
/// no id of an object finds none.
pub(crate) struct PathIds<const N: usize>(pub [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for PathIds<N> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let Path(ids) = Path::<Vec<String>>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| no_text(&rejection))?;
        let ids: Vec<String> = ids
            .iter()
            .map(|text| id::harmless(text).into_owned())
            .collect();
        match ids.try_into() {
            Ok(ids) => Ok(Self(ids)),
            Err(_) => Err(ApiError::internal().into()),
        }
    }
}

/// What is wrong with an id that is not even text.
fn no_text(rejection: &PathRejection) -> ApiError {
    let mut error = ApiError::invalid("The id is no valid UTF-8.");
    if let PathRejection::FailedToDeserializePathParams(failed) = rejection
        && let ErrorKind::InvalidUtf8InPathParam { key } = failed.kind()
    {
        error.param = Some(key.clone());
    }
    error
}
