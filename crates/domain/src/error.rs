//! What a client is told when something is wrong: one table from cause to status, type, code and sentence.
//!
//! Programs match on these; the sentences are kept to the letter. 409 is never used, because OpenAI's SDKs retry it.

use std::{borrow::Cow, time::Duration};

use crate::{
    failure::{Failure, FailureClass},
    id::{RunId, ThreadId},
    run::Refused,
};

/// An error as OpenAI's API states it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: Cow<'static, str>,
    /// `error.code`.
    pub code: Option<Cow<'static, str>>,
    /// `error.param`: the field at fault, as `messages[2].content`.
    pub param: Option<String>,
    /// `error.message`.
    pub message: String,
    /// When a retry makes sense. At most a minute is useful: OpenAI's Node SDK ignores more.
    pub retry_after: Option<Duration>,
    /// `Some(false)` tells OpenAI's SDKs not to retry although the status looks as if they should.
    pub should_retry: Option<bool>,
}

/// OpenAI's `error.type` for what the caller can mend.
pub const INVALID_REQUEST: &str = "invalid_request_error";
/// OpenAI's `error.type` for what the server must mend.
pub const SERVER_ERROR: &str = "server_error";
/// OpenAI's `error.type` for too many requests.
pub const RATE_LIMIT: &str = "rate_limit_error";

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: Cow::Borrowed(kind),
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
            should_retry: None,
        }
    }

    /// With `error.code`.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(Cow::Borrowed(code));
        self
    }

    /// With `error.param`.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// 400: something about the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, INVALID_REQUEST, message)
    }

    /// 400: the field `param` is wrong.
    pub fn invalid_param(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(message).param(param)
    }

    /// 400: the body is no JSON.
    pub fn malformed_json(detail: &str) -> Self {
        Self::invalid(format!(
            "We could not parse the JSON body of your request: {detail}. The API expects a JSON object as the body."
        ))
    }

    /// 401: no key was sent.
    pub fn missing_key() -> Self {
        Self::new(
            401,
            INVALID_REQUEST,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    }

    /// 401: the key is wrong. The key itself is not repeated.
    pub fn invalid_key() -> Self {
        Self::new(401, INVALID_REQUEST, "Incorrect API key provided.").code("invalid_api_key")
    }

    /// 404: no such path.
    pub fn unknown_url(method: &str, path: &str) -> Self {
        Self::new(
            404,
            INVALID_REQUEST,
            format!("Invalid URL ({method} {path})"),
        )
        .code("unknown_url")
    }

    /// 405: the path is known, the method is not.
    pub fn method_not_allowed(method: &str, path: &str) -> Self {
        Self::new(
            405,
            INVALID_REQUEST,
            format!("Not allowed to {method} on {path}."),
        )
        .code("method_not_supported")
    }

    /// 404: no provider has the model.
    pub fn model_not_found(model: &str) -> Self {
        Self::new(
            404,
            INVALID_REQUEST,
            format!("The model `{model}` does not exist or you do not have access to it."),
        )
        .code("model_not_found")
        .param("model")
    }

    /// 404: no object of this kind has this id, for whoever asks. `noun`: `assistant`, `run step`, ….
    pub fn no_such(noun: &str, id: &str) -> Self {
        Self::new(
            404,
            INVALID_REQUEST,
            format!("No {noun} found with id '{id}'."),
        )
    }

    /// 400: a cursor of a list names none of its objects.
    pub fn no_such_cursor(param: &'static str, noun: &str, id: &str) -> Self {
        Self::invalid_param(param, format!("No {noun} found with id '{id}'."))
    }

    /// 400: a message for a thread on which a run is at work. Not 409, because the SDKs retry that.
    pub fn thread_is_busy(thread: &ThreadId, run: &RunId) -> Self {
        Self::invalid(format!(
            "Can't add messages to {thread} while a run {run} is active."
        ))
    }

    /// 400: a run for a thread on which another is at work.
    pub fn thread_has_run(thread: &ThreadId, run: &RunId) -> Self {
        Self::invalid(format!("Thread {thread} already has an active run {run}."))
    }

    /// 400: what was asked of a run, it cannot do now.
    pub fn run_refuses(refused: &Refused) -> Self {
        Self::invalid(refused.to_string())
    }

    /// 408: the request took too long to arrive.
    pub fn slow_request() -> Self {
        Self::new(408, INVALID_REQUEST, "The request took too long to arrive.")
            .code("request_timeout")
    }

    /// 413: the body is too large.
    pub fn body_too_large(limit_bytes: u64) -> Self {
        Self::new(
            413,
            INVALID_REQUEST,
            format!("The request's body is larger than the limit of {limit_bytes} bytes."),
        )
        .code("request_too_large")
    }

    /// 431: the head is too large.
    pub fn head_too_large() -> Self {
        Self::new(431, INVALID_REQUEST, "The request's headers are too large.")
            .code("headers_too_large")
    }

    /// 429: too many requests from this address.
    pub fn too_many_requests(limit: u64, window: Duration, retry_after: Duration) -> Self {
        Self::new(
            429,
            RATE_LIMIT,
            format!(
                "Rate limit reached: {limit} requests per {} s. Please try again in {} s.",
                window.as_secs_f64(),
                retry_after.as_secs_f64().ceil()
            ),
        )
        .code("rate_limit_exceeded")
        .retry_after(retry_after)
    }

    /// 500: a fault of our own. Says nothing about it.
    pub fn internal() -> Self {
        Self::new(
            500,
            SERVER_ERROR,
            "The server had an error while processing your request. Sorry about that!",
        )
    }

    /// 503: no room for the request right now.
    pub fn busy(message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(503, SERVER_ERROR, message)
            .code("overloaded")
            .retry_after(retry_after)
    }

    /// What the client is told about a failed upstream. `provider` names it.
    ///
    /// Faults of the operator's keys are never told as 401: the client's own key was right.
    pub fn from_failure(provider: &str, failure: &Failure) -> Self {
        if let Some(error) = &failure.error {
            return (**error).clone();
        }
        let said = &failure.message;
        let mut error = match failure.class {
            FailureClass::Connect | FailureClass::Reset => Self::new(
                502,
                SERVER_ERROR,
                format!("The provider {provider} could not be reached."),
            )
            .code("upstream_unreachable"),
            FailureClass::Timeout => Self::new(
                504,
                SERVER_ERROR,
                format!("The provider {provider} did not answer in time."),
            )
            .code("upstream_timeout"),
            FailureClass::RateLimited => Self::new(
                429,
                RATE_LIMIT,
                format!("The provider {provider} is limiting requests: {said}"),
            )
            .code("rate_limit_exceeded"),
            FailureClass::QuotaExhausted => {
                let mut error = Self::new(
                    429,
                    "insufficient_quota",
                    format!("The quota at the provider {provider} is used up: {said}"),
                )
                .code("insufficient_quota");
                error.should_retry = Some(false);
                error
            }
            FailureClass::Overloaded => Self::new(
                503,
                SERVER_ERROR,
                format!("The provider {provider} is overloaded: {said}"),
            )
            .code("upstream_overloaded"),
            FailureClass::Server => Self::new(
                502,
                SERVER_ERROR,
                format!("The provider {provider} had an error: {said}"),
            )
            .code("upstream_error"),
            FailureClass::BadKey => {
                let mut error = Self::new(
                    503,
                    SERVER_ERROR,
                    format!("The provider {provider} does not accept this server's key."),
                )
                .code("upstream_authentication");
                error.should_retry = Some(false);
                error
            }
            FailureClass::ModelNotFound => {
                let mut error = Self::new(404, INVALID_REQUEST, said.clone().into_owned());
                error.param = Some("model".to_owned());
                error.code("model_not_found")
            }
            FailureClass::Unsupported => Self::new(
                400,
                INVALID_REQUEST,
                format!("The provider {provider} cannot do this: {said}"),
            )
            .code("unsupported"),
            FailureClass::Garbage => Self::new(
                502,
                SERVER_ERROR,
                format!("The provider {provider} sent something that is no answer: {said}"),
            )
            .code("upstream_garbage"),
            FailureClass::MalformedAnswer => Self::new(
                502,
                SERVER_ERROR,
                format!("The model at the provider {provider} gave no usable answer: {said}"),
            )
            .code("upstream_malformed_answer"),
            FailureClass::Cut => Self::new(
                502,
                SERVER_ERROR,
                format!("The answer of the provider {provider} broke off: {said}"),
            )
            .code("upstream_cut"),
            FailureClass::Stalled => Self::new(
                504,
                SERVER_ERROR,
                format!("The answer of the provider {provider} fell silent: {said}"),
            )
            .code("upstream_stalled"),
            FailureClass::BadRequest
            | FailureClass::ContextLength
            | FailureClass::ContentPolicy => Self::invalid(said.clone().into_owned()),
        };
        error.retry_after = failure.retry_after;
        error
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.kind, self.message)
    }
}

impl std::error::Error for ApiError {}
