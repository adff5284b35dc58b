//! What an answer cost.

use locum_domain::chat::{Usage, UsageDetails};
use serde_json::{Value, json};

use crate::{NEW, answer, candidate, hello, streamed, streaming};

fn usage(metadata: Value) -> Option<Usage> {
    let mut reply = candidate(json!([{"text": "Hi"}]), "STOP");
    reply["usageMetadata"] = metadata;
    answer(&hello(NEW), &reply).usage
}

#[test]
fn thinking_and_tool_use_are_counted_and_the_sum_adds_up() {
    let usage = usage(json!({
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 7,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 157,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 80}, {"modality": "AUDIO", "tokenCount": 20}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
    }))
    .unwrap();
    assert_eq!(
        usage,
        Usage {
            prompt: 107,
            completion: 50,
            details: UsageDetails {
                cached: 60,
                prompt_audio: 20,
                reasoning: 30,
                completion_audio: 5,
            },
        }
    );
    assert_eq!(usage.total(), 157);
}

#[test]
fn missing_counts_are_zero() {
    let usage = usage(json!({"promptTokenCount": 9})).unwrap();
    assert_eq!((usage.prompt, usage.completion, usage.total()), (9, 0, 9));
}

#[test]
fn a_larger_total_is_counted_to_the_answer() {
    let usage =
        usage(json!({"promptTokenCount": 9, "candidatesTokenCount": 1, "totalTokenCount": 40}));
    let usage = usage.unwrap();
    assert_eq!((usage.prompt, usage.completion, usage.total()), (9, 31, 40));
}

#[test]
fn a_smaller_total_is_not_believed() {
    let usage =
        usage(json!({"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 3}));
    assert_eq!(usage.unwrap().total(), 14);
}

#[test]
fn counts_in_strings_and_strange_counts_are_read() {
    let usage = usage(
        json!({"promptTokenCount": "9", "candidatesTokenCount": -5, "thoughtsTokenCount": 2.0, "totalTokenCount": u64::MAX}),
    );
    let usage = usage.unwrap();
    assert_eq!(usage.prompt, 9);
    assert_eq!(usage.total(), 1 << 48);
}

#[test]
fn an_answer_without_usage_has_none() {
    let reply =
        json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]});
    assert_eq!(answer(&hello(NEW), &reply).usage, None);
}

#[test]
fn the_last_usage_of_a_stream_counts_also_behind_the_end() {
    let chunk = |text: &str, tokens: u32| json!({"candidates": [{"content": {"parts": [{"text": text}]}}], "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": tokens}});
    let answer = streamed(
        &streaming(hello(NEW)),
        &[
            chunk("a", 1),
            chunk("b", 2),
            json!({"candidates": [{"finishReason": "STOP"}]}),
            json!({"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3, "thoughtsTokenCount": 4}}),
        ],
    );
    let usage = answer.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion), (5, 7));
}
