//! Why answers end, and what is no end.

use locum_domain::{
    chat::{ChatAnswer, ChatEvent, FinishReason},
    failure::FailureClass,
};
use serde_json::{Value, json};

use crate::{
    NEW, answer, broken, candidate, events, events_of, every_cut, hello, sse, streamed, streaming,
};

fn text() -> Value {
    json!([{"text": "Hi"}])
}

fn a_call() -> Value {
    json!([{"functionCall": {"name": "now"}}])
}

fn finish(parts: Value, reason: &str) -> Option<FinishReason> {
    answer(&hello(NEW), &candidate(parts, reason)).choices[0].finish
}

#[test]
fn stop_is_stop_and_tool_calls_where_there_are_calls() {
    assert_eq!(finish(text(), "STOP"), Some(FinishReason::Stop));
    assert_eq!(finish(a_call(), "STOP"), Some(FinishReason::ToolCalls));
}

#[test]
fn max_tokens_is_length_also_with_calls_and_without_content() {
    for parts in [text(), a_call(), json!([])] {
        assert_eq!(finish(parts, "MAX_TOKENS"), Some(FinishReason::Length));
    }
}

#[test]
fn filters_are_content_filter_with_and_without_content() {
    for reason in [
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "MODEL_ARMOR",
    ] {
        for parts in [text(), json!([])] {
            assert_eq!(
                finish(parts, reason),
                Some(FinishReason::ContentFilter),
                "{reason}"
            );
        }
    }
}

#[test]
fn malformed_calls_are_malformed_answers() {
    for reason in [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
    ] {
        let mut reply = candidate(json!([]), reason);
        reply["candidates"][0]["finishMessage"] = json!("Malformed function call: print(secret)");
        let failure = broken(&hello(NEW), &reply);
        assert_eq!(failure.class, FailureClass::MalformedAnswer, "{reason}");
        assert!(failure.message.contains(reason));
        assert!(
            !failure.message.contains("secret"),
            "what the model wrote is not logged"
        );
    }
}

#[test]
fn a_malformed_call_in_mid_stream_is_a_failure_and_no_stop() {
    let chunks = [
        json!({"candidates": [{"content": {"parts": [{"text": "Let me"}]}}]}),
        json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
    ];
    let (events, ended) = every_cut(&streaming(hello(NEW)), &sse(&chunks));
    assert_eq!(ended.unwrap_err().class, FailureClass::MalformedAnswer);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, ChatEvent::Finish { .. }))
    );
}

#[test]
fn other_ends_are_stop_with_content_and_malformed_without() {
    for reason in [
        "OTHER",
        "FINISH_REASON_UNSPECIFIED",
        "NO_IMAGE",
        "IMAGE_OTHER",
        "A_NEW_ONE",
    ] {
        assert_eq!(finish(text(), reason), Some(FinishReason::Stop), "{reason}");
        assert_eq!(
            finish(a_call(), reason),
            Some(FinishReason::ToolCalls),
            "{reason}"
        );
        let failure = broken(&hello(NEW), &candidate(json!([]), reason));
        assert_eq!(failure.class, FailureClass::MalformedAnswer, "{reason}");
    }
}

#[test]
fn a_call_without_a_name_is_a_malformed_answer() {
    let failure = broken(
        &hello(NEW),
        &candidate(json!([{"functionCall": {"args": {}}}]), "STOP"),
    );
    assert_eq!(failure.class, FailureClass::MalformedAnswer);
}

#[test]
fn a_blocked_prompt_is_an_answer_that_the_filter_ended() {
    for reason in [
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "JAILBREAK",
    ] {
        let reply = json!({
            "promptFeedback": {"blockReason": reason, "safetyRatings": []},
            "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5},
            "modelVersion": "m",
        });
        let whole = answer(&hello(NEW), &reply);
        assert_eq!(whole.choices.len(), 1);
        assert_eq!(whole.choices[0].text, "");
        assert_eq!(
            whole.choices[0].refusal,
            format!("The prompt was blocked by Gemini: {reason}.")
        );
        assert_eq!(whole.choices[0].finish, Some(FinishReason::ContentFilter));
        assert_eq!(whole.usage.unwrap().total(), 5);
        assert_eq!(streamed(&streaming(hello(NEW)), &[reply]), whole);
    }
}

#[test]
fn a_continuation_pauses_the_answer_with_its_newest_token() {
    let chunk = |text: &str, token: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}, "continuationToken": token}]});
    let end = json!({"candidates": [{"finishReason": "CONTINUATION"}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9}});
    let request = streaming(hello(NEW));
    let (events, ended) = every_cut(&request, &sse(&[chunk("a", "t1"), chunk("b", "t2"), end]));
    assert_eq!(ended, Ok(()));
    assert_eq!(
        events.last(),
        Some(&ChatEvent::Continue {
            token: "t2".to_owned()
        })
    );
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, ChatEvent::Finish { .. }))
    );
    let answer = ChatAnswer::from_events(events);
    assert_eq!(answer.choices[0].text, "ab");
    assert_eq!(answer.choices[0].finish, None);

    let mut whole = candidate(text(), "CONTINUATION");
    whole["candidates"][0]["continuationToken"] = json!("t3");
    let events = crate::events(&hello(NEW), &whole);
    assert!(matches!(events.last(), Some(ChatEvent::Continue { token }) if token == "t3"));
}

#[test]
fn a_token_on_an_answer_that_ends_is_no_continuation() {
    let mut reply = candidate(text(), "STOP");
    reply["candidates"][0]["continuationToken"] = json!("t");
    let events = events(&hello(NEW), &reply);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, ChatEvent::Continue { .. }))
    );
}

#[test]
fn a_continuation_without_a_token_is_length() {
    assert_eq!(finish(text(), "CONTINUATION"), Some(FinishReason::Length));
}

#[test]
fn an_answer_without_a_reason_for_its_end_is_cut() {
    let open = json!({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]});
    assert_eq!(broken(&hello(NEW), &open).class, FailureClass::Cut);
    let blank = candidate(text(), "");
    assert_eq!(broken(&hello(NEW), &blank).class, FailureClass::Cut);
    let (events, ended) = every_cut(&streaming(hello(NEW)), &sse(&[open]));
    assert_eq!(ended.unwrap_err().class, FailureClass::Cut);
    assert_eq!(ChatAnswer::from_events(events).choices[0].text, "Hel");

    let paused = json!({"candidates": [{"continuationToken": "t", "content": {"parts": [{"text": "Hel"}]}}]});
    let (_, ended) = events_of(&streaming(hello(NEW)), &[&sse(&[paused])]);
    assert_eq!(ended.unwrap_err().class, FailureClass::Cut);
}

#[test]
fn an_answer_without_candidates_is_garbage() {
    for reply in [
        json!({}),
        json!({"usageMetadata": {"promptTokenCount": 1}}),
        json!([]),
        json!({"choices": []}),
    ] {
        assert_eq!(
            broken(&hello(NEW), &reply).class,
            FailureClass::Garbage,
            "{reply}"
        );
    }
    for reply in [
        json!("text"),
        json!(7),
        json!(null),
        json!({"candidates": 7}),
    ] {
        assert_eq!(
            broken(&hello(NEW), &reply).class,
            FailureClass::Garbage,
            "{reply}"
        );
    }
}

#[test]
fn a_page_of_html_is_garbage() {
    let page = b"<!doctype html><title>Bad gateway</title>\n\n<p>data</p>";
    for request in [hello(NEW), streaming(hello(NEW))] {
        let (events, ended) = every_cut(&request, page);
        assert_eq!(ended.unwrap_err().class, FailureClass::Garbage);
        assert_eq!(events, []);
    }
    let (_, ended) = events_of(&streaming(hello(NEW)), &[]);
    assert_eq!(ended.unwrap_err().class, FailureClass::Cut);
}

#[test]
fn a_malformed_chunk_is_garbage_and_keeps_what_came_before() {
    let mut bytes = sse(&[json!({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]})]);
    bytes.extend_from_slice(b"data: {\"candidates\": [{\"content\": \"lo\n\n");
    let (events, ended) = every_cut(&streaming(hello(NEW)), &bytes);
    let failure = ended.unwrap_err();
    assert_eq!(failure.class, FailureClass::Garbage);
    assert!(!failure.message.contains("candidates"), "{failure}");
    assert_eq!(ChatAnswer::from_events(events).choices[0].text, "Hel");
}

#[test]
fn a_closing_done_of_a_proxy_is_passed_over() {
    let mut bytes = sse(&[candidate(text(), "STOP")]);
    bytes.extend_from_slice(b"data: [DONE]\n\n");
    let (_, ended) = every_cut(&streaming(hello(NEW)), &bytes);
    assert_eq!(ended, Ok(()));
}

#[test]
fn a_candidate_that_nobody_asked_for_is_garbage() {
    let mut reply = candidate(text(), "STOP");
    reply["candidates"][0]["index"] = json!(4_000_000_000u32);
    assert_eq!(broken(&hello(NEW), &reply).class, FailureClass::Garbage);
}
