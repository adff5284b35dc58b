//! The pieces of a message, in both directions.

use locum_domain::{
    chat::{Detail, MediaSource},
    error::ApiError,
    message::Content,
};
use serde::Serialize;

use crate::wire::{at::At, chat, fault, json::Json};

/// How many characters one text may have.
const MAX_TEXT: usize = 256_000;

const DETAILS: &[(&str, Detail)] = &[
    ("auto", Detail::Auto),
    ("low", Detail::Low),
    ("high", Detail::High),
];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    ImageUrl,
    ImageFile,
}

const KINDS: &[(&str, Kind)] = &[
    ("text", Kind::Text),
    ("image_url", Kind::ImageUrl),
    ("image_file", Kind::ImageFile),
];

/// Reads a text, or pieces.
pub(super) fn content(at: &At<'_, '_>) -> Result<Vec<Content>, ApiError> {
    match at.value() {
        Json::String(_) => Ok(vec![text(at)?]),
        Json::Array(items) if items.is_empty() => Err(fault::empty_array(at.path())),
        Json::Array(_) => at.items()?.map(|item| piece(&item)).collect(),
        _ => Err(at.wrong_type("one of a string or an array of objects")),
    }
}

fn piece(at: &At<'_, '_>) -> Result<Content, ApiError> {
    let at = at.object()?;
    match at.require("type")?.word(KINDS)? {
        Kind::Text => {
            let said = at.require("text")?;
            match said.value() {
                // As messages come back: whoever copies one need not take it apart.
                Json::Object(_) => text(&said.require("value")?),
                _ => text(&said),
            }
        }
        Kind::ImageUrl => {
            let image = at.require("image_url")?.object()?;
            Ok(Content::ImageUrl {
                url: url(&image.require("url")?)?,
                detail: detail(&image)?,
            })
        }
        Kind::ImageFile => {
            let image = at.require("image_file")?.object()?;
            Ok(Content::ImageFile {
                file_id: image.require("file_id")?.id()?,
                detail: detail(&image)?,
            })
        }
    }
}

fn text(at: &At<'_, '_>) -> Result<Content, ApiError> {
    at.filled_string()?;
    Ok(Content::Text(at.short_string(MAX_TEXT)?.to_owned()))
}

/// A URL that a model can be shown. Base64 that strict readers would not take is put right.
fn url(at: &At<'_, '_>) -> Result<String, ApiError> {
    let given = at.string()?;
    let (source, _) = chat::address(at)?;
    if let MediaSource::Inline(data) = source
        && let Some((head, sloppy)) = given.split_once(',')
        && data != sloppy
    {
        return Ok(format!("{head},{data}"));
    }
    Ok(given.to_owned())
}

fn detail(image: &At<'_, '_>) -> Result<Option<Detail>, ApiError> {
    image.get("detail").map(|at| at.word(DETAILS)).transpose()
}

/// A piece of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ContentObject<'a> {
    Text { text: TextObject<'a> },
    ImageFile { image_file: ImageFileObject<'a> },
    ImageUrl { image_url: ImageUrlObject<'a> },
    Refusal { refusal: &'a str },
}

#[derive(Serialize)]
pub(super) struct TextObject<'a> {
    value: &'a str,
    /// Only built-in tools make some.
    annotations: [(); 0],
}

#[derive(Serialize)]
pub(super) struct ImageFileObject<'a> {
    file_id: &'a str,
    detail: &'static str,
}

#[derive(Serialize)]
pub(super) struct ImageUrlObject<'a> {
    url: &'a str,
    detail: &'static str,
}

impl<'a> From<&'a Content> for ContentObject<'a> {
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Text(value) => Self::Text {
                text: TextObject {
                    value,
                    annotations: [],
                },
            },
            Content::ImageFile { file_id, detail } => Self::ImageFile {
                image_file: ImageFileObject {
                    file_id,
                    detail: detail_word(*detail),
                },
            },
            Content::ImageUrl { url, detail } => Self::ImageUrl {
                image_url: ImageUrlObject {
                    url,
                    detail: detail_word(*detail),
                },
            },
            Content::Refusal(refusal) => Self::Refusal { refusal },
        }
    }
}

fn detail_word(detail: Option<Detail>) -> &'static str {
    match detail {
        None | Some(Detail::Auto) => "auto",
        Some(Detail::Low) => "low",
        Some(Detail::High) => "high",
    }
}
