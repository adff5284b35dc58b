//! An answer in the making: one choice or several of one upstream request, over as many hops as it takes.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use locum_domain::{
    chat::{ChatEvent, ChatRequest, FinishReason, Usage},
    failure::{Failure, FailureClass},
};
use locum_providers::{ChatDecoder, Hop, Prepared};

use super::{
    Shared,
    slot::Slot,
    upstream::{self, Incoming},
};

/// How often an answer may pause and be continued.
const MAX_HOPS: u32 = 32;

/// An answer in the making.
pub(super) struct Answering {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    request: Arc<ChatRequest>,
    source: Source,
    hops: u32,
    continuation: Option<String>,
    /// Of the hops before this one.
    spent: Usage,
    /// Of this hop.
    spending: Option<Usage>,
    /// Index of the next new call, over all hops.
    calls: u32,
    /// Calls of the hops before this one.
    calls_before: u32,
    failed: Option<Failure>,
}

enum Source {
    Upstream(Incoming, Box<dyn ChatDecoder>),
    Performed(VecDeque<ChatEvent>, Duration),
    Ended,
}

impl Answering {
    /// Sends the request and waits for the head of its response.
    pub async fn begin(
        shared: &Arc<Shared>,
        slot: &Arc<Slot>,
        request: Arc<ChatRequest>,
    ) -> Result<Self, Failure> {
        let source = open(shared, slot, &request, Hop::default()).await?;
        let request = if slot.provider.may_pause(&request) {
            request
        } else {
            Arc::new(head_of(&request))
        };
        Ok(Self {
            shared: Arc::clone(shared),
            slot: Arc::clone(slot),
            request,
            source,
            hops: 1,
            continuation: None,
            spent: Usage::default(),
            spending: None,
            calls: 0,
            calls_before: 0,
            failed: None,
        })
    }

    /// The next events, at least one; `None` at the proper end. Nothing comes after a failure.
    pub async fn next(&mut self) -> Result<Option<Vec<ChatEvent>>, Failure> {
        loop {
            if let Some(failure) = self.failed.take() {
                self.source = Source::Ended;
                return Err(failure);
            }
            let mut events = Vec::new();
            match &mut self.source {
                Source::Ended => return Ok(None),
                Source::Performed(left, pace) => {
                    let Some(event) = left.pop_front() else {
                        self.source = Source::Ended;
                        continue;
                    };
                    if self.request.stream && !pace.is_zero() {
                        self.shared.world.clock.sleep(*pace).await;
                    }
                    events.push(event);
                    if !self.request.stream {
                        events.extend(left.drain(..));
                    }
                }
                Source::Upstream(body, decoder) => {
                    let read = if self.request.stream {
                        read(body, decoder.as_mut(), &mut events).await
                    } else {
                        read_whole(body, decoder.as_mut(), &mut events).await
                    };
                    match read {
                        Ok(true) => {}
                        Ok(false) => self.source = Source::Ended,
                        Err(failure) => self.failed = Some(failure),
                    }
                }
            }
            self.rebase(&mut events);
            if matches!(self.source, Source::Ended)
                && self.failed.is_none()
                && let Some(token) = self.continuation.take()
            {
                self.hop(&token).await;
            }
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
    }

    /// Asks the upstream to go on with an answer that it has paused.
    async fn hop(&mut self, token: &str) {
        if self.hops >= MAX_HOPS {
            self.failed = Some(Failure::new(
                FailureClass::MalformedAnswer,
                format!("it was paused {MAX_HOPS} times"),
            ));
            return;
        }
        self.hops += 1;
        self.spent = self.spent.plus(&self.spending.take().unwrap_or_default());
        self.calls_before = self.calls;
        let hop = Hop {
            continuation: Some(token),
        };
        match open(&self.shared, &self.slot, &self.request, hop).await {
            Ok(source) => self.source = source,
            Err(failure) => self.failed = Some(failure),
        }
    }

    /// Makes the events of this hop fit behind those of the hops before.
    fn rebase(&mut self, events: &mut Vec<ChatEvent>) {
        let first_hop = self.hops == 1;
        let one_call = self.request.parallel_tool_calls == Some(false);
        events.retain_mut(|event| match event {
            ChatEvent::Head { .. } => first_hop,
            ChatEvent::ToolCall { .. } if one_call && self.calls_before > 0 => false,
            ChatEvent::ToolCall { delta, .. } => {
                delta.index += self.calls_before;
                self.calls = self.calls.max(delta.index + 1);
                true
            }
            ChatEvent::Finish { reason, .. } => {
                if self.calls_before > 0 && *reason == FinishReason::Stop {
                    *reason = FinishReason::ToolCalls;
                }
                true
            }
            ChatEvent::Usage(usage) => {
                self.spending = Some(*usage);
                *usage = self.spent.plus(usage);
                true
            }
            ChatEvent::Continue { token } => {
                self.continuation = Some(std::mem::take(token));
                false
            }
            _ => true,
        });
    }
}

/// What is needed of a request that need not be sent again. A long conversation would take its memory as long as it is
/// answered.
fn head_of(request: &ChatRequest) -> ChatRequest {
    ChatRequest {
        model: request.model.clone(),
        parallel_tool_calls: request.parallel_tool_calls,
        n: request.n,
        stream: request.stream,
        ..ChatRequest::default()
    }
}

/// Reads all there is, before any of it is looked at: an answer without end is given up without a second copy of it.
async fn read_whole(
    body: &mut Incoming,
    decoder: &mut dyn ChatDecoder,
    events: &mut Vec<ChatEvent>,
) -> Result<bool, Failure> {
    let bytes = body.whole().await?;
    decoder.feed(&bytes, events)?;
    decoder.finish(events).map(|()| false)
}

/// Reads what is there; answers whether there may be more.
async fn read(
    body: &mut Incoming,
    decoder: &mut dyn ChatDecoder,
    events: &mut Vec<ChatEvent>,
) -> Result<bool, Failure> {
    let mut broken = None;
    let open = body
        .batch(|bytes| {
            broken = decoder.feed(&bytes, events).err();
            broken.is_none() && !decoder.is_done()
        })
        .await;
    if let Some(failure) = broken {
        return Err(failure);
    }
    if decoder.is_done() {
        decoder.finish(events)?;
        if matches!(open, Ok(true)) {
            body.drain().await;
        }
        return Ok(false);
    }
    match open {
        Ok(true) => Ok(true),
        Ok(false) => decoder.finish(events).map(|()| false),
        // A connection that breaks behind a finished answer takes nothing away from it.
        Err(failure) if failure.class == FailureClass::Cut => {
            decoder.finish(events).map(|()| false).map_err(|_| failure)
        }
        Err(failure) => Err(failure),
    }
}

async fn open(
    shared: &Arc<Shared>,
    slot: &Arc<Slot>,
    request: &ChatRequest,
    hop: Hop<'_>,
) -> Result<Source, Failure> {
    match slot.provider.chat(request, hop)? {
        Prepared::Ready(performance) => Ok(Source::Performed(
            performance.events.into(),
            performance.pace,
        )),
        Prepared::Http(upstream_request) => {
            let reply = upstream::send(shared, slot, upstream_request).await?;
            if request.stream {
                reply.expect_events()?;
            }
            let decoder = slot.provider.chat_decoder(request, shared.world.ids());
            Ok(Source::Upstream(reply.body, decoder))
        }
    }
}
