//! Thought signatures in fields that clients keep.
//!
//! Gemini proves the thinking behind a call with an opaque text and wants to see it again with the call's result. Most
//! clients hand nothing back but the fields that OpenAI documents; a call's id is one of them. So a signed call goes
//! out as `<id>__thought__<signature in base64url>`, and besides, for clients that keep what they do not know, with
//! `extra_content.google.thought_signature`, which is what Google's own OpenAI-compatible endpoint writes.
//!
//! OpenAI itself takes neither; its provider leaves both out of what it sends there.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Serialize;

use super::at::At;

const MARKER: &str = "__thought__";
const EXTRA: &str = "extra_content";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The id of a call, with its signature where it has one.
pub(crate) fn join<'a>(id: &'a str, signature: Option<&str>) -> Cow<'a, str> {
    match signature {
        None | Some("") => Cow::Borrowed(id),
        Some(signature) => {
            let mut joined =
                String::with_capacity(id.len() + MARKER.len() + signature.len().div_ceil(3) * 4);
            joined.push_str(id);
            joined.push_str(MARKER);
            BASE64.encode_string(signature, &mut joined);
            Cow::Owned(joined)
        }
    }
}

/// The id of a call without its signature, and the signature.
///
/// What stands behind the marker and is no text in base64url is taken for the signature as it is: other gateways write
/// it so.
pub(super) fn split(id: &str) -> (&str, Option<String>) {
    match id.rsplit_once(MARKER) {
        None | Some(("", _) | (_, "")) => (id, None),
        Some((id, encoded)) => {
            let signature = BASE64
                .decode(encoded)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_else(|| encoded.to_owned());
            (id, Some(signature))
        }
    }
}

/// `extra_content`, as it goes out.
#[derive(Serialize)]
pub(crate) struct ExtraContent<'a> {
    google: Google<'a>,
}

#[derive(Serialize)]
struct Google<'a> {
    thought_signature: &'a str,
}

impl<'a> ExtraContent<'a> {
    /// `None` where there is no signature.
    pub fn of(signature: Option<&'a str>) -> Option<Self> {
        signature.map(|thought_signature| Self {
            google: Google { thought_signature },
        })
    }
}

/// The signature in the `extra_content` of a message or a call. What has another form is ignored, as every member is that
/// OpenAI does not know.
pub(super) fn in_extra_content(object: &At<'_, '_>) -> Option<String> {
    let extra = object.get(EXTRA)?;
    let google = extra.get("google")?;
    let signature = google.get("thought_signature")?.filled_string().ok()?;
    Some(signature.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_joined_is_split(id in "[a-z_]{1,20}(__thought__)?[a-z]{0,5}", signature in ".{1,80}") {
            let joined = join(&id, Some(&signature));
            prop_assert_eq!(split(&joined), (id.as_str(), Some(signature)));
        }

        #[test]
        fn joined_ids_are_fit_for_urls(signature in ".{1,80}") {
            let joined = join("call_1", Some(&signature));
            prop_assert!(joined.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
        }

        #[test]
        fn nothing_makes_it_panic(id: String) {
            let _ = split(&id);
        }
    }

    #[test]
    fn ids_without_a_signature_stay() {
        assert_eq!(join("call_1", None), "call_1");
        for id in ["call_1", "", "call_1__thought__", "__thought__YWJj"] {
            assert_eq!(split(id), (id, None));
        }
    }

    #[test]
    fn padding_is_no_matter_and_raw_signatures_are_taken() {
        assert_eq!(split("a__thought__YQ=="), ("a", Some("a".to_owned())));
        assert_eq!(split("a__thought__YQ"), ("a", Some("a".to_owned())));
        assert_eq!(
            split("a__thought__CiQB0e2Kb/+="),
            ("a", Some("CiQB0e2Kb/+=".to_owned()))
        );
    }
}
