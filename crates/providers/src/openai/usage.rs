//! The cost of a request as OpenAI's `usage` states it, and as servers that speak like it do.

use locum_domain::chat::{Usage, UsageDetails};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::cursor::{Cursor, Malformed};

/// `usage` as a member of an answer that is read as a whole.
#[derive(Debug)]
pub(super) struct WireUsage(pub Option<Usage>);

impl<'de> Deserialize<'de> for WireUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &RawValue = Deserialize::deserialize(deserializer)?;
        Ok(Self(read(raw.get().as_bytes())))
    }
}

/// Reads the text of a `usage` object; `None` where it is no such object.
fn read(json: &[u8]) -> Option<Usage> {
    take(&mut Cursor::new(json).ok()?).ok()?
}

/// Passes over a `usage`; `None` where it is no object. Counts are read leniently: some servers send floats, null or
/// nothing. What the upstream leaves out follows from the total where there is one.
pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Option<Usage>, Malformed> {
    if cursor.peek() != Some(b'{') {
        return cursor.skip().map(|()| None);
    }
    let (mut prompt, mut completion, mut total) = (None, None, None);
    let mut details = UsageDetails::default();
    cursor.object(|cursor, key| {
        match key {
            b"prompt_tokens" => prompt = count(cursor)?,
            b"completion_tokens" => completion = count(cursor)?,
            b"total_tokens" => total = count(cursor)?,
            b"prompt_tokens_details" => parts(cursor, |key, count| match key {
                b"cached_tokens" => details.cached = count,
                b"audio_tokens" => details.prompt_audio = count,
                _ => {}
            })?,
            b"completion_tokens_details" => parts(cursor, |key, count| match key {
                b"reasoning_tokens" => details.reasoning = count,
                b"audio_tokens" => details.completion_audio = count,
                _ => {}
            })?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    let total = total.unwrap_or(0);
    let prompt = prompt.unwrap_or_else(|| total.saturating_sub(completion.unwrap_or(0)));
    Ok(Some(Usage {
        prompt,
        completion: completion.unwrap_or_else(|| total.saturating_sub(prompt)),
        details,
    }))
}

/// Reads the counts of one of the `…_details` objects.
fn parts(cursor: &mut Cursor<'_>, mut part: impl FnMut(&[u8], u64)) -> Result<(), Malformed> {
    if cursor.peek() != Some(b'{') {
        return cursor.skip();
    }
    cursor.object(|cursor, key| {
        if let Some(count) = count(cursor)? {
            part(key, count);
        }
        Ok(())
    })
}

/// A count of tokens; `None` where it is no sensible one. Sums of two such counts cannot overflow.
fn count(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Malformed> {
    if !matches!(cursor.peek(), Some(b'-' | b'0'..=b'9')) {
        return cursor.skip().map(|()| None);
    }
    let text = str::from_utf8(cursor.number()?).unwrap_or_default();
    let count = match text.parse::<u64>() {
        Ok(count) => Some(count),
        Err(_) => text
            .parse()
            .ok()
            .filter(|float: &f64| *float >= 0.0)
            .map(|float| float as u64),
    };
    Ok(count.map(|count| count.min(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(json: &str) -> Option<(u64, u64)> {
        read(json.as_bytes()).map(|usage| (usage.prompt, usage.completion))
    }

    #[test]
    fn reads_what_servers_send() {
        assert_eq!(
            tokens(r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}"#),
            Some((5, 7))
        );
        assert_eq!(
            tokens(r#"{"prompt_tokens":5,"total_tokens":12}"#),
            Some((5, 7))
        );
        assert_eq!(
            tokens(r#"{"prompt_tokens":5.0,"completion_tokens":null}"#),
            Some((5, 0))
        );
        assert_eq!(
            tokens(r#"{"prompt_tokens":-5,"completion_tokens":1e300}"#),
            Some((0, 4_294_967_295))
        );
        assert_eq!(tokens("{}"), Some((0, 0)));
        assert_eq!(tokens("null"), None);
        assert_eq!(tokens("7"), None);
    }

    #[test]
    fn reads_the_parts() {
        let usage = read(
            br#"{"prompt_tokens":50,"completion_tokens":70,"prompt_tokens_details":{"cached_tokens":40,"audio_tokens":1},
                "completion_tokens_details":{"reasoning_tokens":60,"audio_tokens":2,"accepted_prediction_tokens":0}}"#,
        )
        .unwrap();
        assert_eq!(
            usage.details,
            UsageDetails {
                cached: 40,
                prompt_audio: 1,
                reasoning: 60,
                completion_audio: 2
            }
        );
    }
}
