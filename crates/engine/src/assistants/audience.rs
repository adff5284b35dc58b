//! Who watches a run: the way of its events from the loop that drives it to the response that streams them.
//!
//! The loop never waits for a reader. What the reader has not taken yet is kept, pieces of one text joined; one that leaves
//! too much of it is cut off.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::stream::Stream;
use locum_domain::{error::ApiError, run::RunEvent};

/// How many bytes of deltas a reader may leave untaken.
const MAX_BYTES: usize = 1 << 20;
/// How many events a reader may leave untaken.
const MAX_EVENTS: usize = 10_000;
/// When a client that lost sight of its run may ask for it.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// A run's events as they come, several at a time where they came together. Ends when the run ends or waits for outputs; an
/// error is the last item: there is more, but this reader will not see it. Dropping it leaves the run alone.
pub struct RunEvents {
    inner: Pin<Box<dyn Stream<Item = Result<Vec<RunEvent>, ApiError>> + Send>>,
}

impl RunEvents {
    /// Events from wherever.
    pub fn new(
        events: impl Stream<Item = Result<Vec<RunEvent>, ApiError>> + Send + 'static,
    ) -> Self {
        Self {
            inner: Box::pin(events),
        }
    }
}

impl Stream for RunEvents {
    type Item = Result<Vec<RunEvent>, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(context)
    }
}

/// The driver's end: where events are published. Dropped without [`Audience::finish`], it tells the reader that there was more.
pub(super) struct Audience(Option<Arc<Mutex<Desk>>>);

/// The reader's end. An error is the last item: there is more, but this reader will not see it.
pub(super) struct Reader(Arc<Mutex<Desk>>);

/// Why a reader sees no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutOff {
    /// It reads too slowly.
    TooSlow,
    /// Nobody works on the run here any more.
    Lost,
}

impl From<CutOff> for ApiError {
    fn from(cut_off: CutOff) -> Self {
        let told = match cut_off {
            CutOff::TooSlow => {
                "The stream was cut off because its events were read too slowly. The run goes on: retrieve it to see how it ends."
            }
            CutOff::Lost => {
                "The stream was cut off because the server stopped working on the run here. The run goes on: retrieve it to see how it ends."
            }
        };
        Self::busy(told, COME_AGAIN)
    }
}

/// What lies between the two.
#[derive(Default)]
struct Desk {
    events: Vec<RunEvent>,
    bytes: usize,
    ending: Option<Ending>,
    left: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Finished,
    CutOff(CutOff),
}

/// Both ends.
pub(super) fn watched() -> (Audience, Reader) {
    let desk = Arc::<Mutex<Desk>>::default();
    let reader = Reader(Arc::clone(&desk));
    (Audience(Some(desk)), reader)
}

impl Audience {
    /// Nobody watches.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Tells `events`; answers whether somebody is there to see them.
    pub fn publish(&mut self, events: Vec<RunEvent>) -> bool {
        let Some(desk) = &self.0 else {
            return false;
        };
        let mut desk = lock(desk);
        if desk.left {
            drop(desk);
            self.0 = None;
            return false;
        }
        for event in events {
            desk.add(event);
        }
        desk.wake();
        if desk.ending.is_some() {
            drop(desk);
            self.0 = None;
        }
        true
    }

    /// There are no more events.
    pub fn finish(mut self) {
        self.end(Ending::Finished);
    }

    fn end(&mut self, ending: Ending) {
        if let Some(desk) = self.0.take() {
            let mut desk = lock(&desk);
            desk.ending.get_or_insert(ending);
            desk.wake();
        }
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.end(Ending::CutOff(CutOff::Lost));
    }
}

impl Desk {
    fn add(&mut self, event: RunEvent) {
        if self.ending.is_some() {
            return;
        }
        self.bytes += weight(&event);
        let event = match self.events.last_mut() {
            Some(last) => join(last, event),
            None => Some(event),
        };
        self.events.extend(event);
        if self.bytes > MAX_BYTES || self.events.len() > MAX_EVENTS {
            self.events = Vec::new();
            self.ending = Some(Ending::CutOff(CutOff::TooSlow));
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for Reader {
    type Item = Result<Vec<RunEvent>, CutOff>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut desk = lock(&self.0);
        if !desk.events.is_empty() {
            desk.bytes = 0;
            return Poll::Ready(Some(Ok(std::mem::take(&mut desk.events))));
        }
        match desk.ending {
            None => {
                desk.waker = Some(context.waker().clone());
                Poll::Pending
            }
            Some(Ending::Finished) => Poll::Ready(None),
            Some(Ending::CutOff(cut_off)) => {
                desk.ending = Some(Ending::Finished);
                Poll::Ready(Some(Err(cut_off)))
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut desk = lock(&self.0);
        desk.left = true;
        desk.events = Vec::new();
        desk.waker = None;
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much of a reader's allowance an event takes. Only deltas can come without end.
fn weight(event: &RunEvent) -> usize {
    match event {
        RunEvent::TextDelta { text, .. } | RunEvent::RefusalDelta { text, .. } => text.len(),
        RunEvent::CallDelta { arguments, .. } => arguments.len(),
        _ => 0,
    }
}

/// Appends `event` to the one before, where both are pieces of the same; hands it back where they are not.
fn join(last: &mut RunEvent, event: RunEvent) -> Option<RunEvent> {
    match (last, event) {
        (
            RunEvent::TextDelta {
                message_id,
                index,
                text,
                ..
            },
            RunEvent::TextDelta {
                message_id: id,
                index: at,
                first: false,
                text: more,
            },
        ) if *message_id == id && *index == at => text.push_str(&more),
        (
            RunEvent::RefusalDelta {
                message_id,
                index,
                text,
            },
            RunEvent::RefusalDelta {
                message_id: id,
                index: at,
                text: more,
            },
        ) if *message_id == id && *index == at => text.push_str(&more),
        (
            RunEvent::CallDelta {
                step_id,
                index,
                arguments,
            },
            RunEvent::CallDelta {
                step_id: id,
                index: at,
                arguments: more,
            },
        ) if *step_id == id && *index == at => arguments.push_str(&more),
        (_, event) => return Some(event),
    }
    None
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use locum_domain::id::MessageId;

    use super::*;

    fn delta(text: &str) -> RunEvent {
        RunEvent::TextDelta {
            message_id: MessageId::from("msg_1"),
            index: 0,
            first: false,
            text: text.to_owned(),
        }
    }

    #[test]
    fn pieces_that_nobody_has_taken_are_joined() {
        let (mut audience, mut events) = watched();
        assert!(audience.publish(vec![delta("a"), delta("b")]));
        assert!(audience.publish(vec![delta("c")]));
        assert_eq!(
            events.next().now_or_never(),
            Some(Some(Ok(vec![delta("abc")])))
        );
        assert_eq!(events.next().now_or_never(), None);
        audience.finish();
        assert_eq!(events.next().now_or_never(), Some(None));
    }

    #[test]
    fn who_reads_too_slowly_is_cut_off() {
        let (mut audience, mut events) = watched();
        let half = "x".repeat(MAX_BYTES / 2 + 1);
        audience.publish(vec![delta(&half)]);
        assert!(events.next().now_or_never().flatten().unwrap().is_ok());
        audience.publish(vec![delta(&half)]);
        audience.publish(vec![delta(&half)]);
        let error = events.next().now_or_never().flatten().unwrap().unwrap_err();
        assert_eq!(error, CutOff::TooSlow);
        assert!(!audience.publish(vec![delta("x")]));
        assert_eq!(events.next().now_or_never(), Some(None));
    }

    #[test]
    fn who_leaves_costs_nothing() {
        let (mut audience, events) = watched();
        drop(events);
        assert!(!audience.publish(vec![delta("a")]));
        assert!(!Audience::nobody().publish(vec![delta("a")]));
    }

    #[test]
    fn a_driver_that_dies_is_told() {
        let (mut audience, mut events) = watched();
        audience.publish(vec![delta("a")]);
        drop(audience);
        assert!(events.next().now_or_never().flatten().unwrap().is_ok());
        assert!(events.next().now_or_never().flatten().unwrap().is_err());
        assert_eq!(events.next().now_or_never(), Some(None));
    }
}
