//! The parts of an answer.

use std::collections::HashSet;

use locum_domain::chat::{ChatEvent, FinishReason};
use serde_json::json;

use crate::{NEW, OLD, answer, candidate, events, every_cut, hello, sse, streamed, streaming};

#[test]
fn text_is_the_answer_and_the_head_names_the_model() {
    let reply = candidate(json!([{"text": "Hello, "}, {"text": "world"}]), "STOP");
    let answer = answer(&hello(NEW), &reply);
    assert_eq!(answer.model.as_deref(), Some("gemini-4-hydrogen-001"));
    assert_eq!(answer.id.as_deref(), Some("resp-1"));
    assert_eq!(answer.choices[0].text, "Hello, world");
    assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
}

#[test]
fn thoughts_are_no_part_of_the_text() {
    let reply = candidate(
        json!([{"text": "Hmm.", "thought": true}, {"text": "Yes."}]),
        "STOP",
    );
    let answer = answer(&hello(NEW), &reply);
    assert_eq!(answer.choices[0].text, "Yes.");
    assert_eq!(answer.choices[0].reasoning, "Hmm.");
}

#[test]
fn an_answer_of_thoughts_alone_is_empty_but_whole() {
    let reply = candidate(json!([{"text": "Hmm.", "thought": true}]), "STOP");
    let answer = answer(&hello(NEW), &reply);
    assert_eq!(answer.choices[0].text, "");
    assert_eq!(answer.choices[0].reasoning, "Hmm.");
    assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
}

#[test]
fn an_empty_answer_is_whole() {
    for content in [
        json!({}),
        json!({"role": "model"}),
        json!({"parts": []}),
        json!(null),
    ] {
        let reply = json!({"candidates": [{"content": content, "finishReason": "STOP"}]});
        let answer = answer(&hello(NEW), &reply);
        assert_eq!(answer.choices[0].text, "");
        assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
    }
}

#[test]
fn parallel_calls_have_distinct_ids_and_indexes() {
    let reply = candidate(
        json!([
            {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}},
            {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}},
            {"functionCall": {"name": "now"}},
        ]),
        "STOP",
    );
    let events = events(&hello(OLD), &reply);
    let deltas: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ChatEvent::ToolCall { delta, .. } => Some(delta),
            _ => None,
        })
        .collect();
    let indexes: Vec<u32> = deltas.iter().map(|delta| delta.index).collect();
    assert_eq!(indexes, [0, 1, 2]);
    let ids: HashSet<&str> = deltas
        .iter()
        .map(|delta| delta.id.as_deref().unwrap())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids.iter()
            .all(|id| id.starts_with("call_") && id.len() >= 24)
    );
    let arguments: Vec<&str> = deltas
        .iter()
        .map(|delta| delta.arguments.as_str())
        .collect();
    assert_eq!(
        arguments,
        [r#"{"city":"Paris"}"#, r#"{"city":"Rome"}"#, "{}"]
    );
}

#[test]
fn parallel_calls_over_several_chunks_have_distinct_ids_and_indexes() {
    let one = |name: &str| json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": name, "args": {}}}]}}]});
    let end = json!({"candidates": [{"finishReason": "STOP"}]});
    let answer = streamed(&streaming(hello(NEW)), &[one("a"), one("b"), end]);
    let calls = &answer.choices[0].calls;
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].name.as_str(), calls[1].name.as_str()), ("a", "b"));
    assert_ne!(calls[0].id, calls[1].id);
    assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
}

#[test]
fn geminis_own_id_of_a_call_is_kept_once() {
    let reply = candidate(
        json!([
            {"functionCall": {"id": "fc_1", "name": "a"}},
            {"functionCall": {"id": "fc_1", "name": "b"}},
            {"functionCall": {"id": "", "name": "c"}},
        ]),
        "STOP",
    );
    let calls = answer(&hello(NEW), &reply).choices.remove(0).calls;
    assert_eq!(calls[0].id, "fc_1");
    assert!(calls[1].id.starts_with("call_"));
    assert!(calls[2].id.starts_with("call_"));
    assert_ne!(calls[1].id, calls[2].id);
}

#[test]
fn arguments_are_the_texts_own_json_without_blanks() {
    let body = r#"{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {
        "big": 12345678901234567890.50,
        "text": "a  \"b\" \\ c\n",
        "list": [ 1 , 2 ]
    }}}]}, "finishReason": "STOP"}]}"#;
    let (events, ended) = crate::events_of(&hello(NEW), &[body.as_bytes()]);
    assert_eq!(ended, Ok(()));
    let answer = locum_domain::chat::ChatAnswer::from_events(events);
    assert_eq!(
        answer.choices[0].calls[0].arguments,
        r#"{"big":12345678901234567890.50,"text":"a  \"b\" \\ c\n","list":[1,2]}"#
    );
}

#[test]
fn without_parallel_calls_only_the_first_is_kept() {
    let mut request = hello(NEW);
    request.parallel_tool_calls = Some(false);
    let reply = candidate(
        json!([
            {"functionCall": {"name": "a"}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "b"}},
        ]),
        "STOP",
    );
    let answer = answer(&request, &reply);
    assert_eq!(answer.choices[0].calls.len(), 1);
    assert_eq!(answer.choices[0].calls[0].name, "a");
    assert_eq!(
        answer.choices[0].calls[0].signature.as_deref(),
        Some("c2ln")
    );
    assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
}

#[test]
fn a_picture_in_the_answer_becomes_markdown() {
    let reply = candidate(
        json!([{"text": "Here:"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]),
        "STOP",
    );
    assert_eq!(
        answer(&hello(NEW), &reply).choices[0].text,
        "Here:![image](data:image/png;base64,iVBORw0KGgo=)"
    );
}

#[test]
fn parts_of_server_tools_are_no_content() {
    let reply = candidate(
        json!([
            {"executableCode": {"language": "PYTHON", "code": "1+1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
            {"toolCall": {"id": "t"}},
            {"text": "2"},
        ]),
        "STOP",
    );
    assert_eq!(answer(&hello(NEW), &reply).choices[0].text, "2");
}

#[test]
fn candidates_are_choices() {
    let mut request = hello(OLD);
    request.n = 2;
    let reply = json!({"candidates": [
        {"index": 1, "content": {"parts": [{"functionCall": {"name": "now"}}]}, "finishReason": "STOP"},
        {"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS"},
    ]});
    let answer = answer(&request, &reply);
    assert_eq!(answer.choices[0].text, "a");
    assert_eq!(answer.choices[0].finish, Some(FinishReason::Length));
    assert_eq!(answer.choices[1].calls[0].name, "now");
    assert_eq!(answer.choices[1].finish, Some(FinishReason::ToolCalls));
}

#[test]
fn logprobs_become_openais_elements() {
    let reply = json!({"candidates": [{
        "content": {"parts": [{"text": "é"}]},
        "finishReason": "STOP",
        "logprobsResult": {
            "chosenCandidates": [{"token": "é", "tokenId": 7, "logProbability": -0.25}, {"token": "!"}],
            "topCandidates": [{"candidates": [
                {"token": "é", "tokenId": 7, "logProbability": -0.25},
                {"token": "e", "tokenId": 8, "logProbability": -1.5},
            ]}],
        },
    }]});
    assert_eq!(
        answer(&hello(NEW), &reply).choices[0].logprobs,
        [
            json!({"token": "é", "logprob": -0.25, "bytes": [195, 169], "top_logprobs": [
                {"token": "é", "logprob": -0.25, "bytes": [195, 169]},
                {"token": "e", "logprob": -1.5, "bytes": [101]},
            ]}),
            json!({"token": "!", "logprob": 0.0, "bytes": [33], "top_logprobs": []}),
        ]
    );
}

#[test]
fn a_stream_is_told_chunk_by_chunk() {
    let chunk = |text: &str| json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}], "modelVersion": "m"});
    let last = json!({"candidates": [{"content": {"parts": [{"text": "c"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 3}});
    let request = streaming(hello(NEW));
    let (events, ended) = every_cut(&request, &sse(&[chunk("a"), chunk("b"), last]));
    assert_eq!(ended, Ok(()));
    let kinds: Vec<String> = events
        .iter()
        .map(|event| match event {
            ChatEvent::Head { model, .. } => format!("head {}", model.as_deref().unwrap_or("")),
            ChatEvent::Text { text, .. } => format!("text {text}"),
            ChatEvent::Usage(usage) => format!("usage {}", usage.total()),
            ChatEvent::Finish { reason, .. } => format!("finish {}", reason.as_str()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "head m",
            "text a",
            "text b",
            "usage 4",
            "text c",
            "finish stop"
        ]
    );
}

#[test]
fn a_stream_is_done_when_its_end_and_its_usage_are_told() {
    let provider = crate::gemini();
    let request = streaming(hello(NEW));
    let mut decoder = provider.chat_decoder(&request, crate::ids());
    let mut out = Vec::new();
    let text = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 1}});
    decoder.feed(&sse(&[text]), &mut out).unwrap();
    assert!(!decoder.is_done());
    let end = json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}});
    decoder.feed(&sse(&[end]), &mut out).unwrap();
    assert!(decoder.is_done());
    decoder.finish(&mut out).unwrap();
}

#[test]
fn nulls_and_absent_fields_are_empty_ones() {
    let chunks = [
        json!({"candidates": [{"content": {"parts": [{"text": "Hi", "thought": null, "functionCall": null}], "role": "model"}, "finishReason": null, "index": 0, "safetyRatings": []}], "promptFeedback": null, "usageMetadata": null, "error": null}),
        json!({"candidates": [{"content": {"parts": [{}], "role": "model"}}], "futureField": {"a": [1]}}),
        json!({"candidates": [{"content": {"parts": null}, "finishReason": "STOP", "index": null}], "usageMetadata": {"promptTokenCount": null, "candidatesTokenCount": 0}}),
    ];
    let answer = streamed(&streaming(hello(NEW)), &chunks);
    assert_eq!(answer.choices[0].text, "Hi");
    assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
    assert_eq!(answer.model, None);
    assert_eq!(answer.usage.unwrap().total(), 0);
}
