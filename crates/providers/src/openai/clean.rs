//! Takes out of a chat body what Locum put into answers of other providers and this one would refuse.
//!
//! A provider's thinking travels through clients in three ways: as the field `extra_content`, inside a call's id, which then is
//! longer than OpenAI's API takes, and as the field `reasoning_content`. Bodies without any of them are not touched.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde_json::{Map, Value};

/// What separates a call's id from the proof that travels in it.
const THOUGHT: &str = "__thought__";
/// The longest id of a call that OpenAI's API takes, in characters.
const MAX_ID_CHARS: usize = 40;

/// Knows what one upstream refuses.
pub(super) struct Cleaner {
    fields: &'static [&'static str],
    traces: Vec<Finder<'static>>,
    /// Stands in every body with an earlier answer; without one there is nothing to take out.
    answer: Finder<'static>,
}

impl Cleaner {
    /// For the upstream at `host`. OpenAI's own API refuses every field that it does not know; other servers that think aloud
    /// want their `reasoning_content` back.
    pub fn new(host: &str) -> Self {
        let is_openai = ["api.openai.com", ".openai.azure.com"]
            .iter()
            .any(|name| host.ends_with(name));
        let (fields, traces): (&[&str], &[&str]) = if is_openai {
            (
                &["extra_content", "reasoning_content"],
                &[THOUGHT, "\"extra_content\"", "\"reasoning_content\""],
            )
        } else {
            (&["extra_content"], &[THOUGHT, "\"extra_content\""])
        };
        Self {
            fields,
            traces: traces.iter().map(Finder::new).collect(),
            answer: Finder::new("\"assistant\""),
        }
    }

    /// `body` as the upstream takes it: as it came where there is nothing to take out.
    pub fn clean(&self, body: Bytes) -> Bytes {
        if self.answer.find(&body).is_none()
            || self.traces.iter().all(|trace| trace.find(&body).is_none())
        {
            return body;
        }
        let Ok(Value::Object(mut request)) = serde_json::from_slice(&body) else {
            return body;
        };
        self.clean_messages(&mut request);
        serde_json::to_vec(&request).map_or(body, Bytes::from)
    }

    fn clean_messages(&self, request: &mut Map<String, Value>) {
        let messages = request.get_mut("messages").and_then(Value::as_array_mut);
        for message in messages.into_iter().flatten() {
            let Some(message) = message.as_object_mut() else {
                continue;
            };
            self.remove_fields(message);
            clean_id(message, "tool_call_id");
            let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
            for call in calls.into_iter().flatten() {
                if let Some(call) = call.as_object_mut() {
                    self.remove_fields(call);
                    clean_id(call, "id");
                }
            }
        }
    }

    fn remove_fields(&self, object: &mut Map<String, Value>) {
        for field in self.fields {
            object.shift_remove(*field);
        }
    }
}

/// The id of a call as OpenAI's API takes it. Equal ids stay equal, different ones stay different.
pub(super) fn wire_id(id: &str) -> Cow<'_, str> {
    let short = match id.split_once(THOUGHT) {
        Some((short, _)) if !short.is_empty() => short,
        _ => id,
    };
    if short.chars().count() <= MAX_ID_CHARS {
        return Cow::Borrowed(short);
    }
    let mark = format!("_{:016x}", fnv1a(short.as_bytes()));
    let mut shortened: String = short.chars().take(MAX_ID_CHARS - mark.len()).collect();
    shortened.push_str(&mark);
    Cow::Owned(shortened)
}

fn clean_id(object: &mut Map<String, Value>, field: &str) {
    if let Some(Value::String(id)) = object.get_mut(field) {
        *id = wire_id(id).into_owned();
    }
}

/// The FNV-1a hash: only to tell ids apart.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned_for(host: &str, body: &'static str) -> String {
        let body = Cleaner::new(host).clean(Bytes::from_static(body.as_bytes()));
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn clean_text(body: &'static str) -> String {
        cleaned_for("api.openai.com", body)
    }

    #[test]
    fn a_body_without_traces_goes_through_as_it_came() {
        let body = Bytes::from_static(
            br#"{ "messages" : [{"role":"user","content":"say \"extra_content\" 1.0"}] }"#,
        );
        let cleaned = Cleaner::new("api.openai.com").clean(body.clone());
        assert_eq!(cleaned.as_ptr(), body.as_ptr());
        let broken = "{\"extra_content\"";
        assert_eq!(clean_text(broken), broken);
    }

    #[test]
    fn proofs_are_taken_out_and_all_else_stays() {
        let cleaned = clean_text(
            r#"{"model":"gpt-4.1","temperature":1.0,"messages":[{"role":"user","content":"my __thought__x","extra_content":"kept? no"},{"role":"assistant","content":null,"extra_content":{"google":{"thought_signature":"s"}},"tool_calls":[{"id":"call_1__thought__QUJD","type":"function","function":{"name":"f","arguments":"{\"extra_content\":1}"},"extra_content":{"google":{}}}]},{"role":"tool","tool_call_id":"call_1__thought__QUJD","content":"22"}],"metadata":{"extra_content":"stays"}}"#,
        );
        insta::assert_snapshot!(cleaned, @r#"{"model":"gpt-4.1","temperature":1.0,"messages":[{"role":"user","content":"my __thought__x"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"extra_content\":1}"}}]},{"role":"tool","tool_call_id":"call_1","content":"22"}],"metadata":{"extra_content":"stays"}}"#);
    }

    #[test]
    fn thoughts_stay_with_servers_that_know_them() {
        let body = r#"{"messages":[{"role":"assistant","content":"x","reasoning_content":"hm"}]}"#;
        assert_eq!(cleaned_for("127.0.0.1", body), body);
        let without = r#"{"messages":[{"role":"assistant","content":"x"}]}"#;
        assert_eq!(cleaned_for("api.openai.com", body), without);
        assert_eq!(cleaned_for("us.openai.azure.com", body), without);
    }

    #[test]
    fn odd_shapes_pass() {
        for body in [
            r#"{"messages":"extra_content","extra_content":1}"#,
            r#"{"messages":[null,7,{"tool_calls":{"extra_content":1}},{"tool_calls":[7,{"id":7}],"extra_content":1}]}"#,
            r#"["extra_content"]"#,
        ] {
            clean_text(body);
        }
    }

    proptest! {
        #[test]
        fn ids_fit_and_stay_apart(a in "[a-zé_]{0,60}(__thought__[a-z]{0,60})?", b in "[a-zé_]{0,60}") {
            prop_assert!(wire_id(&a).chars().count() <= MAX_ID_CHARS);
            prop_assert_eq!(a.is_empty(), wire_id(&a).is_empty());
            if !a.contains(THOUGHT) && !b.contains(THOUGHT) {
                prop_assert_eq!(a == b, wire_id(&a) == wire_id(&b));
            }
            let once = wire_id(&a);
            prop_assert_eq!(wire_id(&once), once.as_ref());
        }
    }
}
