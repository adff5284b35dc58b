//! How much of a thread a model may be shown, and how much a message is.
//!
//! Tokens are estimated, for no two models count them alike: four bytes are one. A model that finds the conversation too
//! long all the same says so, and is asked again with less.

use locum_domain::{
    assistant::Tool,
    chat::{Message, Part, ToolCall},
};

use super::Ask;
use crate::assistants::Assistants;

/// What a model takes of which nothing is known.
const USUAL_WINDOW: u32 = 128_000;
/// What is left free for an answer whose length nobody limits.
const USUAL_ANSWER: u32 = 4_096;
/// What a message is beside its text.
const PER_MESSAGE: u64 = 4;
/// What an image is.
const PER_PICTURE: u64 = 1_000;

/// How many tokens of prompt a model call may have.
pub(in crate::assistants) struct Budget {
    /// What the model takes; it may be exceeded by what has to be shown.
    pub window: u64,
    /// What is left of the run's prompt tokens; it may not be exceeded.
    pub limit: Option<u64>,
    /// Instructions and tools.
    pub before_messages: u64,
}

impl Budget {
    /// Has less shown from now on.
    pub fn shorten(&mut self, tokens: u64) {
        self.window = tokens;
    }
}

impl Assistants {
    /// How much the model may be shown.
    pub(in crate::assistants) fn budget(&self, ask: &Ask) -> Budget {
        let plan = &ask.plan;
        let window = self.gateway.context_window(&plan.model);
        let window = window.unwrap_or(USUAL_WINDOW);
        let answer = ask.max_tokens.unwrap_or(USUAL_ANSWER).min(window / 4);
        let instructions = match plan.instructions.len() {
            0 => 0,
            length => tokens(length) + PER_MESSAGE,
        };
        let tools = plan.tools.iter().map(|Tool::Function(function)| {
            let description = function.description.as_ref().map_or(0, String::len);
            let parameters = function.parameters.as_ref();
            let parameters = parameters.map_or(0, |schema| schema.to_string().len());
            tokens(function.name.len() + description + parameters) + PER_MESSAGE
        });
        Budget {
            window: u64::from(window - answer),
            limit: ask.max_prompt_tokens.map(u64::from),
            before_messages: instructions + tools.sum::<u64>(),
        }
    }
}

/// How many tokens some turns are.
pub(super) fn tokens_of(turns: &[Message]) -> u64 {
    turns.iter().map(of_turn).sum()
}

fn of_turn(turn: &Message) -> u64 {
    PER_MESSAGE
        + match turn {
            Message::System { text } => tokens(text.len()),
            Message::User { parts, .. } | Message::Tool { parts, .. } => {
                parts.iter().map(of_part).sum()
            }
            Message::Assistant { text, calls, .. } => {
                tokens(text.len()) + calls.iter().map(of_call).sum::<u64>()
            }
        }
}

fn of_part(part: &Part) -> u64 {
    match part {
        Part::Text(text) => tokens(text.len()),
        Part::Media(_) => PER_PICTURE,
    }
}

fn of_call(call: &ToolCall) -> u64 {
    PER_MESSAGE + tokens(call.name.len() + call.arguments.len())
}

fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}
