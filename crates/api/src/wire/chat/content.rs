//! `content`: a text, or parts.

use locum_domain::{chat::Part, error::ApiError};

use super::media;
use crate::wire::{at::At, fault, json::Json};

/// Which parts a message may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Texts.
    Text,
    /// What an answer may consist of: texts and refusals.
    Answer,
    /// Texts and media.
    Media,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Refusal,
    Image,
    Audio,
    Video,
    File,
}

impl Allowed {
    fn kinds(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Text => &[("text", Kind::Text)],
            Self::Answer => &[("text", Kind::Text), ("refusal", Kind::Refusal)],
            Self::Media => &[
                ("text", Kind::Text),
                ("image_url", Kind::Image),
                ("input_audio", Kind::Audio),
                ("video_url", Kind::Video),
                ("file", Kind::File),
            ],
        }
    }
}

/// The content of `message`, which must be there.
pub(super) fn required(message: &At<'_, '_>, allowed: Allowed) -> Result<Vec<Part>, ApiError> {
    parts(&message.require("content")?, allowed)
}

/// The content of `message`; nothing where it is absent or null.
pub(super) fn optional(message: &At<'_, '_>, allowed: Allowed) -> Result<Vec<Part>, ApiError> {
    message
        .get("content")
        .map_or(Ok(Vec::new()), |content| parts(&content, allowed))
}

fn parts(at: &At<'_, '_>, allowed: Allowed) -> Result<Vec<Part>, ApiError> {
    match at.value() {
        Json::String(text) => Ok(vec![Part::Text(text.clone().into_owned())]),
        Json::Array(items) if items.is_empty() => Err(fault::empty_array(at.path())),
        Json::Array(_) => at.items()?.map(|item| part(&item, allowed)).collect(),
        Json::Null => Err(ApiError::invalid_param(
            at.path().to_string(),
            "Invalid value for 'content': expected a string, got null.",
        )),
        _ => Err(at.wrong_type("one of a string or array of objects")),
    }
}

fn part(at: &At<'_, '_>, allowed: Allowed) -> Result<Part, ApiError> {
    let at = at.object()?;
    let text = |key| Ok(Part::Text(at.require(key)?.string()?.to_owned()));
    match at.require("type")?.word(allowed.kinds())? {
        Kind::Text => text("text"),
        Kind::Refusal => text("refusal"),
        Kind::Image => media::image(&at.require("image_url")?).map(Part::Media),
        Kind::Audio => media::audio(&at.require("input_audio")?).map(Part::Media),
        Kind::Video => media::video(&at.require("video_url")?).map(Part::Media),
        Kind::File => media::file(&at.require("file")?).map(Part::Media),
    }
}
