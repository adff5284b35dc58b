//! Embeddings, with the same fallback as a chat; but nobody falls back to vectors of another model, which would be
//! of no use to the caller.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::try_join_all;
use locum_domain::{
    chat::Usage,
    embedding::{EmbeddingAnswer, EmbeddingRequest},
    error::ApiError,
    failure::{Failure, FailureClass},
};
use locum_providers::{Operation, Prepared, WholeFacts};
use tracing::{Instrument, Span};

use super::{
    EmbedBody, EmbedCall, EmbedReply, Gateway, Shared,
    fail_over::Attempt,
    route::{Kind, Target},
    upstream,
    witness::genai_span,
};
use crate::trail::Trail;

impl Gateway {
    /// Makes embeddings.
    ///
    /// # Errors
    /// What the client is told when no provider answered.
    pub async fn embed(&self, call: EmbedCall, trail: &Arc<Trail>) -> Result<EmbedReply, ApiError> {
        {
            let mut notes = trail.notes();
            notes.operation = Some("embeddings");
            notes.requested_model = Some(call.model.clone());
        }
        let targets = self.route(&call.model, Kind::Embedding).await?;
        let attempt = EmbedAttempt {
            shared: &self.shared,
            call: &call,
            parsed: OnceLock::new(),
        };
        let (mut served, _, (body, facts)) = self.fail_over(targets, &attempt, trail).await?;
        let mut notes = trail.notes();
        if let Some(model) = facts.model {
            notes.model = Some(model.clone());
            served.model = model;
        }
        notes.usage = facts.usage;
        drop(notes);
        Ok(EmbedReply { served, body })
    }
}

struct EmbedAttempt<'a> {
    shared: &'a Arc<Shared>,
    call: &'a EmbedCall,
    parsed: OnceLock<Result<EmbeddingRequest, ApiError>>,
}

impl Attempt for EmbedAttempt<'_> {
    type Answer = (EmbedBody, WholeFacts);

    async fn at(&self, target: &Target) -> Result<Self::Answer, Failure> {
        let span = genai_span("embeddings", target);
        let answer = self.ask(target).instrument(span.clone()).await;
        record(&span, answer.as_ref().map(|(_, facts)| facts));
        answer
    }
}

impl EmbedAttempt<'_> {
    async fn ask(&self, target: &Target) -> Result<(EmbedBody, WholeFacts), Failure> {
        let slot = &target.slot;
        if let Some(native) = slot.provider.native() {
            let body = self.call.source.with_model(&self.call.model, &target.model);
            let body = self
                .fetch(target, native.request(Operation::Embeddings, body))
                .await?;
            let facts = native.inspect(Operation::Embeddings, &body)?;
            return Ok((EmbedBody::Raw(body), facts));
        }
        let request = self.request()?;
        let most = slot.provider.most_embedding_inputs().max(1);
        let parts = request.inputs.chunks(most).map(|inputs| {
            let part = EmbeddingRequest {
                model: target.model.clone(),
                inputs: inputs.to_vec(),
                dimensions: request.dimensions,
            };
            self.ask_part(target, part)
        });
        let mut answer = EmbeddingAnswer::default();
        for part in try_join_all(parts).await? {
            answer.model = answer.model.or(part.model);
            answer.vectors.extend(part.vectors);
            answer.prompt_tokens += part.prompt_tokens;
        }
        let facts = WholeFacts {
            model: answer.model.clone(),
            usage: Some(usage_of(&answer)),
        };
        Ok((EmbedBody::Whole(answer), facts))
    }

    async fn ask_part(
        &self,
        target: &Target,
        request: EmbeddingRequest,
    ) -> Result<EmbeddingAnswer, Failure> {
        let provider = &target.slot.provider;
        match provider.embeddings(&request)? {
            Prepared::Ready(answer) => Ok(answer),
            Prepared::Http(upstream_request) => {
                let body = self.fetch(target, upstream_request).await?;
                provider.decode_embeddings(&request, &body)
            }
        }
    }

    async fn fetch(
        &self,
        target: &Target,
        request: http::Request<Bytes>,
    ) -> Result<Bytes, Failure> {
        let mut reply = upstream::send(self.shared, &target.slot, request).await?;
        reply.body.whole().await
    }

    fn request(&self) -> Result<&EmbeddingRequest, Failure> {
        let source = &self.call.source;
        self.parsed
            .get_or_init(|| (source.parse)(&source.bytes))
            .as_ref()
            .map_err(|error| Failure::callers(FailureClass::BadRequest, error.clone()))
    }
}

fn usage_of(answer: &EmbeddingAnswer) -> Usage {
    Usage {
        prompt: answer.prompt_tokens,
        ..Usage::default()
    }
}

fn record(span: &Span, outcome: Result<&WholeFacts, &Failure>) {
    match outcome {
        Ok(facts) => {
            if let Some(model) = &facts.model {
                span.record("gen_ai.response.model", model);
            }
            if let Some(usage) = &facts.usage {
                span.record("gen_ai.usage.input_tokens", usage.prompt);
            }
        }
        Err(failure) => {
            span.record("error.type", failure.class.as_str());
        }
    }
}
