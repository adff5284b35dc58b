//! `/v1/threads`.

use locum_domain::{
    error::ApiError,
    message::NewMessage,
    thread::{NewThread, Thread, ThreadChange},
};
use serde::Serialize;

use super::{
    at::At,
    json,
    message::new_message,
    metadata::{self, MetadataObject},
    tool_resources::{self, ToolResourcesObject, tool_resources},
};

/// Reads what makes a thread, which may be nothing.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_new(body: &[u8]) -> Result<NewThread, ApiError> {
    let json = json::parse_optional(body)?;
    new_thread(&At::root(&json))
}

/// A thread to be made, wherever it stands in a body.
pub(super) fn new_thread(at: &At<'_, '_>) -> Result<NewThread, ApiError> {
    let at = at.object()?;
    Ok(NewThread {
        messages: at
            .get("messages")
            .map_or(Ok(Vec::new()), |at| new_messages(&at))?,
        metadata: metadata::new(&at)?,
        tool_resources: tool_resources::new(&at)?,
    })
}

/// Messages to be added, oldest first.
pub(super) fn new_messages(at: &At<'_, '_>) -> Result<Vec<NewMessage>, ApiError> {
    at.objects()?.map(|item| new_message(&item)).collect()
}

/// Reads what is to be changed about a thread.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_change(body: &[u8]) -> Result<ThreadChange, ApiError> {
    let json = json::parse_optional(body)?;
    let body = At::root(&json);
    Ok(ThreadChange {
        metadata: metadata::change(&body)?,
        tool_resources: body.change("tool_resources", |at| tool_resources(&at))?,
    })
}

/// A thread.
#[derive(Serialize)]
pub(crate) struct ThreadObject<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    metadata: MetadataObject<'a>,
    tool_resources: Option<ToolResourcesObject<'a>>,
}

impl<'a> From<&'a Thread> for ThreadObject<'a> {
    fn from(thread: &'a Thread) -> Self {
        Self {
            id: thread.id.as_str(),
            object: "thread",
            created_at: thread.created_at.0,
            metadata: MetadataObject(&thread.metadata),
            tool_resources: thread.tool_resources.as_ref().map(Into::into),
        }
    }
}
