//! Which web pages may call: cross-origin resource sharing.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, response::Response};
use futures_util::future::Either;
use http::{HeaderName, HeaderValue, Method, header};
use locum_engine::settings::Settings;
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, Cors, CorsLayer};

use crate::{edge, guard};

/// How long a browser may remember the answer to a preflight; more than two hours no browser does.
const MAX_AGE: Duration = Duration::from_secs(7200);

/// Headers of an answer that a web page may read.
const EXPOSED: [HeaderName; 13] = [
    edge::REQUEST_ID,
    edge::PROCESSING_MS,
    edge::OPENAI_VERSION,
    edge::POLL_AFTER_MS,
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

/// Puts the rules around a route. They cost nothing where no browser asks: without `origin` there is nothing to say.
#[derive(Clone)]
pub(crate) struct CrossOriginLayer {
    /// `None` where the operator has switched them off.
    rules: Option<Arc<CorsLayer>>,
}

impl CrossOriginLayer {
    /// The rules, as the operator has set them.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            rules: settings.enable_cors.then(|| Arc::new(rules(settings))),
        }
    }
}

/// Whatever headers a page wants to send it may: OpenAI's SDKs send a dozen of `x-stainless-*`, and what counts is the
/// key. There are no cookies here, so that `*` for origins gives nothing away.
fn rules(settings: &Settings) -> CorsLayer {
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
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE)
}

impl<S> Layer<S> for CrossOriginLayer {
    type Service = CrossOrigin<S>;

    fn layer(&self, inner: S) -> CrossOrigin<S> {
        CrossOrigin {
            rules: self.rules.clone(),
            inner,
        }
    }
}

/// A route with the rules around it.
#[derive(Clone)]
pub(crate) struct CrossOrigin<S> {
    rules: Option<Arc<CorsLayer>>,
    inner: S,
}

impl<S> Service<Request> for CrossOrigin<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, <Cors<S> as Service<Request>>::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match &self.rules {
            Some(rules) if request.headers().contains_key(header::ORIGIN) => {
                // Routes are always ready, a clone of one too.
                Either::Right(rules.layer(self.inner.clone()).call(request))
            }
            _ => Either::Left(self.inner.call(request)),
        }
    }
}
