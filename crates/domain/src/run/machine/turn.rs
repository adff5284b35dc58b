//! What one input has led to so far.

use super::{Effect, Output, Write};
use crate::{
    id::{Ids, MessageId},
    message::{Content, Message},
    run::{Run, RunEvent, Step},
    time::Timestamp,
};

/// One input's time, the source of its ids, and its output in the making.
pub(super) struct Turn<'a> {
    pub(super) now: Timestamp,
    pub(super) ids: &'a mut Ids,
    output: Output,
}

impl<'a> Turn<'a> {
    pub(super) fn new(now: Timestamp, ids: &'a mut Ids) -> Self {
        Self {
            now,
            ids,
            output: Output::default(),
        }
    }

    pub(super) fn into_output(self) -> Output {
        self.output
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.output.effects.push(effect);
    }

    /// Has the run itself stored, without telling anybody.
    pub(super) fn changed(&mut self) {
        self.output.changed = true;
    }

    /// Tells what is not stored: a delta.
    pub(super) fn tell(&mut self, event: RunEvent) {
        self.output.events.push(event);
    }

    /// Tells of more text of a message, or of more of why there is none.
    pub(super) fn delta(&mut self, message: &MessageId, index: usize, first: bool, more: Content) {
        let message_id = message.clone();
        match more {
            Content::Text(text) => self.tell(RunEvent::TextDelta {
                message_id,
                index,
                first,
                text,
            }),
            Content::Refusal(text) => self.tell(RunEvent::RefusalDelta {
                message_id,
                index,
                text,
            }),
            Content::ImageFile { .. } | Content::ImageUrl { .. } => {}
        }
    }

    pub(super) fn run_created(&mut self, run: &Run) {
        self.output.changed = true;
        self.tell(RunEvent::RunCreated(Box::new(run.clone())));
    }

    pub(super) fn run_changed(&mut self, run: &Run) {
        self.output.changed = true;
        self.tell(RunEvent::RunChanged(Box::new(run.clone())));
    }

    pub(super) fn step_begun(&mut self, step: &Step) {
        self.write(Write::Step(Box::new(step.clone())));
        self.tell(RunEvent::StepBegun(Box::new(step.clone())));
    }

    pub(super) fn step_ended(&mut self, step: Step) {
        self.write(Write::Step(Box::new(step.clone())));
        self.tell(RunEvent::StepEnded(Box::new(step)));
    }

    pub(super) fn message_begun(&mut self, message: &Message) {
        self.write(Write::Message(Box::new(message.clone())));
        self.tell(RunEvent::MessageBegun(Box::new(message.clone())));
    }

    pub(super) fn message_ended(&mut self, message: Message) {
        self.write(Write::Message(Box::new(message.clone())));
        self.tell(RunEvent::MessageEnded(Box::new(message)));
    }

    /// Has something stored. Of two states of one object within a turn only the later one is.
    pub(super) fn write(&mut self, write: Write) {
        self.output.changed = true;
        let earlier = self
            .output
            .writes
            .iter_mut()
            .find(|earlier| match (&**earlier, &write) {
                (Write::Step(a), Write::Step(b)) => a.id == b.id,
                (Write::Message(a), Write::Message(b)) => a.id == b.id,
                _ => false,
            });
        match earlier {
            Some(earlier) => *earlier = write,
            None => self.output.writes.push(write),
        }
    }
}
