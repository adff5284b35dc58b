//! Thought signatures in fields that clients keep.
//!
//! Gemini proves the thinking behind a call with an opaque text and wants to see it again with the call's result. Most
//! clients hand nothing back but the fields that OpenAI documents; a call's id is one of them. So a signed call goes
//! out as `<id>__thought__<signature in base64url>`, and besides, for clients that keep what they do not know, with
//! `extra_content.google.thought_signature`, which is what Google's own OpenAI-compatible endpoint writes.
//!
//! OpenAI itself refuses ids of more than 40 characters and members that it does not know. A conversation that began at
//! Gemini and goes on there must leave both behind: [`strip`].

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use memchr::memmem;
use serde::Serialize;
use serde_json::{Map, Value};

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

/// Whether `body` may hold what [`strip`] takes away.
pub(super) fn may_hold(body: &[u8]) -> bool {
    memmem::find(body, MARKER.as_bytes()).is_some()
        || memmem::find(body, EXTRA.as_bytes()).is_some()
}

/// The body of a chat request without the signatures that we have put into the conversation; `None` where it holds
/// none. Signatures in `extra_content` alone are left on calls: they come from an upstream that knows them.
pub fn strip(body: &[u8]) -> Option<Vec<u8>> {
    if !may_hold(body) {
        return None;
    }
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let mut changed = false;
    for message in body.get_mut("messages")?.as_array_mut()? {
        let Some(message) = message.as_object_mut() else {
            continue;
        };
        changed |= strip_id(message, "tool_call_id");
        if holds_only_a_signature(message.get(EXTRA)) {
            message.shift_remove(EXTRA);
            changed = true;
        }
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten() {
            if let Some(call) = call.as_object_mut()
                && strip_id(call, "id")
            {
                call.shift_remove(EXTRA);
                changed = true;
            }
        }
    }
    if changed {
        serde_json::to_vec(&body).ok()
    } else {
        None
    }
}

/// Takes the signature out of the id `key`; whether there was one.
fn strip_id(object: &mut Map<String, Value>, key: &str) -> bool {
    match object.get_mut(key) {
        Some(Value::String(id)) => match split(id) {
            (short, Some(_)) => {
                id.truncate(short.len());
                true
            }
            (_, None) => false,
        },
        _ => false,
    }
}

/// Whether it is what [`ExtraContent`] writes.
fn holds_only_a_signature(extra: Option<&Value>) -> bool {
    let only = |value: &Value, key: &str| match value {
        Value::Object(members) if members.len() == 1 => members.get(key).cloned(),
        _ => None,
    };
    extra
        .and_then(|extra| only(extra, "google"))
        .and_then(|google| only(&google, "thought_signature"))
        .is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
        fn nothing_makes_it_panic(id: String, body: Vec<u8>) {
            let _ = split(&id);
            let _ = strip(&body);
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

    #[test]
    fn a_conversation_is_stripped_of_what_we_put_into_it() {
        let long = join("call_1", Some("proof"));
        let body = json!({
            "model": "gpt-4.1",
            "temperature": 0.5,
            "messages": [
                {"role": "user", "content": "what about extra_content and a__thought__b ?"},
                {"role": "assistant", "content": null, "extra_content": {"google": {"thought_signature": "x"}}, "tool_calls": [
                    {"id": long, "type": "function", "function": {"name": "f", "arguments": "{}"},
                     "extra_content": {"google": {"thought_signature": "proof"}}},
                    {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"},
                     "extra_content": {"google": {"thought_signature": "of an upstream"}}},
                ]},
                {"role": "tool", "tool_call_id": long, "content": "1"},
            ],
        });
        let stripped = strip(body.to_string().as_bytes()).unwrap();
        let stripped: Value = serde_json::from_slice(&stripped).unwrap();
        assert_eq!(
            stripped,
            json!({
                "model": "gpt-4.1",
                "temperature": 0.5,
                "messages": [
                    {"role": "user", "content": "what about extra_content and a__thought__b ?"},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                        {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"},
                         "extra_content": {"google": {"thought_signature": "of an upstream"}}},
                    ]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "1"},
                ],
            })
        );
        assert_eq!(strip(stripped.to_string().as_bytes()), None);
    }
}
