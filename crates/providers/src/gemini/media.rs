//! Pictures, recordings and documents: of which type they are, and where the type is not told, by what it is known.

use std::borrow::Cow;

/// The media type of a piece of media, in the spelling that Gemini knows.
///
/// What was told wins, unless it says nothing (`application/octet-stream`); then the name's ending; then, where the
/// content is at hand in base64, its first bytes.
pub(super) fn mime_type<'a>(
    told: Option<&'a str>,
    name: Option<&str>,
    base64: Option<&str>,
) -> Option<Cow<'a, str>> {
    if let Some(told) = told {
        let essence = told.split(';').next().unwrap_or(told).trim();
        match essence {
            "" | "application/octet-stream" | "binary/octet-stream" => {}
            "image/jpg" => return Some(Cow::Borrowed("image/jpeg")),
            "audio/x-wav" | "audio/wave" => return Some(Cow::Borrowed("audio/wav")),
            "application/x-pdf" => return Some(Cow::Borrowed("application/pdf")),
            _ if essence.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                return Some(Cow::Owned(essence.to_ascii_lowercase()));
            }
            _ => return Some(Cow::Borrowed(essence)),
        }
    }
    name.and_then(by_ending)
        .or_else(|| base64.and_then(by_content))
        .map(Cow::Borrowed)
}

/// The media type of what an address leads to, by the ending of its path.
pub(super) fn of_url(url: &str) -> Option<&'static str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let path = url[..end].split_once("://")?.1;
    path.split_once('/').and_then(|(_, path)| by_ending(path))
}

fn by_ending(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1;
    let known = [
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("heic", "image/heic"),
        ("heif", "image/heif"),
        ("bmp", "image/bmp"),
        ("pdf", "application/pdf"),
        ("txt", "text/plain"),
        ("log", "text/plain"),
        ("md", "text/markdown"),
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("htm", "text/html"),
        ("css", "text/css"),
        ("xml", "text/xml"),
        ("rtf", "text/rtf"),
        ("json", "application/json"),
        ("js", "text/javascript"),
        ("py", "text/x-python"),
        ("wav", "audio/wav"),
        ("mp3", "audio/mp3"),
        ("aac", "audio/aac"),
        ("ogg", "audio/ogg"),
        ("flac", "audio/flac"),
        ("aiff", "audio/aiff"),
        ("m4a", "audio/mp4"),
        ("mp4", "video/mp4"),
        ("mov", "video/quicktime"),
        ("webm", "video/webm"),
        ("mpeg", "video/mpeg"),
    ];
    known
        .iter()
        .find(|(known, _)| ending.eq_ignore_ascii_case(known))
        .map(|(_, mime_type)| *mime_type)
}

/// Told by the signature at the start of the content, as it looks in base64.
fn by_content(base64: &str) -> Option<&'static str> {
    let known = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("JVBERi0", "application/pdf"),
        ("SUQz", "audio/mp3"),
        ("T2dnUw", "audio/ogg"),
        ("ZkxhQw", "audio/flac"),
    ];
    if base64.starts_with("UklGR") {
        // RIFF, a length, then the format: its last three letters are characters 12 to 15.
        return match base64.get(12..16)? {
            "RUJQ" => Some("image/webp"),
            "QVZF" => Some("audio/wav"),
            _ => None,
        };
    }
    known
        .iter()
        .find(|(start, _)| base64.starts_with(start))
        .map(|(_, mime_type)| *mime_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_wins_unless_it_says_nothing() {
        let told = |told| mime_type(Some(told), Some("a.png"), None);
        assert_eq!(told("image/webp").as_deref(), Some("image/webp"));
        assert_eq!(told("image/jpg").as_deref(), Some("image/jpeg"));
        assert_eq!(told("Image/PNG; q=1").as_deref(), Some("image/png"));
        assert_eq!(
            told("application/octet-stream").as_deref(),
            Some("image/png")
        );
    }

    #[test]
    fn the_first_bytes_tell_when_nothing_else_does() {
        let content = |base64| mime_type(None, None, Some(base64));
        assert_eq!(content("iVBORw0KGgoAAAA").as_deref(), Some("image/png"));
        assert_eq!(
            content("UklGRk5hvABXRUJQVlA4IA==").as_deref(),
            Some("image/webp")
        );
        assert_eq!(
            content("UklGRk5hvABXQVZFVlA4IA==").as_deref(),
            Some("audio/wav")
        );
        assert_eq!(content("UklGR").as_deref(), None);
        assert_eq!(content("AAAA").as_deref(), None);
    }

    #[test]
    fn an_address_is_told_by_its_path_alone() {
        assert_eq!(
            of_url("https://x.example/a/b.PNG?size=1.gif"),
            Some("image/png")
        );
        assert_eq!(of_url("https://image.png"), None);
        assert_eq!(of_url("https://x.example/"), None);
        assert_eq!(of_url("nonsense"), None);
    }
}
