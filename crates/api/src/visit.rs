//! One request from its coming to its true end: when the last byte of the answer has gone, or nobody waits for it any
//! more. There it gets its one log line and is counted.

use std::{
    borrow::Cow,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, Uri};
use http_body::{Frame, SizeHint};
use locum_domain::failure::FailureClass;
use locum_engine::{
    ports::RequestPoint,
    trail::{Notes, Trail},
};
use tracing::{Span, error_span, field::Empty, record_all};

use crate::App;

/// What logs and metrics call the end of a client that left: nginx's status for it.
const CLIENT_LEFT: u16 = 499;
/// As much of a path as is logged.
const LOGGED_PATH_BYTES: usize = 256;
/// A name that the client gives to the request, for its own searches in the logs.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
/// OpenAI's limit for it.
const CLIENT_REQUEST_ID_BYTES: usize = 512;

/// A request that is being answered. Dropped at its end; if it is dropped before [`Visit::complete`], the client left.
pub(crate) struct Visit {
    app: Arc<App>,
    trail: Arc<Trail>,
    span: Span,
    route: &'static str,
    method: Method,
    uri: Uri,
    client: IpAddr,
    client_request_id: Option<String>,
    status: u16,
    error: Option<Cow<'static, str>>,
    complete: bool,
}

impl Visit {
    /// Counts the request in.
    pub(crate) fn begin(
        app: Arc<App>,
        trail: Arc<Trail>,
        route: &'static str,
        client: IpAddr,
        request: &Request,
    ) -> Self {
        app.metrics.request_started();
        let client_request_id = request
            .headers()
            .get(CLIENT_REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .filter(|id| !id.is_empty() && id.len() <= CLIENT_REQUEST_ID_BYTES)
            .map(str::to_owned);
        Self {
            span: span(&trail.request_id),
            app,
            trail,
            route,
            method: request.method().clone(),
            uri: request.uri().clone(),
            client,
            client_request_id,
            status: CLIENT_LEFT,
            error: None,
            complete: false,
        }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// The answer's head is made. `error`: the code of the error that the answer is.
    pub(crate) fn answered(&mut self, status: StatusCode, error: Option<Cow<'static, str>>) {
        self.status = status.as_u16();
        self.error = error;
    }

    /// The answer, which now ends the visit when it ends.
    pub(crate) fn follow(mut self, response: Response) -> Response {
        if self.method == Method::HEAD || response.body().is_end_stream() {
            // Nobody will read this body.
            self.complete = true;
            return response;
        }
        response.map(|inner| Body::new(Followed { inner, visit: self }))
    }
}

/// The span around a request. It must be there whatever level is logged, so that each line carries the request's id; its
/// other fields are OpenTelemetry's and told at the end.
fn span(request_id: &str) -> Span {
    error_span!(
        "request",
        request_id,
        otel.name = Empty,
        otel.kind = Empty,
        http.request.method = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
    )
}

impl Drop for Visit {
    fn drop(&mut self) {
        let status = if self.complete {
            self.status
        } else {
            CLIENT_LEFT
        };
        let now = self.app.world.clock.now();
        let elapsed = now.saturating_sub(self.trail.started);
        let method = known_method(&self.method);
        self.app
            .metrics
            .request_ended(self.route, method, status, elapsed, &self.trail);
        if let Some(analytics) = &self.app.world.analytics {
            let notes = self.trail.notes();
            analytics.request(&RequestPoint {
                route: self.route,
                method,
                status,
                error: self.error_word(&notes),
                elapsed,
                notes: &notes,
            });
        }
        if self.app.settings.traces.is_enabled() {
            record_all!(
                self.span,
                otel.name = format_args!("{method} {}", self.route),
                otel.kind = "server",
                http.request.method = method,
                http.route = self.route,
                http.response.status_code = status,
            );
        }
        self.span.in_scope(|| self.log(status, elapsed));
    }
}

impl Visit {
    /// What went wrong, in a word.
    fn error_word<'a>(&'a self, notes: &Notes) -> Option<&'a str> {
        let failure = notes.failure.map(FailureClass::as_str);
        failure.or(self.error.as_deref())
    }

    /// Writes the line. What is ours or a provider's to mend is a warning.
    fn log(&self, status: u16, elapsed: Duration) {
        let notes = self.trail.notes();
        let path = self.uri.path();
        let path = &path[..path.floor_char_boundary(LOGGED_PATH_BYTES)];
        // A level must be known when the program is built, so there is one call for each.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method = self.method.as_str(),
                    route = self.route,
                    path,
                    status,
                    elapsed_ms = millis(elapsed),
                    operation = notes.operation,
                    provider = notes.provider,
                    model = notes.model.as_deref(),
                    requested_model = notes.requested_model.as_deref(),
                    fallback = notes.fallback.then_some(true),
                    tries = (notes.tries > 0).then_some(notes.tries),
                    first_token_ms = notes.first_token.map(millis),
                    tokens_in = notes.usage.map(|usage| usage.prompt),
                    tokens_out = notes.usage.map(|usage| usage.completion),
                    streamed = notes.operation.map(|_| notes.streamed),
                    client = %self.client,
                    client_request_id = self.client_request_id.as_deref(),
                    error = self.error_word(&notes),
                    "request"
                )
            };
        }
        let failed = notes.failure.is_some_and(|class| !class.is_callers_fault());
        let broke_off = status < 400 && failed;
        if status >= 500 || broke_off {
            line!(warn);
        } else {
            line!(info);
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// A body whose end is a visit's.
struct Followed {
    inner: Body,
    visit: Visit,
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let polled = this
            .visit
            .span
            .in_scope(|| Pin::new(&mut this.inner).poll_frame(context));
        if matches!(polled, Poll::Ready(None)) || this.inner.is_end_stream() {
            this.visit.complete = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The method as metrics call it: whoever invents methods makes no new time series.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
