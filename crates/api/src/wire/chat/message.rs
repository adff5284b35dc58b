//! One message.

use locum_domain::{
    chat::{Message, Part, ToolCall},
    error::ApiError,
};

use super::content::{self, Allowed};
use crate::wire::{at::At, fault, signature};

/// How many calls one message may hold.
const MAX_CALLS: usize = 128;

/// What the model said in an earlier answer.
pub(super) struct Turn<'d> {
    /// Always [`Message::Assistant`].
    pub message: Message,
    /// The ids of its calls as the client knows them.
    pub sent_ids: Vec<&'d str>,
}

/// `system` and `developer`. Several texts are lines.
pub(super) fn system(at: &At<'_, '_>) -> Result<Message, ApiError> {
    let parts = content::required(at, Allowed::Text)?;
    Ok(Message::System {
        text: joined(parts, "\n"),
    })
}

/// `user`.
pub(super) fn user(at: &At<'_, '_>) -> Result<Message, ApiError> {
    Ok(Message::User {
        name: at.text("name")?,
        parts: content::required(at, Allowed::Media)?,
    })
}

/// `assistant`; `index` is the message's.
pub(super) fn assistant<'d>(at: &At<'d, '_>, index: usize) -> Result<Turn<'d>, ApiError> {
    if let Some(audio) = at.get("audio") {
        return Err(fault::unsupported(
            audio.path(),
            "Answers in sound are not supported; hand back their text as 'content'.",
        ));
    }
    let mut signature = signature::in_extra_content(at);
    let (mut calls, mut sent_ids) = (Vec::new(), Vec::new());
    if let Some(list) = at.get("tool_calls") {
        let items = list.objects()?;
        if items.len() > MAX_CALLS {
            return Err(fault::long_array(list.path(), MAX_CALLS, items.len()));
        }
        for item in items {
            let (sent_id, call) = tool_call(&item)?;
            if calls.iter().any(|earlier: &ToolCall| earlier.id == call.id) {
                return Err(fault::invalid(
                    item.path_of("id"),
                    format!("Duplicate value for 'id' of '{sent_id}'."),
                ));
            }
            calls.push(call);
            sent_ids.push(sent_id);
        }
    } else if let Some(call) = at.get("function_call") {
        let (name, arguments) = function(&call)?;
        calls.push(ToolCall {
            // Functions were called without ids; the message's index makes one that is unique in the conversation.
            id: format!("call_function_{index}"),
            name: name.to_owned(),
            arguments,
            signature: signature.take(),
        });
        sent_ids.push(name);
    }
    let refusal = at.text("refusal")?;
    // Only who says nothing else must say something.
    let content = if calls.is_empty() && refusal.is_none() {
        content::required(at, Allowed::Answer)?
    } else {
        content::optional(at, Allowed::Answer)?
    };
    let mut text = joined(content, "");
    text.push_str(refusal.as_deref().unwrap_or_default());
    Ok(Turn {
        message: Message::Assistant {
            text,
            calls,
            signature,
        },
        sent_ids,
    })
}

/// A call, and its id as the client knows it.
fn tool_call<'d>(at: &At<'d, '_>) -> Result<(&'d str, ToolCall), ApiError> {
    let at = at.object()?;
    let id_at = at.require("id")?;
    let sent_id = id_at.filled_string()?;
    let type_at = at.require("type")?;
    if type_at.word(&[("function", false), ("custom", true)])? {
        return Err(fault::unsupported(
            type_at.path(),
            "Custom tools are not supported; use a function.",
        ));
    }
    let (name, arguments) = function(&at.require("function")?)?;
    let (id, in_id) = signature::split(sent_id);
    let call = ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments,
        signature: signature::in_extra_content(&at).or(in_id),
    };
    Ok((sent_id, call))
}

/// `{"name", "arguments"}`.
fn function<'d>(at: &At<'d, '_>) -> Result<(&'d str, String), ApiError> {
    let at = at.object()?;
    let name = at.require("name")?.name()?;
    let arguments = at.require("arguments")?.string()?;
    Ok((name, arguments.to_owned()))
}

/// The texts among `parts` as one.
fn joined(parts: Vec<Part>, separator: &str) -> String {
    let mut texts = parts.into_iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        Part::Media(_) => None,
    });
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |mut whole, text| {
        whole.push_str(separator);
        whole.push_str(&text);
        whole
    })
}
