//! A client that watches a run as OpenAI's SDKs do, and fails the test where they would fail.

use std::collections::{HashMap, HashSet};

use locum_domain::{
    chat::ToolCall,
    id::{MessageId, StepId},
    message::{Content, MessageStatus, Role},
    run::{Output, RunEvent, RunStatus, Step, StepCall, StepDetails, StepStatus, Write},
};

use crate::stage::Stored;

/// What a client has made of the events up to now.
#[derive(Debug, Default)]
pub struct Viewer {
    status: Option<RunStatus>,
    /// Open steps, in the order in which they began.
    steps: Vec<Step>,
    /// What the deltas of each open message amount to.
    messages: HashMap<MessageId, Vec<Content>>,
    /// What the deltas of each open step that calls functions amount to.
    calls: HashMap<StepId, Vec<ToolCall>>,
    /// All ids ever seen: none may begin twice.
    seen: HashSet<String>,
}

impl Viewer {
    pub fn watch(&mut self, output: &Output) {
        for write in &output.writes {
            self.forget(write);
        }
        for event in &output.events {
            self.see(event);
        }
        assert!(
            self.steps.len() <= 1,
            "two steps are open: {:?}",
            self.steps
        );
        if self.status.is_some_and(RunStatus::is_terminal) {
            assert!(self.steps.is_empty(), "left open: {:?}", self.steps);
            assert!(self.messages.is_empty(), "left open: {:?}", self.messages);
        }
    }

    /// Deltas that were told by a process that is gone count no more.
    pub fn lose_deltas(&mut self, stored: &Stored) {
        for (id, content) in &mut self.messages {
            *content = stored.message(id).expect("it was begun").content;
        }
        for (id, seen) in &mut self.calls {
            if let StepDetails::Calls(calls) = stored.step(id).expect("it was begun").details {
                *seen = unsigned(&calls);
            }
        }
    }

    fn forget(&mut self, write: &Write) {
        match write {
            Write::DropStep(id) => {
                self.steps.retain(|step| step.id != *id);
                self.calls.remove(id);
            }
            Write::DropMessage(id) => {
                self.messages.remove(id);
            }
            Write::Step(_) | Write::Message(_) => {}
        }
    }

    fn see(&mut self, event: &RunEvent) {
        match event {
            RunEvent::ThreadCreated(_) => panic!("the machine makes no threads"),
            RunEvent::RunCreated(run) => {
                assert_eq!(self.status, None);
                assert_eq!(run.status, RunStatus::Queued);
            }
            RunEvent::RunChanged(run) => {
                let from = self.status.replace(run.status);
                assert!(follows(from, run.status), "{from:?} to {:?}", run.status);
                let waits = run.status == RunStatus::RequiresAction;
                let wanted = self.calls.values().next().cloned();
                assert_eq!(
                    run.required_calls,
                    wanted.filter(|_| waits).unwrap_or_default()
                );
                assert_eq!(run.last_error.is_some(), run.status == RunStatus::Failed);
            }
            RunEvent::StepBegun(step) => {
                assert!(self.seen.insert(step.id.to_string()), "twice: {step:?}");
                assert_eq!(step.status, StepStatus::InProgress);
                assert_eq!(step.usage, None);
                if let StepDetails::Calls(calls) = &step.details {
                    assert!(calls.is_empty(), "prefilled: {step:?}");
                    self.calls.insert(step.id.clone(), Vec::new());
                }
                self.steps.push((**step).clone());
            }
            RunEvent::MessageBegun(message) => {
                assert!(
                    self.seen.insert(message.id.to_string()),
                    "twice: {message:?}"
                );
                let written_by_a_step = self
                    .steps
                    .iter()
                    .any(|step| step.details == StepDetails::Message(message.id.clone()));
                assert!(written_by_a_step, "no step writes {message:?}");
                assert_eq!(message.status, MessageStatus::InProgress);
                assert_eq!(message.role, Role::Assistant);
                assert!(message.run_id.is_some() && message.assistant_id.is_some());
                assert!(message.content.is_empty(), "prefilled: {message:?}");
                self.messages.insert(message.id.clone(), Vec::new());
            }
            RunEvent::TextDelta {
                message_id,
                index,
                first,
                text,
            } => {
                assert!(!text.is_empty());
                let content = self.messages.get_mut(message_id).expect("a begun message");
                assert_eq!(*first, *index == content.len());
                if *first {
                    content.push(Content::Text(String::new()));
                }
                match content.last_mut() {
                    Some(Content::Text(said)) => said.push_str(text),
                    other => panic!("text is added to {other:?}"),
                }
                assert_eq!(content.len(), index + 1);
            }
            RunEvent::RefusalDelta {
                message_id,
                index,
                text,
            } => {
                assert!(!text.is_empty());
                let content = self.messages.get_mut(message_id).expect("a begun message");
                if *index == content.len() {
                    content.push(Content::Refusal(String::new()));
                }
                match content.last_mut() {
                    Some(Content::Refusal(said)) => said.push_str(text),
                    other => panic!("a refusal is added to {other:?}"),
                }
                assert_eq!(content.len(), index + 1);
            }
            RunEvent::MessageEnded(message) => {
                let seen = self.messages.remove(&message.id).expect("a begun message");
                let whole = message.status == MessageStatus::Completed;
                assert_ne!(message.status, MessageStatus::InProgress);
                assert_eq!(message.completed_at.is_some(), whole);
                assert_eq!(message.incomplete_at.is_some(), !whole);
                assert_eq!(message.incomplete.is_some(), !whole);
                if whole && seen.is_empty() {
                    assert_eq!(message.content, [Content::Text(String::new())]);
                } else {
                    assert_eq!(message.content, seen);
                }
            }
            RunEvent::CallBegun {
                step_id,
                index,
                id,
                name,
            } => {
                let calls = self.calls.get_mut(step_id).expect("a begun step");
                assert_eq!(*index, calls.len());
                assert!(!id.is_empty() && calls.iter().all(|call| call.id != *id));
                calls.push(ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    ..ToolCall::default()
                });
            }
            RunEvent::CallDelta {
                step_id,
                index,
                arguments,
            } => {
                assert!(!arguments.is_empty());
                let calls = self.calls.get_mut(step_id).expect("a begun step");
                calls[*index].arguments.push_str(arguments);
            }
            RunEvent::StepEnded(step) => {
                let open = self.steps.iter().position(|open| open.id == step.id);
                self.steps.remove(open.expect("a begun step"));
                let ended_at = [
                    (StepStatus::Cancelled, step.cancelled_at),
                    (StepStatus::Failed, step.failed_at),
                    (StepStatus::Completed, step.completed_at),
                    (StepStatus::Expired, step.expired_at),
                ];
                for (status, at) in ended_at {
                    assert_eq!(at.is_some(), status == step.status);
                }
                assert_ne!(step.status, StepStatus::InProgress);
                assert!(step.usage.is_some());
                match &step.details {
                    StepDetails::Message(id) => {
                        assert!(!self.messages.contains_key(id), "its message is still open");
                    }
                    StepDetails::Calls(calls) => {
                        let seen = self.calls.remove(&step.id).expect("a begun step");
                        assert_eq!(unsigned(calls), seen);
                    }
                }
            }
        }
    }
}

/// Calls as clients see them.
fn unsigned(calls: &[StepCall]) -> Vec<ToolCall> {
    let unsigned = |call: &StepCall| ToolCall {
        signature: None,
        ..call.call.clone()
    };
    calls.iter().map(unsigned).collect()
}

/// Which status may follow which.
fn follows(from: Option<RunStatus>, to: RunStatus) -> bool {
    use RunStatus::{
        Cancelled, Cancelling, Completed, Expired, Failed, InProgress, Incomplete, Queued,
        RequiresAction,
    };
    match from {
        None => matches!(to, Queued | Cancelling | Expired | InProgress),
        Some(Queued) => matches!(to, InProgress | Cancelling | Expired),
        Some(InProgress) => !matches!(to, Queued | InProgress | Cancelled),
        Some(RequiresAction) => matches!(to, Queued | Cancelling | Expired),
        Some(Cancelling) => to == Cancelled,
        Some(Cancelled | Failed | Completed | Incomplete | Expired) => false,
    }
}
