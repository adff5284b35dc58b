//! The model's answer to one call: asked for, and heard piece by piece.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use locum_domain::{
    chat::ChatEvent,
    error::ApiError,
    failure::FailureClass,
    run::{RunError, RunErrorCode, ServedBy, Truncation},
};

use crate::{
    assistants::{
        Assistants,
        context::{Ask, NoContext},
    },
    gateway::{ChatBody, ChatCall, ChatSource, EventStream, Served},
    metrics::Metrics,
    ports::PortFuture,
    trail::Trail,
};

/// How often a conversation that is too long for the model is shortened.
const MAX_SHORTENED: u32 = 4;

/// One call of the model.
pub(super) enum Call {
    /// There is none.
    None,
    /// Nothing has been answered yet.
    Asking(PortFuture<'static, Result<Answering, Unanswered>>),
    /// It is being answered.
    Answering(Answering),
}

/// An answer in the making.
pub(super) struct Answering {
    by: Served,
    told: bool,
    events: EventStream,
    trail: Arc<Trail>,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    Failed {
        error: RunError,
        /// Whether another call may fare better.
        again: bool,
    },
    PromptFull,
}

/// What is heard of a call.
pub(super) enum Heard {
    /// Somebody answers.
    Served(ServedBy),
    /// More of the answer.
    Answer(Vec<ChatEvent>),
    /// It is whole.
    Ended,
    /// The thread is longer than the run's prompt tokens allow.
    PromptFull,
    /// There is no answer, or no more of it.
    Failed {
        error: RunError,
        /// Whether another call may fare better.
        again: bool,
        /// Whose answer it was.
        by: Option<&'static str>,
    },
}

impl Call {
    /// Asks the model.
    pub fn begin(assistants: &Arc<Assistants>, ask: Ask) -> Self {
        Self::Asking(Box::pin(Arc::clone(assistants).ask(ask)))
    }

    /// Hangs up, whatever was heard up to here.
    pub fn hang_up(&mut self, metrics: &Metrics) {
        if let Self::Answering(answering) = std::mem::replace(self, Self::None) {
            metrics.model_answered(&answering.trail);
        }
    }

    /// The next that is heard. Nothing, where there is no call.
    pub fn poll_heard(&mut self, metrics: &Metrics, context: &mut Context<'_>) -> Poll<Heard> {
        loop {
            let heard = match self {
                Self::None => return Poll::Pending,
                Self::Asking(asking) => match ready!(asking.as_mut().poll(context)) {
                    Ok(answering) => {
                        *self = Self::Answering(answering);
                        continue;
                    }
                    Err(Unanswered::PromptFull) => Heard::PromptFull,
                    Err(Unanswered::Failed { error, again }) => Heard::Failed {
                        error,
                        again,
                        by: None,
                    },
                },
                Self::Answering(answering) => {
                    if !std::mem::replace(&mut answering.told, true) {
                        return Poll::Ready(Heard::Served(ServedBy {
                            provider: answering.by.provider.to_owned(),
                            model: answering.by.model.clone(),
                            fallback: answering.by.fallback,
                        }));
                    }
                    let events = Pin::as_mut(&mut answering.events);
                    match ready!(events.poll_next(context)) {
                        Some(Ok(events)) => return Poll::Ready(Heard::Answer(events)),
                        None => Heard::Ended,
                        Some(Err(error)) => answering.broke_off(error),
                    }
                }
            };
            self.hang_up(metrics);
            return Poll::Ready(heard);
        }
    }
}

impl Answering {
    fn broke_off(&self, error: ApiError) -> Heard {
        let class = self.trail.notes().failure;
        Heard::Failed {
            again: !class.is_some_and(FailureClass::is_callers_fault),
            error: run_error(error),
            by: Some(self.by.provider),
        }
    }
}

impl Assistants {
    async fn ask(self: Arc<Self>, ask: Ask) -> Result<Answering, Unanswered> {
        let mut budget = self.budget(&ask);
        let mut shortened = 0;
        loop {
            let context = match self.context(&ask, &budget).await {
                Ok(context) => context,
                Err(NoContext::PromptFull) => return Err(Unanswered::PromptFull),
                Err(NoContext::Refused(error)) => {
                    return Err(Unanswered::Failed {
                        again: error.code == RunErrorCode::ServerError,
                        error,
                    });
                }
            };
            let (tokens, can_be_shorter) = (context.tokens, context.can_be_shorter);
            let call = ChatCall {
                model: ask.plan.model.clone(),
                stream: true,
                source: ChatSource::Made(Box::new(context.request)),
            };
            // The run's id stands for a request's, so that the log lines of both say the same.
            let started = self.world.clock.now();
            let trail = Arc::new(Trail::new(ask.run.as_str().to_owned(), started));
            let reply = self.gateway.chat_elsewhere(call, &ask.avoid, &trail).await;
            let error = match reply {
                Ok(reply) => return Ok(Answering::of(reply.served, reply.body, trail)),
                Err(error) => error,
            };
            let too_long = trail.notes().failure == Some(FailureClass::ContextLength);
            if too_long
                && can_be_shorter
                && ask.plan.truncation == Truncation::Auto
                && shortened < MAX_SHORTENED
            {
                tracing::info!(
                    tokens,
                    "the conversation is too long for the model: it is shortened"
                );
                shortened += 1;
                budget.shorten(tokens / 2);
                continue;
            }
            // All that could be tried was tried on the way.
            return Err(Unanswered::Failed {
                error: run_error(error),
                again: false,
            });
        }
    }
}

impl Answering {
    fn of(by: Served, body: ChatBody, trail: Arc<Trail>) -> Self {
        let events: EventStream = match body {
            ChatBody::Events(events) => events,
            // A request that we made is answered by events where a stream is asked for; a provider that does otherwise
            // has answered nothing that can be read.
            ChatBody::Whole(_) | ChatBody::WholeRaw(_) | ChatBody::Raw(_) => Box::pin(
                futures_util::stream::once(std::future::ready(Err(ApiError::internal()))),
            ),
        };
        Self {
            by,
            told: false,
            events,
            trail,
        }
    }
}

/// What a run says of a failure.
fn run_error(error: ApiError) -> RunError {
    let code = match error.status {
        429 => RunErrorCode::RateLimitExceeded,
        400..=499 => RunErrorCode::InvalidPrompt,
        _ => RunErrorCode::ServerError,
    };
    RunError {
        code,
        message: error.message,
    }
}
