//! The guard: who gets in. It counts each request of a client address, then looks at the key.
//!
//! The limit comes before the key: a guesser who has used its requests up is told nothing about further keys.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::future::Either;
use http::{HeaderMap, HeaderName};
use locum_domain::error::ApiError;
use locum_engine::ports::{LimitsError, PortFuture, Verdict};
use tower::{Layer, Service};

use crate::{App, beta, client::Client, edge::integer, error, limit::go_duration};

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

    /// What comes of a request that was counted, or needs no counting. What its key decides goes with it.
    fn admit(&self, request: &mut Request, verdict: Option<Verdict>) -> Result<(), ApiError> {
        if let Some(verdict) = verdict
            && !verdict.allowed
        {
            self.app.metrics.rate_limited();
            let settings = &self.app.settings;
            return Err(ApiError::too_many_requests(
                settings.rate_limit_requests,
                settings.rate_limit_window,
                verdict.reset,
            ));
        }
        match self.access {
            Access::ApiKey => self.check_key(request),
            Access::MetricsKey => self.app.keys.check_metrics(request.headers()),
            Access::GcKey => {
                let (method, path) = (request.method(), request.uri().path());
                self.app.keys.check_gc(method, path, request.headers())
            }
            Access::Open | Access::Probe => Ok(()),
        }
    }

    /// Lets in whoever has the key of clients, and notes whose objects that key opens.
    fn check_key(&self, request: &mut Request) -> Result<(), ApiError> {
        let project = self.app.keys.check(request.headers())?;
        request.extensions_mut().insert(project);
        beta::check(request.headers())
    }

    /// Whether, and how, a request is counted.
    fn counting(&self, request: &Request) -> Counting {
        let Some(limiter) = &self.app.limiter else {
            return Counting::Done(None);
        };
        if self.access == Access::Probe || self.app.keys.lifts_limit(request.headers()) {
            return Counting::Done(None);
        }
        let Some(client) = request.extensions().get::<Client>() else {
            return Counting::Done(None);
        };
        let address = client.address;
        match &self.app.world.limits {
            None => Counting::Done(Some(limiter.count(address, self.app.world.clock.now()))),
            Some(limits) => Counting::Asked(together(
                Arc::clone(&self.app),
                address,
                limits.count(address),
            )),
        }
    }
}

/// How a request is counted.
enum Counting {
    /// It was, or need not be.
    Done(Option<Verdict>),
    /// Somebody else counts it.
    Asked(PortFuture<'static, Option<Verdict>>),
}

/// Where the client stands with all processes together; with this one alone, where they cannot be asked.
fn together(
    app: Arc<App>,
    client: IpAddr,
    asked: PortFuture<'static, Result<Verdict, LimitsError>>,
) -> PortFuture<'static, Option<Verdict>> {
    Box::pin(async move {
        match asked.await {
            Ok(verdict) => Some(verdict),
            Err(_) => {
                app.metrics.counted_alone();
                let limiter = app.limiter.as_ref()?;
                Some(limiter.count(client, app.world.clock.now()))
            }
        }
    })
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

impl<S> Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    fn answer(&mut self, mut request: Request, verdict: Option<Verdict>) -> Guarded<S::Future> {
        let answer = match self.layer.admit(&mut request, verdict) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(refusal) => Either::Right(ready(Ok(error::unrendered(refusal)))),
        };
        Guarded { answer, verdict }
    }
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Unpin + Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Guarded<S::Future>, PortFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.layer.counting(&request) {
            Counting::Done(verdict) => Either::Left(self.answer(request, verdict)),
            Counting::Asked(asked) => {
                // The one that is ready goes along; what stays gets ready again.
                let fresh = self.clone();
                let mut guard = std::mem::replace(self, fresh);
                Either::Right(Box::pin(async move {
                    let verdict = asked.await;
                    guard.answer(request, verdict).await
                }))
            }
        }
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
