//! What Gemini sends back, as it is read: borrowed from the bytes where that saves a copy, and forgiving, because its
//! JSON leaves out whatever is zero or empty.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use serde_json::value::RawValue;

/// One `GenerateContentResponse`, or the error in its place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    pub(super) prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(borrow)]
    pub(super) usage_metadata: Option<UsageMetadata<'a>>,
    /// Read for the first reply of a stream only.
    #[serde(borrow)]
    pub(super) model_version: Option<&'a RawValue>,
    /// As above.
    #[serde(borrow)]
    pub(super) response_id: Option<&'a RawValue>,
    /// Read by the file that knows errors.
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: Option<Count>,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) continuation_token: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) logprobs_result: Option<LogprobsResult<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    pub(super) text: Option<String>,
    pub(super) thought: Option<bool>,
    pub(super) thought_signature: Option<String>,
    #[serde(borrow)]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(borrow)]
    pub(super) inline_data: Option<InlineData<'a>>,
}

#[derive(Deserialize)]
pub(super) struct FunctionCall<'a> {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InlineData<'a> {
    #[serde(borrow)]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub(super) block_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogprobsResult<'a> {
    #[serde(borrow)]
    pub(super) chosen_candidates: Option<Vec<LogprobsCandidate<'a>>>,
    #[serde(borrow)]
    pub(super) top_candidates: Option<Vec<TopCandidates<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct TopCandidates<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<LogprobsCandidate<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogprobsCandidate<'a> {
    #[serde(borrow)]
    pub(super) token: Option<Text<'a>>,
    pub(super) log_probability: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageMetadata<'a> {
    pub(super) prompt_token_count: Option<Count>,
    pub(super) cached_content_token_count: Option<Count>,
    pub(super) candidates_token_count: Option<Count>,
    pub(super) tool_use_prompt_token_count: Option<Count>,
    pub(super) thoughts_token_count: Option<Count>,
    pub(super) total_token_count: Option<Count>,
    #[serde(borrow)]
    pub(super) prompt_tokens_details: Option<Vec<ModalityCount<'a>>>,
    #[serde(borrow)]
    pub(super) candidates_tokens_details: Option<Vec<ModalityCount<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModalityCount<'a> {
    #[serde(borrow)]
    pub(super) modality: Option<Text<'a>>,
    pub(super) token_count: Option<Count>,
}

/// A text that is borrowed where it holds no escape.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A count: a number, a number in a string as this JSON writes long ones, never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
                Ok(Count(count))
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(count).unwrap_or_default()))
            }

            fn visit_f64<E: de::Error>(self, count: f64) -> Result<Count, E> {
                Ok(Count(count as u64))
            }

            fn visit_str<E: de::Error>(self, count: &str) -> Result<Count, E> {
                count.parse().map(Count).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}

impl UsageMetadata<'_> {
    /// The tokens spent. Where the sum of the parts misses something of the stated total, it is counted to the answer: the
    /// request's own tokens are always stated, thinking is not.
    pub(super) fn usage(&self) -> locum_domain::chat::Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let audio = |details: &Option<Vec<ModalityCount<'_>>>| {
            details
                .iter()
                .flatten()
                .filter(|detail| {
                    detail
                        .modality
                        .as_ref()
                        .is_some_and(|modality| modality.0 == "AUDIO")
                })
                .fold(0, |sum: u64, detail| {
                    sum.saturating_add(count(detail.token_count))
                })
        };
        // Far from what any model takes; keeps sums of what a broken upstream may claim in range.
        const MOST: u64 = 1 << 48;
        let prompt = count(self.prompt_token_count)
            .min(MOST)
            .saturating_add(count(self.tool_use_prompt_token_count).min(MOST));
        let stated = count(self.candidates_token_count)
            .min(MOST)
            .saturating_add(count(self.thoughts_token_count).min(MOST));
        let rest = count(self.total_token_count)
            .min(MOST)
            .saturating_sub(prompt);
        locum_domain::chat::Usage {
            prompt,
            completion: stated.max(rest),
            details: locum_domain::chat::UsageDetails {
                cached: count(self.cached_content_token_count).min(prompt),
                prompt_audio: audio(&self.prompt_tokens_details).min(prompt),
                reasoning: count(self.thoughts_token_count).min(MOST),
                completion_audio: audio(&self.candidates_tokens_details).min(stated),
            },
        }
    }
}
