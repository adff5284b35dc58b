//! What makes and changes a message.

use locum_domain::{
    error::ApiError,
    message::{Attachment, AttachmentTool, NewMessage, Role},
    metadata::Metadata,
};

use super::content;
use crate::wire::{at::At, json, metadata};

const ROLES: &[(&str, Role)] = &[("user", Role::User), ("assistant", Role::Assistant)];

/// In the order in which OpenAI lists them.
const ATTACHMENT_TOOLS: &[(&str, AttachmentTool)] = &[
    ("code_interpreter", AttachmentTool::CodeInterpreter),
    ("file_search", AttachmentTool::FileSearch),
];

/// Reads what makes a message.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_new(body: &[u8]) -> Result<NewMessage, ApiError> {
    let json = json::parse(body)?;
    new_message(&At::root(&json))
}

/// A message to be added, wherever it stands in a body.
pub(in crate::wire) fn new_message(at: &At<'_, '_>) -> Result<NewMessage, ApiError> {
    let at = at.object()?;
    Ok(NewMessage {
        role: at.require("role")?.word(ROLES)?,
        content: content::content(&at.require("content")?)?,
        attachments: attachments(&at)?,
        metadata: metadata::new(&at)?,
    })
}

/// Reads what replaces a message's metadata.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_change(body: &[u8]) -> Result<Option<Metadata>, ApiError> {
    let json = json::parse_optional(body)?;
    metadata::change(&At::root(&json))
}

fn attachments(message: &At<'_, '_>) -> Result<Vec<Attachment>, ApiError> {
    let Some(list) = message.get("attachments") else {
        return Ok(Vec::new());
    };
    let attachment = |item: At<'_, '_>| {
        let item = item.object()?;
        Ok(Attachment {
            file_id: item.require("file_id")?.id()?,
            tools: attachment_tools(&item)?,
        })
    };
    list.objects()?.map(attachment).collect()
}

fn attachment_tools(attachment: &At<'_, '_>) -> Result<Vec<AttachmentTool>, ApiError> {
    let Some(list) = attachment.get("tools") else {
        return Ok(Vec::new());
    };
    let tool = |item: At<'_, '_>| item.object()?.require("type")?.word(ATTACHMENT_TOOLS);
    list.objects()?.map(tool).collect()
}
