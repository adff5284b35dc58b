//! Messages and a run's steps as the turns of a conversation.
//!
//! What a model said ahead of its calls is one turn with them, as it was when it was said; each call is followed by its
//! output. Calls that nobody answered are left out: every provider refuses them.

use locum_domain::{
    chat::{Media, MediaSource, Message as Turn, Part, ToolCall},
    message::{Content, Message, MessageStatus, Role},
    run::{Step, StepCall, StepDetails},
};

/// The turns of messages that no run wrote, and of a run's: `messages` and `steps` oldest first. Pictures are named, not yet
/// there.
pub(super) fn turns(messages: Vec<Message>, steps: &[Step]) -> Vec<Turn> {
    let mut messages: Vec<Option<Message>> = messages
        .into_iter()
        .filter(|message| message.status != MessageStatus::InProgress)
        .map(Some)
        .collect();
    let mut turns = Vec::new();
    let mut said: Option<(String, Option<String>)> = None;
    for step in steps {
        match &step.details {
            StepDetails::Message(id) => {
                turns.extend(said.take().and_then(spoken));
                let message = messages
                    .iter_mut()
                    .find_map(|message| message.take_if(|message| message.id == *id));
                said = message.map(|message| (text_of(&message.content), message.signature));
            }
            StepDetails::Calls(calls) => {
                let Some(outputs) = outputs(calls) else {
                    continue;
                };
                let (text, signature) = said.take().unwrap_or_default();
                turns.push(Turn::Assistant {
                    text,
                    calls: calls.iter().map(|call| call.call.clone()).collect(),
                    signature,
                });
                turns.extend(outputs);
            }
        }
    }
    turns.extend(said.take().and_then(spoken));
    turns.extend(messages.into_iter().flatten().filter_map(of_message));
    turns
}

/// A message that stands for itself; `None` where it says nothing.
fn of_message(message: Message) -> Option<Turn> {
    match message.role {
        Role::Assistant => spoken((text_of(&message.content), message.signature)),
        Role::User => {
            let parts: Vec<Part> = message.content.into_iter().map(part).collect();
            (!parts.is_empty()).then_some(Turn::User { name: None, parts })
        }
    }
}

fn spoken((text, signature): (String, Option<String>)) -> Option<Turn> {
    (!text.is_empty()).then(|| Turn::Assistant {
        text,
        calls: Vec::new(),
        signature,
    })
}

/// What an assistant said. No provider takes images from one.
fn text_of(content: &[Content]) -> String {
    let texts: Vec<&str> = content
        .iter()
        .filter_map(|content| match content {
            Content::Text(text) | Content::Refusal(text) => Some(text.as_str()),
            Content::ImageFile { .. } | Content::ImageUrl { .. } => None,
        })
        .collect();
    texts.join("\n")
}

fn part(content: Content) -> Part {
    let media = |source, detail| {
        Part::Media(Media {
            source,
            mime_type: None,
            filename: None,
            detail,
        })
    };
    match content {
        Content::Text(text) | Content::Refusal(text) => Part::Text(text),
        Content::ImageFile { file_id, detail } => media(MediaSource::File(file_id), detail),
        Content::ImageUrl { url, detail } => media(MediaSource::Url(url), detail),
    }
}

/// The outputs of calls, in order; `None` where one has none.
fn outputs(calls: &[StepCall]) -> Option<Vec<Turn>> {
    let output = |StepCall { call, output }: &StepCall| {
        let ToolCall { id, .. } = call;
        Some(Turn::Tool {
            call_id: id.clone(),
            parts: vec![Part::Text(output.clone()?)],
        })
    };
    let outputs: Option<Vec<Turn>> = calls.iter().map(output).collect();
    outputs.filter(|outputs| !outputs.is_empty())
}
