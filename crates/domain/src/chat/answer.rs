//! What a model answers: events, and their fold.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::ToolCall;

/// One piece of an answer, in the order in which the model made it.
///
/// `choice` is the index of the answer among the `n` that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatEvent {
    /// Who answers, as far as the upstream says. Comes first, at most once per upstream request.
    Head {
        /// The model that really answers, in the provider's words.
        model: Option<String>,
        /// The upstream's own id of the answer.
        id: Option<String>,
    },
    /// More text.
    Text {
        /// Index of the answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// More of what the model thought before it answered; not part of the answer.
    Reasoning {
        /// Index of the answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// More of the reason why the model will not answer.
    Refusal {
        /// Index of the answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// A call, or more of one.
    ToolCall {
        /// Index of the answer.
        choice: u32,
        /// The piece.
        delta: ToolCallDelta,
    },
    /// The proof of the thinking behind the answer's text.
    Signature {
        /// Index of the answer.
        choice: u32,
        /// Opaque.
        signature: String,
    },
    /// Log probabilities of further tokens, as elements of OpenAI's `logprobs.content`.
    Logprobs {
        /// Index of the answer.
        choice: u32,
        /// One element per token.
        content: Vec<Value>,
    },
    /// This answer has ended. Exactly once per choice of a whole answer.
    Finish {
        /// Index of the answer.
        choice: u32,
        /// Why.
        reason: FinishReason,
    },
    /// What the request has cost up to here, all choices together. A later one replaces an earlier one.
    Usage(Usage),
    /// The upstream has paused in the middle of the answer; it goes on when it is asked again with this token.
    Continue {
        /// Opaque.
        token: String,
    },
}

/// A call, or more of one. The first piece of an `index` carries `id` and `name`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCallDelta {
    /// Index of the call in its answer, from 0.
    pub index: u32,
    /// Id of the call.
    pub id: Option<String>,
    /// The function.
    pub name: Option<String>,
    /// More of the arguments' JSON text.
    pub arguments: String,
    /// The proof of the thinking behind the call.
    pub signature: Option<String>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// It was complete.
    Stop,
    /// The limit of tokens.
    Length,
    /// The model wants functions called.
    ToolCalls,
    /// The provider's policy.
    ContentFilter,
}

impl FinishReason {
    /// The word that programs know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// Tokens that were spent. `total` is always `prompt + completion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub prompt: u64,
    /// Tokens of the answer, thinking included.
    pub completion: u64,
    /// Parts of the two.
    pub details: UsageDetails,
}

/// Parts of [`Usage`]; 0 where the provider does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageDetails {
    /// Of the prompt: read from the provider's cache.
    pub cached: u64,
    /// Of the prompt: sound.
    pub prompt_audio: u64,
    /// Of the answer: thinking.
    pub reasoning: u64,
    /// Of the answer: sound.
    pub completion_audio: u64,
}

impl Usage {
    /// All tokens.
    pub fn total(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    /// The cost of two requests together.
    #[must_use]
    pub fn plus(&self, other: &Usage) -> Usage {
        let (a, b) = (&self.details, &other.details);
        Usage {
            prompt: self.prompt.saturating_add(other.prompt),
            completion: self.completion.saturating_add(other.completion),
            details: UsageDetails {
                cached: a.cached.saturating_add(b.cached),
                prompt_audio: a.prompt_audio.saturating_add(b.prompt_audio),
                reasoning: a.reasoning.saturating_add(b.reasoning),
                completion_audio: a.completion_audio.saturating_add(b.completion_audio),
            },
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatAnswer {
    /// The model that really answered, where the upstream said.
    pub model: Option<String>,
    /// The upstream's own id of the answer.
    pub id: Option<String>,
    /// The answers by index.
    pub choices: Vec<ChatChoice>,
    /// What it cost, where the upstream said.
    pub usage: Option<Usage>,
}

/// One of the `n` answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatChoice {
    /// The text.
    pub text: String,
    /// What the model thought before.
    pub reasoning: String,
    /// Why it will not answer.
    pub refusal: String,
    /// The calls, in order.
    pub calls: Vec<ToolCall>,
    /// The proof of the thinking behind the text.
    pub signature: Option<String>,
    /// Elements of OpenAI's `logprobs.content`.
    pub logprobs: Vec<Value>,
    /// Why it ended; `None` while it has not.
    pub finish: Option<FinishReason>,
}

impl ChatAnswer {
    /// The fold of an answer's events.
    pub fn from_events(events: impl IntoIterator<Item = ChatEvent>) -> Self {
        let mut answer = Self::default();
        for event in events {
            answer.apply(event);
        }
        answer
    }

    /// Adds one event.
    pub fn apply(&mut self, event: ChatEvent) {
        match event {
            ChatEvent::Head { model, id } => {
                self.model = self.model.take().or(model);
                self.id = self.id.take().or(id);
            }
            ChatEvent::Text { choice, text } => append(&mut self.choice(choice).text, text),
            ChatEvent::Reasoning { choice, text } => {
                append(&mut self.choice(choice).reasoning, text);
            }
            ChatEvent::Refusal { choice, text } => append(&mut self.choice(choice).refusal, text),
            ChatEvent::ToolCall { choice, delta } => self.choice(choice).apply_call(delta),
            ChatEvent::Signature { choice, signature } => {
                self.choice(choice).signature = Some(signature);
            }
            ChatEvent::Logprobs { choice, content } => {
                self.choice(choice).logprobs.extend(content);
            }
            ChatEvent::Finish { choice, reason } => self.choice(choice).finish = Some(reason),
            ChatEvent::Usage(usage) => self.usage = Some(usage),
            ChatEvent::Continue { .. } => {}
        }
    }

    fn choice(&mut self, index: u32) -> &mut ChatChoice {
        let index = index as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, ChatChoice::default);
        }
        &mut self.choices[index]
    }
}

impl ChatChoice {
    fn apply_call(&mut self, delta: ToolCallDelta) {
        let index = delta.index as usize;
        if self.calls.len() <= index {
            self.calls.resize_with(index + 1, ToolCall::default);
        }
        let call = &mut self.calls[index];
        if let Some(id) = delta.id {
            call.id = id;
        }
        if let Some(name) = delta.name {
            call.name = name;
        }
        append(&mut call.arguments, delta.arguments);
        if delta.signature.is_some() {
            call.signature = delta.signature;
        }
    }
}

/// Appends without copying where there is nothing yet.
fn append(to: &mut String, text: String) {
    if to.is_empty() {
        *to = text;
    } else {
        to.push_str(&text);
    }
}
