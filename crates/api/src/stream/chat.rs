//! The chunks of a chat completion.

use std::borrow::Cow;

use bytes::BytesMut;
use locum_domain::{
    chat::{ChatEvent, ToolCallDelta, Usage},
    error::ApiError,
};
use serde::Serialize;
use serde_json::Value;

use super::{Encoder, frame::Frame};
use crate::wire::{
    AnswerHead,
    chat::{Logprobs, finish_word},
    signature::{self, ExtraContent},
};

/// Writes a chat completion's chunks.
pub(super) struct ChatEncoder {
    frame: Frame,
    functions: bool,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

/// What has gone out of one of the answers.
struct Choice {
    index: u32,
    /// Indexes of the calls that have begun.
    calls: Vec<u32>,
    finished: bool,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// `Some(None)` is written as null.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionDelta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: FunctionDelta<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl ChatEncoder {
    pub fn new(head: AnswerHead, include_usage: bool) -> Self {
        Self {
            functions: head.functions,
            frame: Frame::new("chat.completion.chunk", head, include_usage),
            choices: Vec::new(),
            usage: None,
        }
    }

    /// Appends more of an answer. Its first chunk says whose it is.
    fn delta(
        &mut self,
        index: u32,
        delta: Delta<'_>,
        logprobs: &[Value],
        out: &mut BytesMut,
    ) -> Result<(), ApiError> {
        if self.choice(index, false, out).finished {
            return Err(super::broken("it went on after it had ended"));
        }
        let choice = ChunkChoice {
            index,
            delta,
            logprobs: Logprobs::of(logprobs),
            finish_reason: None,
        };
        self.frame.choice(out, &choice);
        Ok(())
    }

    /// What has gone out of answer `index`; begins it where nothing has.
    fn choice(&mut self, index: u32, with_call: bool, out: &mut BytesMut) -> &mut Choice {
        let known = self.choices.iter().position(|choice| choice.index == index);
        let place = known.unwrap_or_else(|| {
            let first = Delta {
                role: Some("assistant"),
                // An answer of calls only has no text, which is not the same as an empty one.
                content: Some((!with_call).then_some("")),
                ..Delta::default()
            };
            let choice = ChunkChoice {
                index,
                delta: first,
                logprobs: None,
                finish_reason: None,
            };
            self.frame.choice(out, &choice);
            self.choices.push(Choice {
                index,
                calls: Vec::new(),
                finished: false,
            });
            self.choices.len() - 1
        });
        &mut self.choices[place]
    }

    /// Appends a call, or more of one.
    fn call(
        &mut self,
        index: u32,
        delta: &ToolCallDelta,
        out: &mut BytesMut,
    ) -> Result<(), ApiError> {
        let choice = self.choice(index, true, out);
        let begins = !choice.calls.contains(&delta.index);
        if begins {
            choice.calls.push(delta.index);
        }
        let is_first = choice.calls.first() == Some(&delta.index);
        // Programs join the texts of all pieces, so that id and name may go out but once.
        let function = FunctionDelta {
            name: delta.name.as_deref().filter(|_| begins),
            arguments: &delta.arguments,
        };
        let signature = delta.signature.as_deref();
        let delta = if !self.functions {
            let id = delta.id.as_deref().filter(|_| begins);
            Delta {
                tool_calls: Some([CallDelta {
                    index: delta.index,
                    id: id.map(|id| signature::join(id, signature)),
                    r#type: begins.then_some("function"),
                    function,
                    extra_content: ExtraContent::of(signature),
                }]),
                ..Delta::default()
            }
        } else if is_first {
            Delta {
                function_call: Some(function),
                extra_content: ExtraContent::of(signature),
                ..Delta::default()
            }
        } else {
            // A client that speaks of functions has room for one call.
            return Ok(());
        };
        self.delta(index, delta, &[], out)
    }

    fn finish(&mut self, index: u32, word: &'static str, out: &mut BytesMut) {
        let choice = self.choice(index, false, out);
        if choice.finished {
            return;
        }
        choice.finished = true;
        let choice = ChunkChoice {
            index,
            delta: Delta::default(),
            logprobs: None,
            finish_reason: Some(word),
        };
        self.frame.choice(out, &choice);
    }

    fn is_finished(&self, index: u32) -> bool {
        let mut choices = self.choices.iter();
        choices.any(|choice| choice.index == index && choice.finished)
    }
}

impl Encoder for ChatEncoder {
    type Batch = Vec<ChatEvent>;

    fn events(&mut self, events: Vec<ChatEvent>, out: &mut BytesMut) -> Result<(), ApiError> {
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            match event {
                ChatEvent::Head { model, .. } => {
                    if let Some(model) = model {
                        self.frame.name_model(model);
                    }
                }
                ChatEvent::Text { choice, text } => {
                    // The log probabilities of these very tokens belong into the same chunk.
                    let logprobs = match events.next_if(|next| is_logprobs_of(next, choice)) {
                        Some(ChatEvent::Logprobs { content, .. }) => content,
                        _ => Vec::new(),
                    };
                    let delta = Delta {
                        content: Some(Some(&text)),
                        ..Delta::default()
                    };
                    self.delta(choice, delta, &logprobs, out)?;
                }
                ChatEvent::Refusal { choice, text } => {
                    let delta = Delta {
                        refusal: Some(&text),
                        ..Delta::default()
                    };
                    self.delta(choice, delta, &[], out)?;
                }
                ChatEvent::ToolCall { choice, delta } => self.call(choice, &delta, out)?,
                // What is no part of the answer may be late without harm; it is then left out.
                ChatEvent::Reasoning { choice, .. }
                | ChatEvent::Signature { choice, .. }
                | ChatEvent::Logprobs { choice, .. }
                    if self.is_finished(choice) => {}
                ChatEvent::Reasoning { choice, text } => {
                    let delta = Delta {
                        reasoning_content: Some(&text),
                        ..Delta::default()
                    };
                    self.delta(choice, delta, &[], out)?;
                }
                ChatEvent::Signature { choice, signature } => {
                    let delta = Delta {
                        extra_content: ExtraContent::of(Some(&signature)),
                        ..Delta::default()
                    };
                    self.delta(choice, delta, &[], out)?;
                }
                ChatEvent::Logprobs { choice, content } => {
                    self.delta(choice, Delta::default(), &content, out)?;
                }
                ChatEvent::Finish { choice, reason } => {
                    self.finish(choice, finish_word(reason, self.functions), out);
                }
                ChatEvent::Usage(usage) => self.usage = Some(usage),
                ChatEvent::Continue { .. } => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut BytesMut) -> Result<(), ApiError> {
        if self.choices.is_empty() || self.choices.iter().any(|choice| !choice.finished) {
            return Err(super::broken("it ended without saying why"));
        }
        self.frame.end(out, self.usage);
        Ok(())
    }
}

fn is_logprobs_of(event: &ChatEvent, index: u32) -> bool {
    matches!(event, ChatEvent::Logprobs { choice, .. } if *choice == index)
}
