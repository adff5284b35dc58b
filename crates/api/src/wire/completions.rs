//! `POST /v1/completions`: text completions, played by chat models.
//!
//! Each prompt becomes a chat of its own: [`INSTRUCTION`] and the prompt as what the user says. What a chat model cannot
//! do is refused: prompts of tokens, text that goes on behind the gap (`suffix`), log probabilities, the best of several
//! (`best_of`). Where `max_tokens` is not said there is no limit: OpenAI's 16 would leave
//! a model that thinks before it answers without an answer.

mod answer;

use locum_domain::{
    chat::{ChatRequest, Message, Part},
    error::ApiError,
};

use super::{
    at::At,
    chat::{Sampling, check_ignored, count, sampling, streaming},
    fault,
    json::{self, Json},
    peek::check_model,
};

pub use answer::encode;

pub(crate) use answer::finish_word;

/// What makes a chat model continue a text.
pub const INSTRUCTION: &str = "You complete texts. The user's message is the beginning of a text, or a task whose result \
is the text that follows it. Answer with the text that comes next and with nothing else: do not repeat the beginning, \
do not greet, do not comment, do not put quotes or code fences around it.";

/// How many answers one request may ask for, over all prompts.
const MAX_ANSWERS: usize = 128;

/// A request, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The model as the client named it.
    pub model: String,
    /// What is to be completed.
    pub prompts: Vec<String>,
    /// One chat per prompt, in the same order.
    pub calls: Vec<ChatRequest>,
    /// How many answers each prompt gets. Choice `i` of prompt `p` is number `p * n + i` of the whole.
    pub n: u32,
    /// Whether answers begin with their prompt.
    pub echo: bool,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether a stream ends with its usage.
    pub include_usage: bool,
}

/// Reads a request.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub fn parse(body: &[u8]) -> Result<Completion, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    let model = body.require("model")?.string()?.to_owned();
    check_model(&model)?;
    let prompts = prompts(&body.require("prompt")?)?;
    let (stream, include_usage) = streaming(&body)?;
    let sampling = sampling(&body)?;
    check_ignored(&body)?;
    refuse(&body, &sampling)?;
    if prompts.len() * sampling.n as usize > MAX_ANSWERS {
        return Err(fault::invalid(
            "n",
            format!("A request may ask for at most {MAX_ANSWERS} answers, over all prompts."),
        ));
    }
    let echo = body.flag("echo")?;
    let max_tokens = count(&body, "max_tokens", i64::from(u32::MAX))?;
    let template = ChatRequest {
        model: model.clone(),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        max_tokens,
        stop: sampling.stop,
        seed: sampling.seed,
        n: sampling.n,
        stream,
        include_usage,
        ..ChatRequest::default()
    };
    let call = |prompt: &String| ChatRequest {
        messages: vec![
            Message::System {
                text: INSTRUCTION.to_owned(),
            },
            Message::User {
                name: None,
                parts: vec![Part::Text(prompt.clone())],
            },
        ],
        ..template.clone()
    };
    Ok(Completion {
        calls: prompts.iter().map(call).collect(),
        model,
        prompts,
        n: sampling.n,
        echo,
        stream,
        include_usage,
    })
}

/// A text, or several.
fn prompts(at: &At<'_, '_>) -> Result<Vec<String>, ApiError> {
    match at.value() {
        Json::String(_) => Ok(vec![at.filled_string()?.to_owned()]),
        Json::Array(items) if items.is_empty() => Err(fault::empty_array(at.path())),
        Json::Array(_) => at
            .items()?
            .map(|item| match item.value() {
                Json::Number(_) | Json::Array(_) => Err(fault::unsupported(
                    at.path(),
                    "Prompts of tokens are not supported; send texts.",
                )),
                _ => item.filled_string().map(str::to_owned),
            })
            .collect(),
        _ => Err(at.wrong_type("one of a string or an array of strings")),
    }
}

/// Refuses what a chat model cannot do.
fn refuse(body: &At<'_, '_>, sampling: &Sampling) -> Result<(), ApiError> {
    if let Some(suffix) = body.get("suffix")
        && !suffix.string()?.is_empty()
    {
        return Err(fault::unsupported(
            suffix.path(),
            "Text between a prompt and a suffix cannot be inserted; only the end of a text can be completed.",
        ));
    }
    if let Some(logprobs) = body.get("logprobs") {
        return Err(fault::unsupported(
            logprobs.path(),
            "Log probabilities are not supported for text completions; ask for a chat completion.",
        ));
    }
    match count(body, "best_of", i64::from(u32::MAX))? {
        Some(best_of) if best_of != sampling.n => Err(fault::unsupported(
            "best_of",
            "Choosing the best of several answers is not supported; 'best_of' has to be equal to 'n'.",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
