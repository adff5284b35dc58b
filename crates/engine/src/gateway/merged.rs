//! One answer out of as many upstream requests as a provider takes for its `n` choices.

use std::sync::Arc;

use futures_util::{
    future::try_join_all,
    stream::{self, BoxStream, SelectAll, StreamExt},
};
use locum_domain::{
    chat::{ChatEvent, ChatRequest, Usage},
    failure::Failure,
};

use super::{EventStream, Shared, answering::Answering, slot::Slot, witness::Witness};

/// See the module.
pub(super) enum Merged {
    /// One request for all choices.
    One(Box<Answering>),
    /// One request for each choice.
    Many(Many),
}

/// The events of one request, each batch with the index of its choice.
type Numbered = BoxStream<'static, (u32, Result<Vec<ChatEvent>, Failure>)>;

/// See [`Merged::Many`].
pub(super) struct Many {
    parts: SelectAll<Numbered>,
    usages: Vec<Option<Usage>>,
    headed: bool,
    closed: bool,
}

impl Merged {
    /// Sends the requests and waits for the heads of their responses.
    pub async fn begin(
        shared: &Arc<Shared>,
        slot: &Arc<Slot>,
        mut request: ChatRequest,
    ) -> Result<Self, Failure> {
        let requests = slot.provider.fan_out(&request).max(1);
        if requests == 1 {
            let answering = Answering::begin(shared, slot, Arc::new(request)).await?;
            return Ok(Self::One(Box::new(answering)));
        }
        request.n = 1;
        let request = Arc::new(request);
        let parts = try_join_all(
            (0..requests).map(|_| Answering::begin(shared, slot, Arc::clone(&request))),
        )
        .await?;
        let parts = (0..).zip(parts).map(|(choice, part)| {
            stream::unfold(Some(part), move |part| async move {
                let mut part = part?;
                match part.next().await {
                    Ok(Some(events)) => Some(((choice, Ok(events)), Some(part))),
                    Ok(None) => None,
                    Err(failure) => Some(((choice, Err(failure)), None)),
                }
            })
            .boxed()
        });
        Ok(Self::Many(Many {
            parts: parts.collect(),
            usages: vec![None; requests as usize],
            headed: false,
            closed: false,
        }))
    }

    /// The next events, at least one; `None` at the proper end. Nothing comes after a failure.
    pub async fn next(&mut self) -> Result<Option<Vec<ChatEvent>>, Failure> {
        match self {
            Self::One(answering) => answering.next().await,
            Self::Many(many) => many.next().await,
        }
    }

    /// The whole answer as a stream, `head` first.
    pub fn stream(self, head: Vec<ChatEvent>, witness: Witness) -> EventStream {
        let start = (Some(head), self, witness);
        Box::pin(stream::unfold(Some(start), |state| async {
            let (head, mut merged, witness) = state?;
            let events = match head.filter(|head| !head.is_empty()) {
                Some(head) => Ok(Some(head)),
                None => merged.next().await,
            };
            match events {
                Ok(Some(events)) => {
                    if let Some(usage) = events.iter().rev().find_map(usage_of) {
                        witness.spent(usage);
                    }
                    Some((Ok(events), Some((None, merged, witness))))
                }
                Ok(None) => None,
                Err(failure) => Some((Err(witness.broke_off(&failure)), None)),
            }
        }))
    }
}

impl Many {
    async fn next(&mut self) -> Result<Option<Vec<ChatEvent>>, Failure> {
        while let Some((choice, events)) = self.parts.next().await {
            let mut events = events?;
            events.retain_mut(|event| self.rebase(choice, event));
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
        if std::mem::replace(&mut self.closed, true) {
            return Ok(None);
        }
        let usage = self
            .usages
            .iter()
            .flatten()
            .copied()
            .reduce(|a, b| a.plus(&b));
        Ok(usage.map(|usage| vec![ChatEvent::Usage(usage)]))
    }

    /// Moves an event to its choice; `false` where it is not handed on.
    fn rebase(&mut self, part: u32, event: &mut ChatEvent) -> bool {
        match event {
            ChatEvent::Head { .. } => !std::mem::replace(&mut self.headed, true),
            ChatEvent::Usage(usage) => {
                self.usages[part as usize] = Some(*usage);
                false
            }
            ChatEvent::Text { choice, .. }
            | ChatEvent::Reasoning { choice, .. }
            | ChatEvent::Refusal { choice, .. }
            | ChatEvent::ToolCall { choice, .. }
            | ChatEvent::Signature { choice, .. }
            | ChatEvent::Logprobs { choice, .. }
            | ChatEvent::Finish { choice, .. } => {
                *choice = part;
                true
            }
            ChatEvent::Continue { .. } => true,
        }
    }
}

fn usage_of(event: &ChatEvent) -> Option<&Usage> {
    match event {
        ChatEvent::Usage(usage) => Some(usage),
        _ => None,
    }
}
