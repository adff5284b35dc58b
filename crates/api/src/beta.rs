//! `OpenAI-Beta`: which version of the Assistants API a client speaks.
//!
//! OpenAI's SDKs name it; Locum speaks version 2, whether or not it is named. Version 1 said other things in the same
//! places, so that taking its requests for those of version 2 would lose a part of them.

use http::{HeaderMap, HeaderName};
use locum_domain::error::ApiError;

const BETA: HeaderName = HeaderName::from_static("openai-beta");

/// Whether the client speaks nothing that it must not.
///
/// # Errors
/// 400 for version 1 of the Assistants API.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), ApiError> {
    let names = |version: &str| {
        let lines = headers.get_all(BETA).iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|beta| beta.trim() == version)
    };
    if names("assistants=v1") && !names("assistants=v2") {
        return Err(ApiError::invalid(
            "Version 1 of the Assistants API is not supported. Set the header 'OpenAI-Beta: assistants=v2', as newer versions of OpenAI's SDKs do.",
        )
        .code("invalid_beta"));
    }
    Ok(())
}
