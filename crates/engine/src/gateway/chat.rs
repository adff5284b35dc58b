//! One chat: as raw bytes to a provider that speaks OpenAI's API, translated to any other.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use locum_domain::{
    chat::{ChatAnswer, ChatEvent, ChatRequest},
    error::ApiError,
    failure::{Failure, FailureClass},
};
use locum_providers::{Native, Operation, WholeFacts};
use tracing::{Instrument, Span};

use super::{
    ChatBody, ChatCall, ChatReply, ChatSource, Gateway, Shared,
    fail_over::Attempt,
    merged::Merged,
    relaying::{RawHead, Relaying},
    route::{Kind, Target},
    slot::Slot,
    upstream,
    witness::{Witness, genai_span},
};
use crate::trail::Trail;

impl Gateway {
    /// Has a chat.
    ///
    /// A stream is returned when its first real content has come: before, another provider may still be asked.
    ///
    /// # Errors
    /// What the client is told when no provider answered.
    pub async fn chat(&self, call: ChatCall, trail: &Arc<Trail>) -> Result<ChatReply, ApiError> {
        self.chat_elsewhere(call, &[], trail).await
    }

    /// Has a chat, with the providers in `avoid` asked last: they broke off when they answered it before.
    ///
    /// # Errors
    /// As for [`Gateway::chat`].
    pub async fn chat_elsewhere(
        &self,
        call: ChatCall,
        avoid: &[&'static str],
        trail: &Arc<Trail>,
    ) -> Result<ChatReply, ApiError> {
        {
            let mut notes = trail.notes();
            notes.operation = Some("chat");
            notes.requested_model = Some(call.model.clone());
            notes.streamed = call.stream;
        }
        let mut targets = self.route(&call.model, Kind::Chat).await?;
        targets.sort_by_key(|target| avoid.contains(&target.slot.name()));
        let attempt = ChatAttempt {
            shared: &self.shared,
            call: &call,
            parsed: OnceLock::new(),
        };
        let (mut served, slot, answer) = self.fail_over(targets, &attempt, trail).await?;
        let (model, body) = answer.begin(&self.shared, &slot, trail);
        if let Some(model) = model {
            trail.notes().model = Some(model.clone());
            served.model = model;
        }
        Ok(ChatReply { served, body })
    }
}

/// A chat, as it is tried at one provider after the other.
struct ChatAttempt<'a> {
    shared: &'a Arc<Shared>,
    call: &'a ChatCall,
    /// The request as an object, made when the first provider needs it.
    parsed: OnceLock<Result<ChatRequest, ApiError>>,
}

/// An answer, whole or begun.
enum Answer {
    Whole(Box<ChatAnswer>, Span),
    WholeRaw(Bytes, WholeFacts, Span),
    Events(Vec<ChatEvent>, Merged, Span),
    Raw(Relaying, RawHead, Span),
}

impl Attempt for ChatAttempt<'_> {
    type Answer = Answer;

    async fn at(&self, target: &Target) -> Result<Answer, Failure> {
        let span = genai_span("chat", target);
        let answer = self.ask(target, &span).instrument(span.clone()).await;
        if let Err(failure) = &answer {
            span.record("error.type", failure.class.as_str());
        }
        answer
    }
}

impl ChatAttempt<'_> {
    async fn ask(&self, target: &Target, span: &Span) -> Result<Answer, Failure> {
        let slot = &target.slot;
        if let (ChatSource::Raw(raw), Some(native)) = (&self.call.source, slot.provider.native()) {
            let body = raw.with_model(&self.call.model, &target.model);
            return self.ask_native(slot, native, body, span).await;
        }
        // Boxed, so that the short path does not carry its size along.
        Box::pin(self.ask_translated(target, span)).await
    }

    async fn ask_translated(&self, target: &Target, span: &Span) -> Result<Answer, Failure> {
        let slot = &target.slot;
        let mut request = self.request()?.clone();
        request.model.clone_from(&target.model);
        request.stream = self.call.stream;
        let mut answer = Merged::begin(self.shared, slot, request).await?;
        if !self.call.stream {
            let mut whole = ChatAnswer::default();
            while let Some(events) = answer.next().await? {
                events.into_iter().for_each(|event| whole.apply(event));
            }
            return Ok(Answer::Whole(Box::new(whole), span.clone()));
        }
        let mut head = Vec::new();
        while let Some(events) = answer.next().await? {
            let started = events.iter().any(is_content);
            head.extend(events);
            if started {
                break;
            }
        }
        Ok(Answer::Events(head, answer, span.clone()))
    }

    async fn ask_native(
        &self,
        slot: &Arc<Slot>,
        native: &dyn Native,
        body: Bytes,
        span: &Span,
    ) -> Result<Answer, Failure> {
        let request = native.request(Operation::Chat, body);
        let mut reply = upstream::send(self.shared, slot, request).await?;
        if !self.call.stream {
            let body = reply.body.whole().await?;
            let facts = native.inspect(Operation::Chat, &body)?;
            return Ok(Answer::WholeRaw(body, facts, span.clone()));
        }
        reply.expect_events()?;
        let (relaying, head) = Relaying::begin(reply.body, native.relay()).await?;
        Ok(Answer::Raw(relaying, head, span.clone()))
    }

    fn request(&self) -> Result<&ChatRequest, Failure> {
        let raw = match &self.call.source {
            ChatSource::Made(request) => return Ok(request),
            ChatSource::Raw(raw) => raw,
        };
        self.parsed
            .get_or_init(|| (raw.parse)(&raw.bytes))
            .as_ref()
            .map_err(|error| Failure::callers(FailureClass::BadRequest, error.clone()))
    }
}

impl Answer {
    /// The answer as it is handed out, and the model that gave it where the upstream has said.
    fn begin(
        self,
        shared: &Arc<Shared>,
        slot: &Arc<Slot>,
        trail: &Arc<Trail>,
    ) -> (Option<String>, ChatBody) {
        let witness = |span| {
            Witness::new(
                Arc::clone(shared),
                Arc::clone(slot),
                Arc::clone(trail),
                span,
            )
        };
        match self {
            Self::Whole(answer, span) => {
                let witness = witness(span);
                witness.answered(answer.model.as_deref(), answer.usage.as_ref());
                (answer.model.clone(), ChatBody::Whole(answer))
            }
            Self::WholeRaw(body, facts, span) => {
                let witness = witness(span);
                witness.answered(facts.model.as_deref(), facts.usage.as_ref());
                (facts.model, ChatBody::WholeRaw(body))
            }
            Self::Events(head, merged, span) => {
                let witness = witness(span);
                let model = head.iter().find_map(|event| match event {
                    ChatEvent::Head { model, .. } => model.clone(),
                    _ => None,
                });
                witness.first_token(model.as_deref());
                (model, ChatBody::Events(merged.stream(head, witness)))
            }
            Self::Raw(relaying, head, span) => {
                let witness = witness(span);
                let model = relaying.model().map(str::to_owned);
                witness.first_token(model.as_deref());
                (model, ChatBody::Raw(relaying.stream(head, witness)))
            }
        }
    }
}

/// Whether an event is real content, behind which no other provider can be asked.
fn is_content(event: &ChatEvent) -> bool {
    match event {
        ChatEvent::Text { .. }
        | ChatEvent::Reasoning { .. }
        | ChatEvent::Refusal { .. }
        | ChatEvent::ToolCall { .. }
        | ChatEvent::Finish { .. } => true,
        ChatEvent::Head { .. }
        | ChatEvent::Signature { .. }
        | ChatEvent::Logprobs { .. }
        | ChatEvent::Usage(_)
        | ChatEvent::Continue { .. } => false,
    }
}
