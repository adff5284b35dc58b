//! The messages, and what must follow what: a result follows its call, and every call has its result.

use locum_domain::{
    chat::{Message, ToolCall},
    error::ApiError,
};

use super::{
    content::{self, Allowed},
    message::{self, Turn},
};
use crate::wire::{at::At, fault, signature};

#[derive(Clone, Copy)]
enum Role {
    System,
    User,
    Assistant,
    Tool,
    Function,
}

/// In the order in which OpenAI lists them.
const ROLES: &[(&str, Role)] = &[
    ("system", Role::System),
    ("assistant", Role::Assistant),
    ("user", Role::User),
    ("function", Role::Function),
    ("tool", Role::Tool),
    ("developer", Role::System),
];

/// Reads the messages.
pub(super) fn messages(at: &At<'_, '_>) -> Result<Vec<Message>, ApiError> {
    let items = at.objects()?;
    if items.len() == 0 {
        return Err(fault::empty_array(at.path()));
    }
    let mut messages = Vec::with_capacity(items.len());
    let mut open = OpenCalls::default();
    for (index, item) in items.enumerate() {
        let item = item.object()?;
        let role_at = item.require("role")?;
        let role = role_at.word(ROLES)?;
        if !matches!(role, Role::Tool | Role::Function) {
            open.settle()?;
        }
        messages.push(match role {
            Role::System => message::system(&item)?,
            Role::User => message::user(&item)?,
            Role::Assistant => {
                let turn = message::assistant(&item, index)?;
                open = OpenCalls::of(index, &turn);
                turn.message
            }
            Role::Tool => {
                let id_at = item.require("tool_call_id")?;
                let (id, _) = signature::split(id_at.filled_string()?);
                let Some(call_id) = open.answer(|call| call.id == id) else {
                    return Err(orphan(&role_at, "tool", "tool_calls"));
                };
                Message::Tool {
                    call_id,
                    parts: content::required(&item, Allowed::Media)?,
                }
            }
            Role::Function => {
                let name_at = item.require("name")?;
                let name = name_at.filled_string()?;
                let Some(call_id) = open.answer(|call| call.name == name) else {
                    return Err(orphan(&role_at, "function", "function_call"));
                };
                Message::Tool {
                    call_id,
                    parts: content::optional(&item, Allowed::Text)?,
                }
            }
        });
    }
    open.settle()?;
    Ok(messages)
}

/// The calls of the last message that still wait for their results.
#[derive(Default)]
struct OpenCalls<'d> {
    /// The index of that message.
    message: usize,
    calls: Vec<OpenCall<'d>>,
}

struct OpenCall<'d> {
    id: String,
    name: String,
    /// The id as the client knows it.
    sent_id: &'d str,
}

impl<'d> OpenCalls<'d> {
    fn of(message: usize, turn: &Turn<'d>) -> Self {
        let calls = match &turn.message {
            Message::Assistant { calls, .. } => calls.as_slice(),
            _ => &[],
        };
        let open = |(call, sent_id): (&ToolCall, &&'d str)| OpenCall {
            id: call.id.clone(),
            name: call.name.clone(),
            sent_id,
        };
        Self {
            message,
            calls: calls.iter().zip(&turn.sent_ids).map(open).collect(),
        }
    }

    /// Takes away the first call that is the one, and gives back its id.
    fn answer(&mut self, is_the_one: impl Fn(&OpenCall<'d>) -> bool) -> Option<String> {
        let place = self.calls.iter().position(is_the_one)?;
        Some(self.calls.remove(place).id)
    }

    /// No more results can come.
    fn settle(&mut self) -> Result<(), ApiError> {
        if self.calls.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = self.calls.iter().map(|call| call.sent_id).collect();
        Err(ApiError::invalid_param(
            format!("messages[{}].tool_calls", self.message),
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                ids.join(", ")
            ),
        ))
    }
}

/// OpenAI's sentence, its spelling included: programs match on it.
fn orphan(role: &At<'_, '_>, name: &str, calls: &str) -> ApiError {
    ApiError::invalid_param(
        role.path().to_string(),
        format!(
            "Invalid parameter: messages with role '{name}' must be a response to a preceeding message with '{calls}'."
        ),
    )
}
