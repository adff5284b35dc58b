//! Bytes in any pieces, and bytes of any kind.

use locum_domain::{
    chat::{ChatAnswer, ChatEvent, ChatRequest},
    failure::{Failure, FailureClass},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{NEW, OLD, events_of, hello, sse, streaming};

/// Feeds `bytes` whole, cut in two at every byte, and byte by byte; all give the same answer and the same end.
#[track_caller]
pub fn every_cut(request: &ChatRequest, bytes: &[u8]) -> (Vec<ChatEvent>, Result<(), Failure>) {
    let (events, ended) = events_of(request, &[bytes]);
    let folded = ChatAnswer::from_events(events.clone());
    let same = |pieces: &[&[u8]], how: &dyn std::fmt::Display| {
        let (cut_events, cut_ended) = events_of(request, pieces);
        assert_eq!(ChatAnswer::from_events(cut_events), folded, "{how}");
        assert_eq!(cut_ended, ended, "{how}");
    };
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        same(&[head, tail], &format_args!("cut at {at}"));
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    same(&single, &"byte by byte");
    (events, ended)
}

/// A stream with a bit of everything.
fn rich() -> Vec<Value> {
    vec![
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Thinking about it…", "thought": true}]}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12}, "modelVersion": "gemini-4-hydrogen-001", "responseId": "r-1"}),
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Grüße, \"Welt\" 🌍\n"}]}, "index": 0}]}),
        json!({"candidates": [{"content": {"role": "model", "parts": [
            {"functionCall": {"id": "fc-1", "name": "get_weather", "args": {"city": "São Paulo"}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "now", "args": {}}}]}, "index": 0}]}),
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "", "thoughtSignature": "ZW5k"}]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 9, "thoughtsTokenCount": 30, "totalTokenCount": 51}}),
    ]
}

#[test]
fn every_cut_of_a_stream_gives_the_same_answer() {
    let request = streaming(hello(NEW));
    for separator in ["\n\n", "\r\n\r\n", "\r\r"] {
        let bytes: Vec<u8> = rich()
            .iter()
            .flat_map(|chunk| format!("data: {chunk}{separator}").into_bytes())
            .collect();
        let (events, ended) = every_cut(&request, &bytes);
        assert_eq!(ended, Ok(()));
        let answer = ChatAnswer::from_events(events);
        assert_eq!(answer.choices[0].text, "Grüße, \"Welt\" 🌍\n");
        assert_eq!(answer.choices[0].calls.len(), 2);
    }
}

#[test]
fn every_cut_of_a_whole_answer_gives_the_same_answer() {
    let reply = json!({"candidates": [{"content": {"parts": [{"text": "Grüße"}]}, "finishReason": "STOP"}]});
    let pretty = serde_json::to_vec_pretty(&reply).unwrap();
    let (events, ended) = every_cut(&hello(NEW), &pretty);
    assert_eq!(ended, Ok(()));
    assert_eq!(ChatAnswer::from_events(events).choices[0].text, "Grüße");
}

#[test]
fn every_truncation_of_a_stream_is_no_whole_answer() {
    let request = streaming(hello(NEW));
    let bytes = sse(&rich());
    let end_of_last_reply = bytes.len() - "\r\n\r\n".len();
    for until in 0..end_of_last_reply {
        let (_, ended) = events_of(&request, &[&bytes[..until]]);
        let class = ended.unwrap_err().class;
        // Before the first brace nothing tells that it was Gemini.
        let is_told = class == FailureClass::Cut || until < "data: {".len();
        assert!(is_told, "cut off at {until}: {class:?}");
    }
    for until in end_of_last_reply..bytes.len() {
        let (_, ended) = events_of(&request, &[&bytes[..until]]);
        assert_eq!(ended, Ok(()), "cut off at {until}");
    }
}

#[test]
fn a_hundred_thousand_open_brackets_are_no_answer() {
    let brackets = "[".repeat(100_000);
    for body in [
        brackets.clone(),
        format!("{{\"candidates\":{brackets}"),
        format!("{{\"future\":{brackets}"),
        format!("{{\"error\":{{\"details\":{brackets}"),
        format!(
            "{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"functionCall\":{{\"args\":{brackets}"
        ),
    ] {
        let (_, ended) = events_of(&hello(NEW), &[body.as_bytes()]);
        let class = ended.unwrap_err().class;
        assert!(matches!(class, FailureClass::Garbage | FailureClass::Cut));
        survives(body.as_bytes());
        survives(format!("data: {body}\n\n").as_bytes());
    }
}

/// What a reply of Gemini's is made of, in any arrangement.
fn mutated() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "STOP",
            "MAX_TOKENS",
            "SAFETY",
            "OTHER",
            "CONTINUATION",
            "NEW_REASON",
            "",
            "text",
            "image/png",
            "AUDIO",
            "7"
        ])
        .prop_map(Value::from),
    ];
    let key = || {
        prop::sample::select(vec![
            "candidates",
            "candidates",
            "content",
            "content",
            "parts",
            "parts",
            "text",
            "thought",
            "thoughtSignature",
            "functionCall",
            "name",
            "args",
            "id",
            "index",
            "finishReason",
            "usageMetadata",
            "promptTokenCount",
            "totalTokenCount",
            "promptTokensDetails",
            "modality",
            "tokenCount",
            "promptFeedback",
            "blockReason",
            "error",
            "code",
            "message",
            "status",
            "details",
            "retryDelay",
            "violations",
            "quotaId",
            "inlineData",
            "mimeType",
            "data",
            "logprobsResult",
            "chosenCandidates",
            "topCandidates",
            "token",
            "logProbability",
            "continuationToken",
            "modelVersion",
            "responseId",
            "models",
            "nextPageToken",
            "supportedGenerationMethods",
            "embedding",
            "embeddings",
            "values",
        ])
        .prop_map(str::to_owned)
    };
    scalar.prop_recursive(8, 80, 4, move |inner| {
        prop_oneof![
            2 => prop::collection::vec((key(), inner.clone()), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

/// Whatever `bytes` are: nobody panics, events keep their contract, and an answer that counts as whole has an end.
fn survives(bytes: &[u8]) {
    for mut request in [hello(NEW), streaming(hello(NEW)), streaming(hello(OLD))] {
        request.n = if request.model == OLD { 3 } else { 1 };
        let (events, ended) = events_of(&request, &[bytes]);
        keeps_contract(&events);
        if ended.is_ok() {
            let ends = events
                .iter()
                .filter(|event| {
                    matches!(event, ChatEvent::Finish { .. } | ChatEvent::Continue { .. })
                })
                .count();
            assert!(ends >= 1);
        }
    }
    crate::failure(400, &[], bytes);
    crate::failure(429, &[("retry-after", "x")], bytes);
    drop(crate::gemini().decode_models(bytes));
    let request = locum_domain::embedding::EmbeddingRequest::default();
    drop(crate::gemini().decode_embeddings(&request, bytes));
}

fn keeps_contract(events: &[ChatEvent]) {
    let mut finished = std::collections::HashSet::new();
    for (at, event) in events.iter().enumerate() {
        match event {
            ChatEvent::Head { .. } => assert_eq!(at, 0),
            ChatEvent::Text { text, choice }
            | ChatEvent::Reasoning { text, choice }
            | ChatEvent::Refusal { text, choice } => {
                assert!(!text.is_empty());
                assert!(!finished.contains(choice));
            }
            ChatEvent::ToolCall { delta, choice } => {
                assert!(delta.id.is_some() && delta.name.is_some());
                assert!(!finished.contains(choice));
            }
            ChatEvent::Finish { choice, .. } => assert!(finished.insert(*choice)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }

    #[test]
    fn no_json_makes_it_panic(replies in prop::collection::vec(mutated(), 1..4)) {
        survives(replies[0].to_string().as_bytes());
        survives(&sse(&replies));
        survives(&sse(&[json!({"candidates": replies})]));
        survives(&sse(&[json!({"candidates": [{"content": {"parts": replies}, "finishReason": "STOP"}]})]));
        survives(json!({"error": replies[0]}).to_string().as_bytes());
        survives(json!({"error": {"code": 429, "message": "limit: 0", "details": replies}}).to_string().as_bytes());
    }

    #[test]
    fn a_damaged_stream_never_panics(at in 0usize..1000, byte: u8) {
        let mut bytes = sse(&rich());
        let at = at % bytes.len();
        bytes[at] = byte;
        let (events, _) = events_of(&streaming(hello(NEW)), &[&bytes]);
        keeps_contract(&events);
    }
}
