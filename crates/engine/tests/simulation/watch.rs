//! What a client that watches a run may see, and in which order.

use std::collections::BTreeMap;

use locum_domain::{
    id::{MessageId, StepId},
    message::{Content, Message, MessageStatus},
    run::{Run, RunEvent, RunStatus, Step, StepDetails, StepStatus},
};

/// What was seen of a run up to now.
#[derive(Default)]
pub struct Watch {
    seen: usize,
    status: Option<RunStatus>,
    step: Option<Step>,
    message: Option<MessageId>,
    said: Vec<Content>,
    calls: Vec<String>,
    begun: BTreeMap<StepId, ()>,
    /// The run as it was when it ended or came to wait.
    pub rest: Option<Run>,
    /// What has ended, to be compared with what is stored.
    pub steps: Vec<Step>,
    pub messages: Vec<Message>,
}

/// What must not be seen.
type Wrong = String;

impl Watch {
    /// Whether the next event may come.
    pub fn see(&mut self, event: &RunEvent) -> Result<(), Wrong> {
        if let Some(run) = &self.rest {
            return Err(format!("{event:?} after the run was {:?}", run.status));
        }
        let first = self.seen == 0;
        self.seen += 1;
        match event {
            RunEvent::ThreadCreated(_) if first => Ok(()),
            RunEvent::ThreadCreated(_) => Err("the thread is not the first to be told".into()),
            RunEvent::RunCreated(run)
                if run.status == RunStatus::Queued && self.status.is_none() =>
            {
                Ok(())
            }
            RunEvent::RunCreated(run) => Err(format!("a run is made {:?}", run.status)),
            RunEvent::RunChanged(run) => self.run_changed(run),
            RunEvent::StepBegun(step) => self.step_begun(step),
            RunEvent::StepEnded(step) => self.step_ended(step, first),
            RunEvent::MessageBegun(message) => self.message_begun(message),
            RunEvent::MessageEnded(message) => self.message_ended(message),
            RunEvent::TextDelta {
                message_id,
                index,
                first,
                text,
            } => self.more(message_id, *index, Some(*first), text, Content::Text),
            RunEvent::RefusalDelta {
                message_id,
                index,
                text,
            } => self.more(message_id, *index, None, text, Content::Refusal),
            RunEvent::CallBegun {
                step_id, index, id, ..
            } => {
                self.is_calling(step_id)?;
                if *index != self.calls.len() {
                    return Err(format!("call {index} comes after {}", self.calls.len()));
                }
                self.calls.push(id.clone());
                Ok(())
            }
            RunEvent::CallDelta {
                step_id,
                index,
                arguments,
            } => {
                self.is_calling(step_id)?;
                match self.calls.get(*index) {
                    Some(_) if !arguments.is_empty() => Ok(()),
                    _ => Err(format!("nothing for call {index}")),
                }
            }
        }
    }

    fn run_changed(&mut self, run: &Run) -> Result<(), Wrong> {
        use RunStatus::{Cancelling, InProgress, Queued, RequiresAction};

        let before = self.status.replace(run.status);
        let follows = match (before, run.status) {
            (None | Some(Queued), Cancelling) | (None, Queued) => true,
            (Some(Queued), InProgress) => true,
            (Some(InProgress), status) => status != Queued && status != InProgress,
            (Some(Cancelling), status) => status.is_terminal(),
            // A run that waited and expired, or one whose limit left no room for an answer.
            (None | Some(Queued), status) => status.is_terminal(),
            _ => false,
        };
        if !follows {
            return Err(format!("{:?} follows {before:?}", run.status));
        }
        if run.status.is_terminal() {
            if let Some(step) = &self.step {
                return Err(format!("the run ends before its step {}", step.id));
            }
            self.rest = Some(run.clone());
        }
        if run.status == RequiresAction {
            let required: Vec<_> = run.required_calls.iter().map(|call| &call.id).collect();
            if required != self.calls.iter().collect::<Vec<_>>() {
                return Err(format!("told of {:?}, asked for {required:?}", self.calls));
            }
            self.rest = Some(run.clone());
        }
        Ok(())
    }

    fn step_begun(&mut self, step: &Step) -> Result<(), Wrong> {
        if self.status != Some(RunStatus::InProgress) {
            return Err(format!("a step begins while {:?}", self.status));
        }
        if let Some(open) = &self.step {
            return Err(format!("{} begins before {} has ended", step.id, open.id));
        }
        if self.begun.insert(step.id.clone(), ()).is_some() {
            return Err(format!("{} begins twice", step.id));
        }
        let is_new = step.status == StepStatus::InProgress
            && step.usage.is_none()
            && !matches!(&step.details, StepDetails::Calls(calls) if !calls.is_empty());
        if !is_new {
            return Err(format!("a step begins as {step:?}"));
        }
        self.calls.clear();
        self.step = Some(step.clone());
        Ok(())
    }

    fn step_ended(&mut self, step: &Step, first: bool) -> Result<(), Wrong> {
        if step.status == StepStatus::InProgress || step.usage.is_none() {
            return Err(format!("a step ends as {step:?}"));
        }
        let open = self.step.take().map(|open| open.id);
        // The step of a run that goes on with outputs was begun in another stream.
        let is_open = open.as_ref() == Some(&step.id) || (first && open.is_none());
        if !is_open || self.message.is_some() {
            return Err(format!("{} ends while {open:?} is open", step.id));
        }
        self.steps.push(step.clone());
        Ok(())
    }

    fn message_begun(&mut self, message: &Message) -> Result<(), Wrong> {
        let is_of_step = self.step.as_ref().is_some_and(
            |step| matches!(&step.details, StepDetails::Message(id) if *id == message.id),
        );
        let is_new = message.status == MessageStatus::InProgress && message.content.is_empty();
        if !is_of_step || !is_new || self.message.is_some() {
            return Err(format!("a message begins as {message:?}"));
        }
        self.message = Some(message.id.clone());
        self.said.clear();
        Ok(())
    }

    fn message_ended(&mut self, message: &Message) -> Result<(), Wrong> {
        if self.message.take().as_ref() != Some(&message.id) {
            return Err(format!("{} ends, which was not open", message.id));
        }
        let nothing = vec![Content::Text(String::new())];
        let is_whole =
            message.content == self.said || (self.said.is_empty() && message.content == nothing);
        if !is_whole || message.status == MessageStatus::InProgress {
            return Err(format!("told {:?}, ended as {message:?}", self.said));
        }
        self.messages.push(message.clone());
        Ok(())
    }

    fn more(
        &mut self,
        id: &MessageId,
        index: usize,
        first: Option<bool>,
        text: &str,
        kind: fn(String) -> Content,
    ) -> Result<(), Wrong> {
        if self.message.as_ref() != Some(id) || text.is_empty() {
            return Err(format!(
                "{text:?} of {id}, while {:?} is open",
                self.message
            ));
        }
        let pieces = self.said.len();
        let is_new = index == pieces;
        if first.is_some_and(|first| first != is_new) {
            return Err(format!("piece {index} of {pieces}"));
        }
        if is_new {
            self.said.push(kind(text.to_owned()));
            return Ok(());
        }
        match self.said.last_mut() {
            Some(Content::Text(said) | Content::Refusal(said)) if index + 1 == pieces => {
                said.push_str(text);
                Ok(())
            }
            _ => Err(format!("piece {index} of {pieces}")),
        }
    }

    fn is_calling(&self, id: &StepId) -> Result<(), Wrong> {
        match &self.step {
            Some(step) if step.id == *id && matches!(step.details, StepDetails::Calls(_)) => Ok(()),
            _ => Err(format!("a call of {id}, which is not open")),
        }
    }
}
