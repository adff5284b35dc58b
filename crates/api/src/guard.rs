//! The guard: who gets in. It counts each request of a client address, then looks at the key.
//!
//! The limit comes before the key: a guesser who has used its requests up is told nothing about further keys.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::future::Either;
use http::{HeaderMap, HeaderName};
use locum_domain::error::ApiError;
use tower::{Layer, Service};

use crate::{
    App, beta,
    client::Client,
    edge::integer,
    error,
    limit::{Verdict, go_duration},
};

/// `x-ratelimit-limit-requests`: how many a window allows.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
/// `x-ratelimit-remaining-requests`: how many are left.
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
/// `x-ratelimit-reset-requests`: when there will be all of them again.
pub(crate) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever has the key of clients.
    ApiKey,
    /// Whoever has the key of clients or that of metrics.
    MetricsKey,
    /// Whoever has the key for collecting garbage. Where the operator has set none, the route is not there.
    GcKey,
    /// Everybody, within the rate limit.
    Open,
    /// Everybody, as often as they like: load balancers ask often.
    Probe,
}

/// Puts the guard before a route.
#[derive(Clone)]
pub(crate) struct GuardLayer {
    app: Arc<App>,
    access: Access,
}

impl GuardLayer {
    pub(crate) fn new(app: Arc<App>, access: Access) -> Self {
        Self { app, access }
    }

    /// Where the client stands with its limit, `None` where it has none; and why it may not come in. What its key decides
    /// goes with the request.
    fn examine(&self, request: &mut Request) -> (Option<Verdict>, Result<(), ApiError>) {
        let verdict = self.count(request);
        if let Some(verdict) = &verdict
            && !verdict.allowed
        {
            self.app.metrics.rate_limited();
            let settings = &self.app.settings;
            let refusal = ApiError::too_many_requests(
                settings.rate_limit_requests,
                settings.rate_limit_window,
                verdict.reset,
            );
            return (Some(*verdict), Err(refusal));
        }
        let admitted = match self.access {
            Access::ApiKey => self.admit(request),
            Access::MetricsKey => self.app.keys.check_metrics(request.headers()),
            Access::GcKey => self.app.keys.check_gc(request),
            Access::Open | Access::Probe => Ok(()),
        };
        (verdict, admitted)
    }

    /// Lets in whoever has the key of clients, and notes whose objects that key opens.
    fn admit(&self, request: &mut Request) -> Result<(), ApiError> {
        let project = self.app.keys.check(request.headers())?;
        request.extensions_mut().insert(project);
        beta::check(request.headers())
    }

    fn count(&self, request: &Request) -> Option<Verdict> {
        let limiter = self.app.limiter.as_ref()?;
        if self.access == Access::Probe || self.app.keys.lifts_limit(request.headers()) {
            return None;
        }
        let client = request.extensions().get::<Client>()?;
        Some(limiter.count(client.address, self.app.world.clock.now()))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            layer: self.clone(),
            inner,
        }
    }
}

/// A route with the guard before it.
#[derive(Clone)]
pub(crate) struct Guard<S> {
    layer: GuardLayer,
    inner: S,
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Guarded<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let (verdict, admitted) = self.layer.examine(&mut request);
        let answer = match admitted {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(refusal) => Either::Right(ready(Ok(error::unrendered(refusal)))),
        };
        Guarded { answer, verdict }
    }
}

/// An answer that will say where the client stands with its limit.
pub(crate) struct Guarded<F> {
    answer: Either<F, Ready<Result<Response, Infallible>>>,
    verdict: Option<Verdict>,
}

impl<F> Future for Guarded<F>
where
    F: Future<Output = Result<Response, Infallible>> + Unpin,
{
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(Ok(mut response)) = Pin::new(&mut self.answer).poll(context) else {
            return Poll::Pending;
        };
        if let Some(verdict) = &self.verdict {
            tell(response.headers_mut(), verdict);
        }
        Poll::Ready(Ok(response))
    }
}

fn tell(headers: &mut HeaderMap, verdict: &Verdict) {
    headers.insert(LIMIT, integer(verdict.limit.into()));
    headers.insert(REMAINING, integer(verdict.remaining.into()));
    headers.insert(RESET, go_duration(verdict.reset));
}
