//! What can go wrong at an upstream, in one vocabulary for all providers.

use std::{borrow::Cow, time::Duration};

use crate::error::ApiError;

/// The kinds of failure that the fallback policy tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// No connection could be made.
    Connect,
    /// The connection broke before the response's head.
    Reset,
    /// No first byte in time.
    Timeout,
    /// 429 that passes: too many requests or tokens for the moment.
    RateLimited,
    /// A quota that will not come back soon: per day, or out of credit.
    QuotaExhausted,
    /// 5xx that says "overloaded, come again".
    Overloaded,
    /// Any other 5xx.
    Server,
    /// The operator's key is wrong or lacks rights.
    BadKey,
    /// This provider does not have the model.
    ModelNotFound,
    /// This provider or model cannot do what was asked, another might.
    Unsupported,
    /// A success whose body cannot be read.
    Garbage,
    /// The model wrote something that is no answer, such as a malformed call.
    MalformedAnswer,
    /// The answer broke off.
    Cut,
    /// The answer fell silent.
    Stalled,
    /// The caller's request is wrong.
    BadRequest,
    /// The caller's conversation is too long for the model.
    ContextLength,
    /// The provider's policy refuses the request.
    ContentPolicy,
}

impl FailureClass {
    /// The name in logs, metrics and `/health`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::BadKey => "bad_key",
            Self::ModelNotFound => "model_not_found",
            Self::Unsupported => "unsupported",
            Self::Garbage => "garbage",
            Self::MalformedAnswer => "malformed_answer",
            Self::Cut => "cut",
            Self::Stalled => "stalled",
            Self::BadRequest => "bad_request",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
        }
    }

    /// Whether the caller must change the request: no other try helps.
    pub fn is_callers_fault(self) -> bool {
        matches!(
            self,
            Self::BadRequest | Self::ContextLength | Self::ContentPolicy
        )
    }

    /// Whether it speaks of one request rather than of the provider: another request may fare well.
    pub fn concerns_one_request(self) -> bool {
        self.is_callers_fault()
            || matches!(
                self,
                Self::ModelNotFound | Self::Unsupported | Self::MalformedAnswer
            )
    }

    /// Whether nothing at all was answered.
    pub fn is_no_answer(self) -> bool {
        matches!(self, Self::Connect | Self::Reset | Self::Timeout)
    }

    /// Whether it speaks against the provider's health, so that the circuit breaker counts it.
    pub fn trips_breaker(self) -> bool {
        matches!(
            self,
            Self::Connect
                | Self::Reset
                | Self::Timeout
                | Self::Overloaded
                | Self::Server
                | Self::BadKey
                | Self::Garbage
                | Self::Cut
                | Self::Stalled
        )
    }
}

/// One failed try at an upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind it is.
    pub class: FailureClass,
    /// The upstream's status, where there was one.
    pub status: Option<u16>,
    /// What the upstream said, or what we saw. Holds no key.
    pub message: Cow<'static, str>,
    /// How long the upstream asks us to wait.
    pub retry_after: Option<Duration>,
    /// For the caller's own faults: the error to hand on.
    pub error: Option<Box<ApiError>>,
}

impl Failure {
    /// A failure that we saw ourselves.
    pub fn new(class: FailureClass, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class,
            status: None,
            message: message.into(),
            retry_after: None,
            error: None,
        }
    }

    /// A failure that the upstream stated with a status.
    pub fn stated(class: FailureClass, status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Some(status),
            ..Self::new(class, message)
        }
    }

    /// The caller's own fault.
    pub fn callers(class: FailureClass, error: ApiError) -> Self {
        Self {
            class,
            status: Some(error.status),
            message: error.message.clone().into(),
            retry_after: None,
            error: Some(Box::new(error)),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}
