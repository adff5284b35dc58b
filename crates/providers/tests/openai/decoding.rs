//! Chat answers in OpenAI's format, translated.

use locum_domain::{
    chat::{ChatAnswer, ChatEvent, ChatRequest, FinishReason, Usage, UsageDetails},
    failure::{Failure, FailureClass},
    id::Ids,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{openai, says};

/// The fold of an answer that is fed in pieces.
fn decoded<'a>(
    stream: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<ChatAnswer, Failure> {
    let request = ChatRequest {
        stream,
        ..says("x")
    };
    let mut decoder = openai().chat_decoder(&request, Ids::new(0, 7));
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut events)?;
    }
    decoder.finish(&mut events)?;
    assert!(decoder.is_done());
    assert!(matches!(events[0], ChatEvent::Head { .. }));
    let finishes = events
        .iter()
        .filter(|event| matches!(event, ChatEvent::Finish { .. }));
    let finishes = finishes.count();
    let answer = ChatAnswer::from_events(events);
    assert_eq!(finishes, answer.choices.len());
    Ok(answer)
}

fn whole(body: &Value) -> Result<ChatAnswer, Failure> {
    decoded(false, [body.to_string().as_bytes()])
}

fn stream(chunks: &[Value]) -> String {
    let events: String = chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    events + "data: [DONE]\n\n"
}

fn streamed(chunks: &[Value]) -> Result<ChatAnswer, Failure> {
    decoded(true, [stream(chunks).as_bytes()])
}

/// A chunk with one delta of the first choice.
fn delta(delta: Value) -> Value {
    json!({"id": "chatcmpl-1", "model": "gpt-4.1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn rich_stream() -> String {
    stream(&[
        delta(json!({"role": "assistant", "content": "", "refusal": null})),
        delta(json!({"reasoning_content": "Hm…"})),
        delta(json!({"content": "Hé"})),
        json!({"choices": [{"index": 1, "delta": {"refusal": "No"}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "llo"}, "logprobs": {"content": [{"token": "llo", "logprob": -0.5, "bytes": null, "top_logprobs": []}]}}]}),
        delta(
            json!({"tool_calls": [{"index": 0, "id": "call_a", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        ),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":"}}]})),
        delta(
            json!({"tool_calls": [{"index": 1, "id": "call_b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}),
        ),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]})),
        finish("tool_calls"),
        json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "content_filter"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 3}}}),
    ])
}

#[test]
fn a_stream_is_read() {
    let answer = decoded(true, [rich_stream().as_bytes()]).unwrap();
    assert_eq!(answer.model.as_deref(), Some("gpt-4.1"));
    assert_eq!(answer.id.as_deref(), Some("chatcmpl-1"));
    let first = &answer.choices[0];
    assert_eq!(
        (first.text.as_str(), first.reasoning.as_str()),
        ("Héllo", "Hm…")
    );
    assert_eq!(first.logprobs.len(), 1);
    let calls: Vec<[&str; 3]> = first
        .calls
        .iter()
        .map(|call| [&*call.id, &*call.name, &*call.arguments])
        .collect();
    assert_eq!(calls, [["call_a", "f", "{\"a\":1}"], ["call_b", "g", "{}"]]);
    assert_eq!(first.finish, Some(FinishReason::ToolCalls));
    assert_eq!(answer.choices[1].refusal, "No");
    assert_eq!(answer.choices[1].finish, Some(FinishReason::ContentFilter));
    assert_eq!(
        answer.usage,
        Some(Usage {
            prompt: 5,
            completion: 7,
            details: UsageDetails {
                cached: 2,
                reasoning: 3,
                ..UsageDetails::default()
            }
        })
    );
}

#[test]
fn every_cut_gives_the_same_answer() {
    let whole_body = json!({"model": "m", "choices": [{"message": {"content": "Héllo"}, "finish_reason": "stop"}]}).to_string();
    for (streams, text) in [
        (true, rich_stream()),
        (
            true,
            rich_stream()
                .replace("\n\n", "\r\n\r\n")
                .replace("data: ", ":c\r\ndata:"),
        ),
        (false, whole_body),
    ] {
        let bytes = text.as_bytes();
        let expected = decoded(streams, [bytes]).unwrap();
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(
                decoded(streams, [head, tail]).as_ref(),
                Ok(&expected),
                "cut at {cut}"
            );
        }
        assert_eq!(decoded(streams, bytes.chunks(1)), Ok(expected));
    }
}

#[test]
fn a_whole_answer_is_read() {
    let answer = whole(&json!({
        "id": "chatcmpl-1", "model": "gpt-4.1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "call_b", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ]}, "finish_reason": "tool_calls"},
            {"index": 1, "message": {"role": "assistant", "content": "x", "reasoning": "y"}, "finish_reason": "length"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}
    }))
    .unwrap();
    let ids: Vec<&str> = answer.choices[0]
        .calls
        .iter()
        .map(|call| &*call.id)
        .collect();
    assert_eq!(ids, ["call_a", "call_b"]);
    assert_eq!(answer.choices[1].finish, Some(FinishReason::Length));
    assert_eq!(answer.choices[1].reasoning, "y");
    assert_eq!(answer.usage.unwrap().total(), 3);
}

#[test]
fn finish_reasons_are_told_right() {
    let reason = |word: Value, message: Value| {
        whole(&json!({"choices": [{"message": message, "finish_reason": word}]}))
            .map(|answer| answer.choices[0].finish.unwrap())
    };
    let call = json!({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]});
    let text = json!({"content": "x"});
    assert_eq!(reason(json!("stop"), text.clone()), Ok(FinishReason::Stop));
    assert_eq!(reason(json!("eos"), text.clone()), Ok(FinishReason::Stop));
    assert_eq!(reason(json!(null), text.clone()), Ok(FinishReason::Stop));
    assert_eq!(reason(json!(""), call.clone()), Ok(FinishReason::ToolCalls));
    assert_eq!(
        reason(json!("stop"), call.clone()),
        Ok(FinishReason::ToolCalls)
    );
    assert_eq!(reason(json!("length"), call), Ok(FinishReason::Length));
    let legacy = json!({"function_call": {"name": "f", "arguments": "{}"}});
    assert_eq!(
        reason(json!("function_call"), legacy),
        Ok(FinishReason::ToolCalls)
    );
    assert_eq!(
        reason(json!("error"), text).unwrap_err().class,
        FailureClass::Server
    );
}

#[test]
fn calls_are_told_apart_however_servers_count() {
    let calls = |pieces: Vec<Value>| -> Vec<(String, String)> {
        let mut chunks: Vec<Value> = pieces
            .into_iter()
            .map(|piece| delta(json!({"tool_calls": piece})))
            .collect();
        chunks.push(finish("stop"));
        let answer = streamed(&chunks).unwrap();
        assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
        let calls = &answer.choices[0].calls;
        assert!(calls.iter().all(|call| !call.id.is_empty()));
        calls
            .iter()
            .map(|call| (call.name.clone(), call.arguments.clone()))
            .collect()
    };
    let expected = [
        ("f".to_owned(), "{\"a\":1}".to_owned()),
        ("g".to_owned(), "{}".to_owned()),
    ];
    // Both at index 0, told apart by id.
    assert_eq!(
        calls(vec![
            json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"a\":1}"}}]),
            json!([{"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}]),
        ]),
        expected
    );
    // No index; the id in the first piece only.
    assert_eq!(
        calls(vec![
            json!([{"id": "a", "function": {"name": "f", "arguments": "{\"a\""}}]),
            json!([{"function": {"arguments": ":1}"}}]),
            json!([{"id": "b", "function": {"name": "g", "arguments": "{}"}}]),
        ]),
        expected
    );
    // Neither index nor id.
    assert_eq!(
        calls(vec![json!([
            {"function": {"name": "f", "arguments": {"a": 1}}},
            {"function": {"name": "g", "arguments": {}}}
        ])]),
        expected
    );
    // The id and the name in every piece.
    assert_eq!(
        calls(vec![
            json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"a\""}}]),
            json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": ":1}"}}]),
            json!([{"index": 1, "id": "", "function": {"name": "g", "arguments": "{}"}}]),
        ]),
        expected
    );
}

#[test]
fn broken_answers_are_told_apart() {
    let class = |streams: bool, text: &str| decoded(streams, [text.as_bytes()]).unwrap_err().class;
    for garbage in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":[7]}"#,
        r#"{"choices":[{"index":4000000000}]}"#,
    ] {
        assert_eq!(class(false, garbage), FailureClass::Garbage, "{garbage}");
    }
    assert_eq!(
        class(false, r#"{"error":{"message":"x","code":429}}"#),
        FailureClass::RateLimited
    );
    assert_eq!(
        class(false, r#"{"error":{"message":"x","type":"server_error"}}"#),
        FailureClass::Garbage
    );
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    assert_eq!(class(true, text), FailureClass::Cut);
    assert_eq!(
        class(true, &format!("{text}data: [DONE]\n\n")),
        FailureClass::Cut
    );
    assert_eq!(class(true, ""), FailureClass::Cut);
    assert_eq!(
        class(true, "<html>\n\nno events</html>"),
        FailureClass::Garbage
    );
    assert_eq!(
        class(true, &format!("{text}data: {{\"choi\n\n")),
        FailureClass::Garbage
    );
    assert_eq!(
        class(true, &format!("{text}data: {{\"error\":\"x\"}}\n\n")),
        FailureClass::Server
    );
}

#[test]
fn a_finished_stream_may_lack_its_end() {
    let text = stream(&[delta(json!({"content": "x"})), finish("stop")]);
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap();
    let ends = ["", "data: [DONE]", "data: {\"usa"];
    for end in ends {
        let answer = decoded(true, [format!("{text}{end}").as_bytes()]).unwrap();
        assert_eq!(answer.choices[0].text, "x");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(streams: bool, pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
        let request = ChatRequest { stream: streams, ..says("x") };
        let mut decoder = openai().chat_decoder(&request, Ids::new(0, 7));
        let mut events = Vec::new();
        for piece in pieces {
            if decoder.feed(&piece, &mut events).is_err() {
                return Ok(());
            }
        }
        decoder.finish(&mut events).ok();
    }

    #[test]
    fn a_damaged_stream_gives_no_panic(at in 0usize..2000, byte: u8) {
        let mut text = rich_stream().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        decoded(true, [&text[..]]).ok();
    }
}
