//! Images, recordings, videos and documents in messages.
//!
//! Content that comes with the request is checked to be base64, and made to be what strict readers take: without line
//! breaks, with padding. Nothing is fetched here.

use locum_domain::{
    chat::{Detail, Media, MediaSource},
    error::ApiError,
};

use crate::wire::{at::At, fault};

/// `original` asks for no less than can be had.
const DETAILS: &[(&str, Detail)] = &[
    ("auto", Detail::Auto),
    ("low", Detail::Low),
    ("high", Detail::High),
    ("original", Detail::High),
];

/// `{"url", "detail"}`.
pub(super) fn image(at: &At<'_, '_>) -> Result<Media, ApiError> {
    let at = at.object()?;
    let (source, mime_type) = address(&at.require("url")?)?;
    let detail = at.get("detail").map(|detail| detail.word(DETAILS));
    Ok(Media {
        source,
        mime_type,
        filename: None,
        detail: detail.transpose()?,
    })
}

/// `{"url"}`. OpenAI has no videos; this is how other servers of its protocol take them.
pub(super) fn video(at: &At<'_, '_>) -> Result<Media, ApiError> {
    let at = at.object()?;
    let (source, mime_type) = address(&at.require("url")?)?;
    Ok(Media {
        mime_type: mime_type.or_else(|| Some(video_type(&source).to_owned())),
        source,
        filename: None,
        detail: None,
    })
}

/// `{"data", "format"}`.
pub(super) fn audio(at: &At<'_, '_>) -> Result<Media, ApiError> {
    const FORMATS: &[(&str, &str)] = &[("wav", "audio/wav"), ("mp3", "audio/mp3")];
    let at = at.object()?;
    let data = at.require("data")?;
    let mime_type = at.require("format")?.word(FORMATS)?;
    Ok(Media {
        source: MediaSource::Inline(base64(&data, data.filled_string()?)?),
        mime_type: Some(mime_type.to_owned()),
        filename: None,
        detail: None,
    })
}

/// `{"file_data", "filename"}` or `{"file_id"}`.
pub(super) fn file(at: &At<'_, '_>) -> Result<Media, ApiError> {
    let at = at.object()?;
    let filename = at.text("filename")?;
    let (source, mime_type) = match (at.get("file_data"), at.get("file_id")) {
        (None, None) => return Err(fault::missing(at.path_of("file_id"))),
        (Some(data), Some(_)) => {
            return Err(fault::invalid(
                data.path(),
                "Mutually exclusive parameters: 'file_data' and 'file_id'. Only one of them may be given.",
            ));
        }
        (None, Some(id)) => (MediaSource::File(id.filled_string()?.to_owned()), None),
        (Some(data), None) => match data.filled_string()? {
            uri if is_data_uri(uri) => data_uri(&data, uri)?,
            plain => (MediaSource::Inline(base64(&data, plain)?), None),
        },
    };
    Ok(Media {
        source,
        mime_type,
        filename,
        detail: None,
    })
}

/// A `data:` URI or a public address, and the media type where it is told.
pub(in crate::wire) fn address(at: &At<'_, '_>) -> Result<(MediaSource, Option<String>), ApiError> {
    let url = at.filled_string()?;
    let has_scheme = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme) && url.len() > scheme.len())
    };
    if is_data_uri(url) {
        data_uri(at, url)
    } else if has_scheme("https://") || has_scheme("http://") {
        Ok((MediaSource::Url(url.to_owned()), None))
    } else {
        Err(fault::invalid(
            at.path(),
            format!(
                "Invalid value for '{}': expected a URL that begins with 'http://' or 'https://', or a data URL with base64-encoded content.",
                at.path()
            ),
        ))
    }
}

fn is_data_uri(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// `data:image/png;base64,…`.
fn data_uri(at: &At<'_, '_>, uri: &str) -> Result<(MediaSource, Option<String>), ApiError> {
    let parts = uri.get(5..).and_then(|rest| rest.split_once(','));
    let head_and_data = parts.and_then(|(head, data)| {
        let (head, encoding) = head.rsplit_once(';')?;
        encoding
            .eq_ignore_ascii_case("base64")
            .then_some((head, data))
    });
    let Some((head, data)) = head_and_data else {
        return Err(fault::invalid(
            at.path(),
            format!(
                "Invalid value for '{}': expected a data URL of the form 'data:<media type>;base64,<content>'.",
                at.path()
            ),
        ));
    };
    if data.is_empty() {
        return Err(fault::empty_string(at.path()));
    }
    let essence = head.split(';').next().unwrap_or_default();
    let mime_type = (!essence.is_empty()).then(|| essence.to_ascii_lowercase());
    Ok((MediaSource::Inline(base64(at, data)?), mime_type))
}

/// `data` as base64 of the standard alphabet with padding.
fn base64(at: &At<'_, '_>, data: &str) -> Result<String, ApiError> {
    let without_breaks = || padded(&data.split_ascii_whitespace().collect::<String>());
    padded(data).or_else(without_breaks).ok_or_else(|| {
        fault::invalid(
            at.path(),
            format!(
                "Invalid value for '{}': the content is no valid base64.",
                at.path()
            ),
        )
    })
}

/// `data` with all the padding that it needs, if it is base64 at all.
fn padded(data: &str) -> Option<String> {
    let digits = data.trim_end_matches('=');
    // One digit too many carries no byte.
    if digits.is_empty() || digits.len() % 4 == 1 || !are_base64(digits.as_bytes()) {
        return None;
    }
    let padding = digits.len().next_multiple_of(4) - digits.len();
    if data.len() == digits.len() + padding {
        return Some(data.to_owned());
    }
    let mut whole = digits.to_owned();
    whole.extend(std::iter::repeat_n('=', padding));
    Some(whole)
}

/// Whether all are base64's digits. Looks at every byte without a branch, which compilers turn into instructions that
/// look at many at once: media are large.
fn are_base64(digits: &[u8]) -> bool {
    digits.iter().fold(true, |so_far, &digit| {
        let is_letter = (digit | 0x20).wrapping_sub(b'a') < 26;
        let is_number = digit.wrapping_sub(b'0') < 10;
        so_far & (is_letter | is_number | (digit == b'+') | (digit == b'/'))
    })
}

/// The media type of a video, by the ending of its address.
fn video_type(source: &MediaSource) -> &'static str {
    let MediaSource::Url(url) = source else {
        return "video/mp4";
    };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("webm") => "video/webm",
        Some("mov") => "video/quicktime",
        Some("mpeg" | "mpg") => "video/mpeg",
        _ => "video/mp4",
    }
}
