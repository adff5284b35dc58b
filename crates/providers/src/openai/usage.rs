//! The cost of a request as OpenAI's `usage` states it, and as servers that speak like it do.

use locum_domain::chat::{Usage, UsageDetails};
use serde::Deserialize;
use serde_json::Value;

/// `usage` of a chat answer or of embeddings. Counts are read leniently: some servers send floats, null or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    prompt_tokens: Value,
    completion_tokens: Value,
    total_tokens: Value,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Value,
    audio_tokens: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Value,
    audio_tokens: Value,
}

impl WireUsage {
    /// Reads the text of a `usage` object; `None` where it is null or no such object.
    pub fn read(json: &[u8]) -> Option<Usage> {
        let usage: Option<Self> = serde_json::from_slice(json).ok()?;
        usage.map(|usage| usage.to_usage())
    }

    /// In Locum's words. What the upstream leaves out follows from the total where there is one.
    pub fn to_usage(&self) -> Usage {
        let total = count(&self.total_tokens).unwrap_or(0);
        let prompt = count(&self.prompt_tokens)
            .unwrap_or_else(|| total.saturating_sub(count(&self.completion_tokens).unwrap_or(0)));
        let completion =
            count(&self.completion_tokens).unwrap_or_else(|| total.saturating_sub(prompt));
        let mut details = UsageDetails::default();
        if let Some(of_prompt) = &self.prompt_tokens_details {
            details.cached = count(&of_prompt.cached_tokens).unwrap_or(0);
            details.prompt_audio = count(&of_prompt.audio_tokens).unwrap_or(0);
        }
        if let Some(of_completion) = &self.completion_tokens_details {
            details.reasoning = count(&of_completion.reasoning_tokens).unwrap_or(0);
            details.completion_audio = count(&of_completion.audio_tokens).unwrap_or(0);
        }
        Usage {
            prompt,
            completion,
            details,
        }
    }
}

/// A count of tokens; `None` where it is no sensible one. Sums of two such counts cannot overflow.
fn count(value: &Value) -> Option<u64> {
    let count = match value.as_u64() {
        Some(count) => count,
        None => value.as_f64().filter(|float| *float >= 0.0)? as u64,
    };
    Some(count.min(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(json: &str) -> Option<(u64, u64)> {
        WireUsage::read(json.as_bytes()).map(|usage| (usage.prompt, usage.completion))
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
        let usage = WireUsage::read(
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
