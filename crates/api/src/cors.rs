//! Which web pages may call: cross-origin resource sharing.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use locum_engine::settings::Settings;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{edge, guard};

/// How long a browser may remember the answer to a preflight; more than two hours no browser does.
const MAX_AGE: Duration = Duration::from_secs(7200);

/// Headers of an answer that a web page may read.
const EXPOSED: [HeaderName; 12] = [
    edge::REQUEST_ID,
    edge::PROCESSING_MS,
    edge::OPENAI_VERSION,
    edge::PROVIDER,
    edge::MODEL,
    edge::FALLBACK,
    guard::LIMIT,
    guard::REMAINING,
    guard::RESET,
    header::RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-should-retry"),
];

/// The rules, as the operator has set them; `None` where they are switched off.
///
/// Whatever headers a page wants to send it may: OpenAI's SDKs send a dozen of `x-stainless-*`, and what counts is the
/// key. There are no cookies here, so that `*` for origins gives nothing away.
pub(crate) fn cors_layer(settings: &Settings) -> Option<CorsLayer> {
    if !settings.enable_cors {
        return None;
    }
    let any = settings.cors_allowed_origins.iter().any(|it| it == "*");
    let origins = if any {
        AllowOrigin::any()
    } else {
        // An origin that can be no header's value is no browser's either.
        AllowOrigin::list(
            settings
                .cors_allowed_origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok()),
        )
    };
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(MAX_AGE),
    )
}
