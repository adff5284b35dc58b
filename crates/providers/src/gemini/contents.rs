//! The conversation: OpenAI's messages become Gemini's turns.
//!
//! Turns alternate, hold at least one part and begin with the user; all results of one turn's calls stand together, in the
//! order of the calls, right after it. Instructions of the system leave the conversation, wherever they stood.

use std::{borrow::Cow, collections::HashMap};

use locum_domain::{
    chat::{ChatRequest, Detail, Media, MediaSource, Message, Part as Piece, ToolCall},
    error::ApiError,
    failure::{Failure, FailureClass},
};
use serde_json::value::RawValue;

use super::{
    generation::Generation,
    media, names, signature,
    wire::{
        Blob, Content, FunctionCall, FunctionResponse, Instruction, Object, Part, Payload,
        Resolution, ResponsePart, Role,
    },
};

/// Stands for a turn of the user that the conversation does not have.
const NOTHING: &str = " ";
/// Asks for more where the conversation ends with the model's own words.
const GO_ON: &str = "Continue.";

/// The conversation of `request`, and the system's instruction where it has a place of its own.
///
/// # Errors
/// Media that this generation cannot be shown, calls without results, results without calls.
pub(super) fn conversation<'a>(
    request: &'a ChatRequest,
    generation: Generation,
) -> Result<(Option<Instruction<'a>>, Vec<Content<'a>>), Failure> {
    let mut turns = Turns {
        generation,
        several_people: several_people(&request.messages),
        contents: Vec::with_capacity(request.messages.len()),
    };
    let mut instructions: Vec<Part<'a>> = Vec::new();
    let mut results_are_in = false;
    for (at, message) in request.messages.iter().enumerate() {
        match message {
            Message::System { text } => {
                if !text.is_empty() {
                    instructions.push(text_part(text));
                }
            }
            Message::User { name, parts } => turns.user(name.as_deref(), parts)?,
            Message::Assistant {
                text,
                calls,
                signature,
            } => {
                turns.assistant(text, calls, signature.as_deref());
                results_are_in = !calls.is_empty();
                if results_are_in {
                    turns.results(calls, &request.messages[at + 1..])?;
                }
            }
            Message::Tool { .. } if results_are_in => {}
            Message::Tool { call_id, .. } => return Err(stray_result(call_id)),
        }
    }
    let mut contents = turns.contents;
    begin_with_the_user(&mut contents, generation, &mut instructions);
    end_with_the_user(&mut contents, generation);
    if generation.needs_signatures() {
        signature::fill_in(&mut contents);
    }
    let instruction = (!instructions.is_empty()).then_some(Instruction {
        parts: instructions,
    });
    Ok((instruction, contents))
}

/// Whether the user's turns bear more than one name, so that the model must be told whose is whose.
fn several_people(messages: &[Message]) -> bool {
    let mut names = messages.iter().filter_map(|message| match message {
        Message::User { name, .. } => name.as_deref(),
        _ => None,
    });
    let first = names.next();
    names.any(|name| Some(name) != first)
}

fn begin_with_the_user<'a>(
    contents: &mut Vec<Content<'a>>,
    generation: Generation,
    instructions: &mut Vec<Part<'a>>,
) {
    let begins_with_user = contents
        .first()
        .is_some_and(|content| content.role == Role::User);
    if !generation.takes_system_instruction() && !instructions.is_empty() {
        let parts = std::mem::take(instructions);
        match contents.first_mut() {
            Some(first) if begins_with_user => drop(first.parts.splice(0..0, parts)),
            _ => contents.insert(
                0,
                Content {
                    role: Role::User,
                    parts,
                },
            ),
        }
    } else if !begins_with_user {
        contents.insert(0, user_says(NOTHING));
    }
}

fn end_with_the_user(contents: &mut Vec<Content<'_>>, generation: Generation) {
    let ends_with_model = contents
        .last()
        .is_some_and(|content| content.role == Role::Model);
    if ends_with_model && !generation.takes_prefill() {
        contents.push(user_says(GO_ON));
    }
}

struct Turns<'a> {
    generation: Generation,
    several_people: bool,
    contents: Vec<Content<'a>>,
}

impl<'a> Turns<'a> {
    /// Adds to the last turn where it is the same side's; drops what has no parts.
    fn push(&mut self, role: Role, mut parts: Vec<Part<'a>>) {
        if parts.is_empty() {
            return;
        }
        match self.contents.last_mut() {
            Some(last) if last.role == role => last.parts.append(&mut parts),
            _ => self.contents.push(Content { role, parts }),
        }
    }

    fn user(&mut self, name: Option<&'a str>, pieces: &'a [Piece]) -> Result<(), Failure> {
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) if text.is_empty() => {}
                Piece::Text(text) => parts.push(text_part(text)),
                Piece::Media(media) => parts.push(self.media(media)?),
            }
        }
        if let (true, Some(name), false) = (self.several_people, name, parts.is_empty()) {
            match &mut parts[0].data {
                Payload::Text(text) => *text = Cow::Owned(format!("{name}: {text}")),
                _ => parts.insert(0, Payload::Text(Cow::Owned(format!("{name}:"))).into()),
            }
        }
        self.push(Role::User, parts);
        Ok(())
    }

    fn assistant(&mut self, text: &'a str, calls: &'a [ToolCall], signature: Option<&'a str>) {
        let mut parts = Vec::with_capacity(calls.len() + 1);
        // A signature may come on an empty text; it is kept where nothing else stands for the turn.
        if !text.is_empty() || (signature.is_some() && calls.is_empty()) {
            let mut part = text_part(text);
            part.thought_signature = signature;
            parts.push(part);
        }
        for call in calls {
            let mut part = Part::from(Payload::FunctionCall(FunctionCall {
                id: self.generation.has_call_ids().then_some(call.id.as_str()),
                name: names::outbound(&call.name),
                args: arguments(&call.arguments),
            }));
            part.thought_signature = call.signature.as_deref();
            parts.push(part);
        }
        self.push(Role::Model, parts);
    }

    /// The results of `calls`, looked up in the messages up to the model's next turn.
    fn results(&mut self, calls: &'a [ToolCall], after: &'a [Message]) -> Result<(), Failure> {
        let mut given: HashMap<&str, &'a [Piece]> = HashMap::with_capacity(calls.len());
        for message in after {
            match message {
                Message::Assistant { .. } => break,
                Message::Tool { call_id, parts } => {
                    if given.insert(call_id, parts).is_some() {
                        return Err(stray_result(call_id));
                    }
                }
                Message::System { .. } | Message::User { .. } => {}
            }
        }
        let mut parts = Vec::with_capacity(calls.len());
        let mut loose_media = Vec::new();
        for call in calls {
            let Some(pieces) = given.remove(call.id.as_str()) else {
                return Err(callers(format!(
                    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                    call.id
                )));
            };
            parts.push(self.result(call, pieces, &mut loose_media)?);
        }
        if let Some(call_id) = given.keys().next() {
            return Err(stray_result(call_id));
        }
        parts.append(&mut loose_media);
        self.push(Role::User, parts);
        Ok(())
    }

    /// One result. Media that it cannot hold itself go to `loose_media`.
    fn result(
        &self,
        call: &'a ToolCall,
        pieces: &'a [Piece],
        loose_media: &mut Vec<Part<'a>>,
    ) -> Result<Part<'a>, Failure> {
        let mut text: Cow<'a, str> = Cow::Borrowed("");
        let mut media_parts = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(more) if text.is_empty() => text = Cow::Borrowed(more),
                Piece::Text(more) => {
                    let text = text.to_mut();
                    text.push('\n');
                    text.push_str(more);
                }
                Piece::Media(media) => {
                    let part = self.media(media)?;
                    match part.data {
                        Payload::InlineData(blob)
                            if self.generation.takes_media_in_results()
                                && fits_into_result(&blob.mime_type) =>
                        {
                            media_parts.push(ResponsePart { inline_data: blob });
                        }
                        _ => loose_media.push(part),
                    }
                }
            }
        }
        Ok(Payload::FunctionResponse(FunctionResponse {
            id: self.generation.has_call_ids().then_some(call.id.as_str()),
            name: names::outbound(&call.name),
            response: response(text),
            parts: media_parts,
        })
        .into())
    }

    fn media(&self, media: &'a Media) -> Result<Part<'a>, Failure> {
        let told = media.mime_type.as_deref();
        let name = media.filename.as_deref();
        let data = match &media.source {
            MediaSource::Inline(base64) => {
                let Some(mime_type) = media::mime_type(told, name, Some(base64)) else {
                    return Err(callers(
                        "The type of a file in the messages is unknown: give it a data URI with its media type, or a file name with an ending.",
                    ));
                };
                Payload::InlineData(Blob {
                    mime_type,
                    data: base64,
                })
            }
            MediaSource::Url(url) if self.generation.fetches_media() => Payload::FileData {
                mime_type: media::mime_type(told, name, None)
                    .or_else(|| media::of_url(url).map(Cow::Borrowed)),
                file_uri: url,
            },
            MediaSource::Url(_) => {
                return Err(Failure::new(
                    FailureClass::Unsupported,
                    "this model of Gemini does not fetch media from addresses",
                ));
            }
            MediaSource::File(id) => {
                return Err(callers(format!(
                    "The file '{id}' cannot be used here: chat completions take files as data, not by id."
                )));
            }
        };
        let mut part = Part::from(data);
        if self.generation.has_resolution_per_part() {
            part.media_resolution = media
                .detail
                .and_then(resolution)
                .map(|level| Resolution { level });
        }
        Ok(part)
    }
}

/// How closely all media are looked at, for generations that cannot be told for each: closely where any of them asks for
/// it, coarsely where all do.
pub(super) fn common_resolution(messages: &[Message]) -> Option<&'static str> {
    let mut details = messages
        .iter()
        .filter_map(|message| match message {
            Message::User { parts, .. } | Message::Tool { parts, .. } => Some(parts),
            _ => None,
        })
        .flatten()
        .filter_map(|piece| match piece {
            Piece::Media(media) => Some(media.detail),
            Piece::Text(_) => None,
        })
        .peekable();
    details.peek()?;
    let mut all_low = true;
    for detail in details {
        match detail {
            Some(Detail::High) => return resolution(Detail::High),
            Some(Detail::Low) => {}
            Some(Detail::Auto) | None => all_low = false,
        }
    }
    all_low.then(|| resolution(Detail::Low)).flatten()
}

fn resolution(detail: Detail) -> Option<&'static str> {
    match detail {
        Detail::Auto => None,
        Detail::Low => Some("MEDIA_RESOLUTION_LOW"),
        Detail::High => Some("MEDIA_RESOLUTION_HIGH"),
    }
}

/// Whether a function's result can hold media of this type.
fn fits_into_result(mime_type: &str) -> bool {
    matches!(
        mime_type,
        "image/png" | "image/jpeg" | "image/webp" | "application/pdf" | "text/plain"
    )
}

/// A call's arguments as an object. What the model once wrote wrongly it is shown as it was.
fn arguments(text: &str) -> Object<'_> {
    let text = text.trim();
    if text.is_empty() {
        return Object::Empty {};
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) if text.starts_with('{') => Object::Whole(raw),
        _ => Object::Arguments { arguments: text },
    }
}

/// A function's result as an object: `output` is the key that Gemini knows.
fn response(text: Cow<'_, str>) -> Object<'_> {
    let Cow::Borrowed(borrowed) = text else {
        return Object::Text { output: text };
    };
    let json = borrowed.trim();
    if !json.starts_with(['{', '[']) {
        return Object::Text { output: text };
    }
    match serde_json::from_str::<&RawValue>(json) {
        Ok(raw) if json.starts_with('{') => Object::Whole(raw),
        Ok(raw) => Object::Output { output: raw },
        Err(_) => Object::Text { output: text },
    }
}

fn text_part(text: &str) -> Part<'_> {
    Payload::Text(Cow::Borrowed(text)).into()
}

fn user_says(text: &str) -> Content<'_> {
    Content {
        role: Role::User,
        parts: vec![text_part(text)],
    }
}

fn stray_result(call_id: &str) -> Failure {
    callers(format!(
        "Messages with role 'tool' must be a response to a preceding message with 'tool_calls', one for each call; '{call_id}' is none."
    ))
}

fn callers(message: impl Into<String>) -> Failure {
    Failure::callers(FailureClass::BadRequest, ApiError::invalid(message))
}
