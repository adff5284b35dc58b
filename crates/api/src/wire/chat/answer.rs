//! A whole answer.

use std::borrow::Cow;

use locum_domain::chat::{ChatAnswer, ChatChoice, FinishReason, ToolCall};
use serde::Serialize;
use serde_json::Value;

use crate::wire::{
    AnswerHead, encode as to_json,
    signature::{self, ExtraContent},
    usage::UsageObject,
};

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageObject>,
    system_fingerprint: Option<&'a str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Function<'a>>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Log probabilities of an answer's tokens.
#[derive(Serialize)]
pub(crate) struct Logprobs<'a> {
    content: &'a [Value],
    refusal: Option<&'a [Value]>,
}

impl<'a> Logprobs<'a> {
    /// `None` where there are none.
    pub fn of(content: &'a [Value]) -> Option<Self> {
        (!content.is_empty()).then_some(Self {
            content,
            refusal: None,
        })
    }
}

/// The word for why an answer ended. Where the client speaks of functions, it waits for `function_call`.
pub(crate) fn finish_word(reason: FinishReason, functions: bool) -> &'static str {
    match reason {
        FinishReason::ToolCalls if functions => "function_call",
        reason => reason.as_str(),
    }
}

/// Writes a whole answer.
///
/// A choice that does not say why it ended is told as `length`: nothing may pass for whole that is not.
pub fn encode(answer: &ChatAnswer, head: &AnswerHead) -> Vec<u8> {
    let choices = answer.choices.iter().enumerate();
    to_json(&Completion {
        id: &head.id,
        object: "chat.completion",
        created: head.created,
        model: answer.model.as_deref().unwrap_or(&head.model),
        choices: choices
            .map(|(index, choice)| Choice {
                index,
                message: message(choice, head.functions),
                logprobs: Logprobs::of(&choice.logprobs),
                finish_reason: finish_word(
                    choice.finish.unwrap_or(FinishReason::Length),
                    head.functions,
                ),
            })
            .collect(),
        usage: answer.usage.map(UsageObject::from),
        system_fingerprint: None,
    })
}

fn message(choice: &ChatChoice, functions: bool) -> Message<'_> {
    let says_something_else = !choice.calls.is_empty() || !choice.refusal.is_empty();
    let first_call = choice.calls.first().filter(|_| functions);
    // A function's call has no id to carry its signature.
    let signature = first_call
        .and_then(|call| call.signature.as_deref())
        .or(choice.signature.as_deref());
    Message {
        role: "assistant",
        content: (!choice.text.is_empty() || !says_something_else).then_some(&*choice.text),
        refusal: (!choice.refusal.is_empty()).then_some(&*choice.refusal),
        reasoning_content: (!choice.reasoning.is_empty()).then_some(&*choice.reasoning),
        tool_calls: match first_call {
            Some(_) => Vec::new(),
            None => choice.calls.iter().map(call).collect(),
        },
        function_call: first_call.map(function),
        annotations: [],
        extra_content: ExtraContent::of(signature),
    }
}

fn call(call: &ToolCall) -> Call<'_> {
    let signature = call.signature.as_deref();
    Call {
        id: signature::join(&call.id, signature),
        r#type: "function",
        function: function(call),
        extra_content: ExtraContent::of(signature),
    }
}

fn function(call: &ToolCall) -> Function<'_> {
    Function {
        name: &call.name,
        arguments: &call.arguments,
    }
}
