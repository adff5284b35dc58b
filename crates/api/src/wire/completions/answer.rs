//! A whole answer.

use std::borrow::Cow;

use locum_domain::chat::{ChatAnswer, ChatChoice, FinishReason};
use serde::Serialize;

use super::Completion;
use crate::wire::{AnswerHead, encode as to_json, usage::UsageObject};

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageObject>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: Cow<'a, str>,
    index: usize,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

/// The word for why a text ended. Text completions know no calls.
pub(crate) fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ToolCalls => FinishReason::Stop.as_str(),
        reason => reason.as_str(),
    }
}

/// Writes the answers to all prompts, in their order, as one.
///
/// A choice that does not say why it ended is told as `length`: nothing may pass for whole that is not.
pub fn encode(answers: &[ChatAnswer], completion: &Completion, head: &AnswerHead) -> Vec<u8> {
    let mut choices = Vec::new();
    for (prompt, (answer, text)) in answers.iter().zip(&completion.prompts).enumerate() {
        let first = prompt * completion.n as usize;
        let echo = completion.echo.then_some(text.as_str());
        choices.extend(
            answer
                .choices
                .iter()
                .enumerate()
                .map(|(index, choice)| Choice {
                    text: text_of(choice, echo),
                    index: first + index,
                    logprobs: None,
                    finish_reason: finish_word(choice.finish.unwrap_or(FinishReason::Length)),
                }),
        );
    }
    let usages = answers.iter().filter_map(|answer| answer.usage);
    let model = answers.iter().find_map(|answer| answer.model.as_deref());
    to_json(&Object {
        id: &head.id,
        object: "text_completion",
        created: head.created,
        model: model.unwrap_or(&head.model),
        choices,
        usage: usages
            .reduce(|sum, usage| sum.plus(&usage))
            .map(UsageObject::from),
    })
}

/// The text of an answer; what the model says instead of one stands in its place.
fn text_of<'a>(choice: &'a ChatChoice, echo: Option<&str>) -> Cow<'a, str> {
    match (echo, choice.refusal.as_str()) {
        (None, "") => Cow::Borrowed(&choice.text),
        (echo, refusal) => {
            let echo = echo.unwrap_or_default();
            Cow::Owned([echo, &choice.text, refusal].concat())
        }
    }
}
