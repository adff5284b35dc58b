//! The pieces of an answer, one by one, in OpenAI's form.

use std::borrow::Cow;

use locum_domain::{
    chat::FinishReason,
    failure::{Failure, FailureClass},
};
use serde_json::{Value, json, value::RawValue};

use crate::gemini::reply::{InlineData, LogprobsCandidate, LogprobsResult};

/// OpenAI's word for the end of a candidate.
pub(super) fn finish_reason(
    reason: &str,
    has_calls: bool,
    has_content: bool,
) -> Result<FinishReason, Failure> {
    let stop = if has_calls {
        FinishReason::ToolCalls
    } else {
        FinishReason::Stop
    };
    match reason {
        "STOP" => Ok(stop),
        // A pause without a token cannot be ended, but for the limit of tokens that it is.
        "MAX_TOKENS" | "CONTINUATION" => Ok(FinishReason::Length),
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED"
        | "MODEL_ARMOR" => Ok(FinishReason::ContentFilter),
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE" => Err(malformed(format!("it ended with {reason}"))),
        _ if has_content => Ok(stop),
        _ => Err(malformed(format!(
            "it ended with {reason} and without content"
        ))),
    }
}

/// A picture as Markdown with a data URI: a chat's answer has no other place for one.
pub(super) fn picture(data: InlineData<'_>) -> Option<String> {
    let (mime_type, data) = (data.mime_type?.0, data.data?.0);
    (mime_type.starts_with("image/") && !data.is_empty())
        .then(|| format!("![image](data:{mime_type};base64,{data})"))
}

/// Elements of OpenAI's `logprobs.content`.
pub(super) fn logprobs_content(result: LogprobsResult<'_>) -> Vec<Value> {
    let element = |candidate: &LogprobsCandidate<'_>| {
        let token = candidate.token.as_ref().map_or("", |token| &token.0);
        json!({
            "token": token,
            "logprob": candidate.log_probability.unwrap_or_default(),
            "bytes": token.as_bytes(),
        })
    };
    let mut tops = result.top_candidates.unwrap_or_default().into_iter();
    result
        .chosen_candidates
        .unwrap_or_default()
        .iter()
        .map(|chosen| {
            let top = tops.next().and_then(|top| top.candidates);
            let top: Vec<Value> = top.iter().flatten().map(element).collect();
            let mut content = element(chosen);
            content["top_logprobs"] = Value::Array(top);
            content
        })
        .collect()
}

/// JSON without the blanks between its tokens: Gemini indents whole answers.
pub(super) fn compact(json: &RawValue) -> String {
    let json = json.get();
    let mut compact = String::with_capacity(json.len());
    let mut in_string = false;
    let mut from = 0;
    let mut bytes = json.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                compact.push_str(&json[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    compact.push_str(&json[from..]);
    compact
}

/// The text in a JSON string.
pub(super) fn text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// What the model wrote is no answer.
pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(FailureClass::MalformedAnswer, message)
}
