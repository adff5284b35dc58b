//! The chunks of a text completion.

use bytes::BytesMut;
use locum_domain::{
    chat::{ChatEvent, Usage},
    error::ApiError,
};
use serde::Serialize;

use super::{Encoder, frame::Frame};
use crate::wire::{
    AnswerHead,
    completions::{Completion, finish_word},
};

/// Writes a text completion's chunks.
pub(super) struct CompletionEncoder {
    frame: Frame,
    n: usize,
    /// What the answers to each prompt begin with, where they do.
    echo: Vec<Option<String>>,
    choices: Vec<Choice>,
    /// What the answers to each prompt have cost.
    usages: Vec<Option<Usage>>,
}

/// How far one of the answers has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    prompt: usize,
    index: u32,
    finished: bool,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    text: &'a str,
    index: usize,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

impl CompletionEncoder {
    pub fn new(head: AnswerHead, completion: &Completion) -> Self {
        let echo = |prompt: &String| completion.echo.then(|| prompt.clone());
        Self {
            frame: Frame::new("text_completion", head, completion.include_usage),
            n: completion.n as usize,
            echo: completion.prompts.iter().map(echo).collect(),
            choices: Vec::new(),
            usages: vec![None; completion.prompts.len()],
        }
    }

    /// Appends more of answer `index` to `prompt`.
    fn more(
        &mut self,
        prompt: usize,
        index: u32,
        text: &str,
        finish_reason: Option<&'static str>,
        out: &mut BytesMut,
    ) -> Result<(), ApiError> {
        let known = self
            .choices
            .iter_mut()
            .find(|choice| choice.prompt == prompt && choice.index == index);
        let begins = known.is_none();
        let finished = finish_reason.is_some();
        match known {
            None => self.choices.push(Choice {
                prompt,
                index,
                finished,
            }),
            Some(choice) if choice.finished && finished => return Ok(()),
            Some(choice) if choice.finished => {
                return Err(super::broken("it went on after it had ended"));
            }
            Some(choice) => choice.finished = finished,
        }
        let index = prompt * self.n + index as usize;
        let choice = |text, finish_reason| ChunkChoice {
            text,
            index,
            logprobs: None,
            finish_reason,
        };
        if begins && let Some(Some(echo)) = self.echo.get(prompt) {
            self.frame.choice(out, &choice(echo, None));
        }
        self.frame.choice(out, &choice(text, finish_reason));
        Ok(())
    }
}

impl Encoder for CompletionEncoder {
    /// The number of a prompt, and more of its answers.
    type Batch = (usize, Vec<ChatEvent>);

    fn events(
        &mut self,
        (prompt, events): Self::Batch,
        out: &mut BytesMut,
    ) -> Result<(), ApiError> {
        for event in events {
            match event {
                ChatEvent::Head {
                    model: Some(model), ..
                } => self.frame.name_model(model),
                // What the model says instead of the text stands in its place.
                ChatEvent::Text { choice, text } | ChatEvent::Refusal { choice, text } => {
                    self.more(prompt, choice, &text, None, out)?;
                }
                ChatEvent::Finish { choice, reason } => {
                    self.more(prompt, choice, "", Some(finish_word(reason)), out)?;
                }
                ChatEvent::Usage(usage) => {
                    if let Some(known) = self.usages.get_mut(prompt) {
                        *known = Some(usage);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut BytesMut) -> Result<(), ApiError> {
        let unfinished = self.choices.iter().any(|choice| !choice.finished);
        let has_answer = |prompt| self.choices.iter().any(|choice| choice.prompt == prompt);
        if unfinished || !(0..self.usages.len()).all(has_answer) {
            return Err(super::broken("it ended without saying why"));
        }
        let usages = self.usages.iter().flatten().copied();
        let usage = usages.reduce(|sum, usage| sum.plus(&usage));
        self.frame.end(out, usage);
        Ok(())
    }
}
