//! `/v1/completions`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use futures_util::{StreamExt, TryStreamExt, stream as streams};
use locum_domain::{
    chat::{ChatAnswer, ChatRequest},
    error::ApiError,
};
use locum_engine::{
    gateway::{ChatBody, ChatCall, ChatReply, ChatSource, EventStream},
    trail::{Notes, Trail},
};

use super::{answer_head, event_stream, for_clients, json};
use crate::{App, body, error::HttpError, stream, wire};

/// So many prompts of one request are completed at the same time.
const AT_ONCE: usize = 8;

/// `POST /v1/completions`: one chat per prompt.
pub(crate) async fn create_completion(
    State(app): State<Arc<App>>,
    Extension(trail): Extension<Arc<Trail>>,
    request: Request,
) -> Result<Response, HttpError> {
    let bytes = body::read(&app, request).await?;
    let mut completion = wire::completions::parse(&bytes)?;
    let calls = std::mem::take(&mut completion.calls);
    let trails = Trails::new(trail, calls.len());
    let replies: Vec<ChatReply> = streams::iter(calls.into_iter().zip(trails.parts.clone()))
        .map(|(request, trail)| complete(&app, request, trail))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    trails.merge();
    let model = replies.first().map(|reply| reply.served.model.clone());
    let head = answer_head(&app, "cmpl-", model.unwrap_or_default());
    if completion.stream {
        let answers = replies
            .into_iter()
            .map(|reply| events(&app, reply))
            .collect::<Result<_, _>>()?;
        let chunks = stream::completion_stream(answers, &completion, head);
        // The closure holds the trails, which are merged for good when the stream is dropped.
        return Ok(event_stream(chunks.inspect(move |_| _ = &trails)));
    }
    let answers: Vec<ChatAnswer> = replies.into_iter().map(whole).collect::<Result<_, _>>()?;
    Ok(json(wire::completions::encode(
        &answers,
        &completion,
        &head,
    )))
}

async fn complete(
    app: &App,
    request: ChatRequest,
    trail: Arc<Trail>,
) -> Result<ChatReply, ApiError> {
    let call = ChatCall {
        model: request.model.clone(),
        stream: request.stream,
        source: ChatSource::Made(Box::new(request)),
    };
    app.gateway.chat(call, &trail).await
}

/// The events of a streamed answer. A request that we made is never answered raw.
fn events(app: &App, reply: ChatReply) -> Result<EventStream, ApiError> {
    match reply.body {
        ChatBody::Events(events) => Ok(Box::pin(for_clients(app, events))),
        _ => Err(ApiError::internal()),
    }
}

/// A whole answer. A request that we made is never answered raw.
fn whole(reply: ChatReply) -> Result<ChatAnswer, ApiError> {
    match reply.body {
        ChatBody::Whole(answer) => Ok(*answer),
        _ => Err(ApiError::internal()),
    }
}

/// A trail for each prompt's chat, and the request's own, which in the end tells of all of them.
struct Trails {
    whole: Arc<Trail>,
    parts: Vec<Arc<Trail>>,
}

impl Trails {
    fn new(whole: Arc<Trail>, parts: usize) -> Self {
        let part = || Arc::new(Trail::new(whole.request_id.clone(), whole.started));
        Self {
            parts: (0..parts).map(|_| part()).collect(),
            whole,
        }
    }

    /// Brings the request's own trail up to date.
    fn merge(&self) {
        let mut merged: Option<Notes> = None;
        for part in &self.parts {
            let part = part.notes().clone();
            merged = Some(match merged {
                None => part,
                Some(before) => sum(before, part),
            });
        }
        if let Some(merged) = merged {
            *self.whole.notes() = Notes {
                operation: Some("completion"),
                ..merged
            };
        }
    }
}

impl Drop for Trails {
    fn drop(&mut self) {
        self.merge();
    }
}

/// The first chat tells who answered, unless it was never asked.
fn sum(first: Notes, next: Notes) -> Notes {
    let (named, other) = if first.provider.is_some() {
        (first, next)
    } else {
        (next, first)
    };
    Notes {
        fallback: named.fallback || other.fallback,
        tries: named.tries + other.tries,
        first_token: match (named.first_token, other.first_token) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        },
        usage: match (named.usage, other.usage) {
            (Some(a), Some(b)) => Some(a.plus(&b)),
            (a, b) => a.or(b),
        },
        failure: named.failure.or(other.failure),
        requested_model: named.requested_model.or(other.requested_model),
        streamed: named.streamed || other.streamed,
        ..named
    }
}
