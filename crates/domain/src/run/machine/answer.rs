//! What the model says: its events become a message, or the calls of a step.

use super::{Ending, Machine, Open, Turn, Write};
use crate::{
    chat::{ChatEvent, FinishReason, ToolCall, ToolCallDelta, Usage},
    id::{MessageId, StepId},
    message::{Content, Message, MessageStatus, Role},
    metadata::Metadata,
    run::{RunEvent, RunIncomplete, RunStatus, ServedBy, Step, StepCall, StepDetails, StepStatus},
};

/// What is known of the answer in progress beside what is open. Nothing of it is stored: an answer that is lost is asked
/// for again.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answer {
    served: Option<ServedBy>,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    /// What the upstream calls the calls of the open step.
    indexes: Vec<u32>,
    /// What was said after the first call. A step that calls functions is the last of its answer to end, so that this
    /// gets a step of its own only when all is said.
    late: Vec<Content>,
    /// The proof of the thinking behind a text that has not come yet.
    signature: Option<String>,
}

impl Machine {
    /// Somebody answers.
    pub(super) fn served(&mut self, by: ServedBy) {
        if let Some(open) = &mut self.open {
            open.step.served = Some(by.clone());
        }
        self.run.served = Some(by.clone());
        self.answer.served = Some(by);
    }

    /// More of the answer.
    pub(super) fn hear(&mut self, turn: &mut Turn<'_>, events: Vec<ChatEvent>) {
        for event in events {
            match event {
                ChatEvent::Text { choice: 0, text } => self.say(turn, Content::Text(text)),
                ChatEvent::Refusal { choice: 0, text } => self.say(turn, Content::Refusal(text)),
                ChatEvent::ToolCall { choice: 0, delta } => self.call(turn, delta),
                ChatEvent::Signature {
                    choice: 0,
                    signature,
                } => self.sign(signature),
                ChatEvent::Finish { choice: 0, reason } => self.answer.finish = Some(reason),
                ChatEvent::Usage(usage) => self.answer.usage = Some(usage),
                ChatEvent::Text { .. }
                | ChatEvent::Refusal { .. }
                | ChatEvent::ToolCall { .. }
                | ChatEvent::Signature { .. }
                | ChatEvent::Finish { .. }
                | ChatEvent::Head { .. }
                | ChatEvent::Reasoning { .. }
                | ChatEvent::Logprobs { .. }
                | ChatEvent::Continue { .. } => {}
            }
        }
    }

    /// The answer is whole: what follows depends on why it ended, and on whether it calls functions.
    pub(super) fn answered(&mut self, turn: &mut Turn<'_>) {
        self.run.broken_tries = 0;
        let ending = match self.answer.finish {
            Some(FinishReason::Length) => Ending::Limit(RunIncomplete::MaxCompletionTokens),
            Some(FinishReason::ContentFilter) => Ending::Filtered,
            Some(FinishReason::Stop | FinishReason::ToolCalls) | None => {
                let calls = self.open.as_ref().and_then(calls_of).unwrap_or_default();
                if !calls.is_empty() {
                    return self.require_action(turn);
                }
                Ending::Completed
            }
        };
        if self.open.is_none() {
            self.begin_message(turn);
        }
        self.end(turn, ending);
    }

    /// The client's program has to run what was called. The step goes on until it has.
    fn require_action(&mut self, turn: &mut Turn<'_>) {
        self.count_answer();
        self.run.written_ahead = None;
        let calling = self.open.take();
        self.write_late(turn, &Ending::Completed);
        self.open = calling;
        if let Some(open) = &self.open {
            turn.write(Write::Step(Box::new(open.step.clone())));
            let calls = calls_of(open).unwrap_or_default();
            self.run.required_calls = calls.iter().map(unsigned).collect();
        }
        self.answer = Answer::default();
        self.run.status = RunStatus::RequiresAction;
        turn.run_changed(&self.run);
    }

    /// Adds the answer's cost to the run's, and to that of the step that is open: the last one of the answer.
    pub(super) fn count_answer(&mut self) {
        if let Some(usage) = self.answer.usage.take() {
            self.run.usage = self.run.usage.plus(&usage);
            if let Some(open) = &mut self.open {
                open.step.usage = Some(usage);
            }
        }
    }

    /// Writes what was said after the first call, in a step of its own. Nothing is open before and after that.
    pub(super) fn write_late(&mut self, turn: &mut Turn<'_>, ending: &Ending) {
        for content in std::mem::take(&mut self.answer.late) {
            self.say(turn, content);
        }
        self.close(turn, ending);
    }

    /// More text, or more of why there is none.
    fn say(&mut self, turn: &mut Turn<'_>, more: Content) {
        let (Content::Text(text) | Content::Refusal(text)) = &more else {
            return;
        };
        if text.is_empty() {
            return;
        }
        if self.open.is_none() {
            self.begin_message(turn);
        }
        match self.open.as_mut().and_then(|open| open.message.as_mut()) {
            Some(message) => {
                let (index, first) = append(&mut message.content, &more);
                turn.delta(&message.id, index, first, more);
            }
            None => {
                append(&mut self.answer.late, &more);
            }
        }
    }

    /// A call, or more of one.
    fn call(&mut self, turn: &mut Turn<'_>, delta: ToolCallDelta) {
        if self.open.as_ref().and_then(calls_of).is_none() {
            self.begin_calls(turn);
        }
        let Some(Open { step, .. }) = &mut self.open else {
            return;
        };
        let StepDetails::Calls(calls) = &mut step.details else {
            return;
        };

        let indexes = &mut self.answer.indexes;
        let known = indexes.iter().position(|&index| index == delta.index);
        let index = known.unwrap_or(calls.len());
        if known.is_none() {
            indexes.push(delta.index);
            // Outputs are matched by id: one that is missing or not unique would leave the run waiting for ever.
            let id = delta
                .id
                .filter(|id| !id.is_empty() && calls.iter().all(|call| call.call.id != *id))
                .unwrap_or_else(|| turn.ids.next("call_"));
            let name = delta.name.unwrap_or_default();
            calls.push(StepCall {
                call: ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    ..ToolCall::default()
                },
                output: None,
            });
            turn.tell(RunEvent::CallBegun {
                step_id: step.id.clone(),
                index,
                id,
                name,
            });
        }

        let Some(StepCall { call, .. }) = calls.get_mut(index) else {
            return;
        };
        if delta.signature.is_some() {
            call.signature = delta.signature;
        }
        if !delta.arguments.is_empty() {
            call.arguments.push_str(&delta.arguments);
            turn.tell(RunEvent::CallDelta {
                step_id: step.id.clone(),
                index,
                arguments: delta.arguments,
            });
        }
    }

    /// The proof of the thinking behind the text that is being written, or that comes next.
    fn sign(&mut self, signature: String) {
        match self.open.as_mut().and_then(|open| open.message.as_mut()) {
            Some(message) => message.signature = Some(signature),
            None => self.answer.signature = Some(signature),
        }
    }

    /// Opens a step that writes a message.
    fn begin_message(&mut self, turn: &mut Turn<'_>) {
        let message = Message {
            id: MessageId::next(turn.ids),
            thread_id: self.run.thread_id.clone(),
            created_at: turn.now,
            status: MessageStatus::InProgress,
            incomplete: None,
            completed_at: None,
            incomplete_at: None,
            role: Role::Assistant,
            content: Vec::new(),
            assistant_id: Some(self.run.assistant_id.clone()),
            run_id: Some(self.run.id.clone()),
            attachments: Vec::new(),
            metadata: Metadata::default(),
            signature: self.answer.signature.take(),
        };
        let step = self.begin_step(turn, StepDetails::Message(message.id.clone()));
        turn.message_begun(&message);
        self.open = Some(Open {
            step,
            message: Some(message),
        });
    }

    /// Opens a step that calls functions. What was said ahead of them is whole.
    fn begin_calls(&mut self, turn: &mut Turn<'_>) {
        if let Some(Open {
            step,
            message: Some(message),
        }) = &self.open
        {
            self.run.written_ahead = Some((step.id.clone(), message.id.clone()));
        }
        self.close(turn, &Ending::Completed);
        let step = self.begin_step(turn, StepDetails::Calls(Vec::new()));
        self.open = Some(Open {
            step,
            message: None,
        });
    }

    fn begin_step(&self, turn: &mut Turn<'_>, details: StepDetails) -> Step {
        let step = Step {
            id: StepId::next(turn.ids),
            run_id: self.run.id.clone(),
            thread_id: self.run.thread_id.clone(),
            assistant_id: self.run.assistant_id.clone(),
            created_at: turn.now,
            status: StepStatus::InProgress,
            details,
            last_error: None,
            expired_at: None,
            cancelled_at: None,
            failed_at: None,
            completed_at: None,
            usage: None,
            served: self.answer.served.clone(),
        };
        turn.step_begun(&step);
        step
    }
}

/// The calls of a step that calls functions.
fn calls_of(open: &Open) -> Option<&[StepCall]> {
    match &open.step.details {
        StepDetails::Calls(calls) => Some(calls),
        StepDetails::Message(_) => None,
    }
}

/// A call as clients see it.
fn unsigned(call: &StepCall) -> ToolCall {
    ToolCall {
        signature: None,
        ..call.call.clone()
    }
}

/// Adds to what was said. Which piece it went to, and whether that is a new one.
fn append(said: &mut Vec<Content>, more: &Content) -> (usize, bool) {
    match (said.last_mut(), more) {
        (Some(Content::Text(last)), Content::Text(text))
        | (Some(Content::Refusal(last)), Content::Refusal(text)) => {
            last.push_str(text);
            (said.len() - 1, false)
        }
        _ => {
            said.push(more.clone());
            (said.len() - 1, true)
        }
    }
}
