mod arbitrary;
mod completion;

use futures_util::{FutureExt, stream::iter};
use locum_domain::chat::{ChatEvent, FinishReason, ToolCallDelta, Usage};
use serde_json::{Value, json};

use super::*;

fn head() -> AnswerHead {
    AnswerHead::new("chatcmpl-1".to_owned(), 7, "asked".to_owned())
}

type Batch = Result<Vec<ChatEvent>, ApiError>;

fn answering(batches: Vec<Batch>) -> EventStream {
    Box::pin(iter(batches))
}

/// All pieces of a stream that never waits.
fn pieces(stream: impl Stream<Item = Bytes>) -> Vec<Bytes> {
    stream.collect().now_or_never().unwrap()
}

/// The data of the server-sent events in `pieces`, which hold nothing else.
fn data(pieces: &[Bytes]) -> Vec<String> {
    let whole = String::from_utf8(pieces.concat()).unwrap();
    let events = whole.split_terminator("\n\n");
    events
        .map(|event| event.strip_prefix("data: ").unwrap().to_owned())
        .inspect(|data| assert!(!data.contains('\n')))
        .collect()
}

fn chat(batches: Vec<Batch>, head: AnswerHead, include_usage: bool) -> Vec<String> {
    data(&pieces(chat_stream(
        answering(batches),
        head,
        include_usage,
    )))
}

fn chunk(data: &str) -> Value {
    serde_json::from_str(data).unwrap()
}

/// The choices of all chunks, and what came after them.
fn choices(data: &[String]) -> (Vec<Value>, Vec<String>) {
    let is_chunk = |data: &&String| data.starts_with(r#"{"id":"#);
    let chunks = data
        .iter()
        .take_while(is_chunk)
        .map(|data| chunk(data)["choices"][0].clone());
    let chunks: Vec<Value> = chunks.filter(|choice| !choice.is_null()).collect();
    let rest = data.iter().skip_while(is_chunk).cloned().collect();
    (chunks, rest)
}

fn text(choice: u32, text: &str) -> ChatEvent {
    ChatEvent::Text {
        choice,
        text: text.to_owned(),
    }
}

fn finish(choice: u32, reason: FinishReason) -> ChatEvent {
    ChatEvent::Finish { choice, reason }
}

fn usage(prompt: u64) -> ChatEvent {
    ChatEvent::Usage(Usage {
        prompt,
        completion: 2,
        ..Usage::default()
    })
}

fn called(index: u32, id: Option<&str>, arguments: &str, signature: Option<&str>) -> ChatEvent {
    ChatEvent::ToolCall {
        choice: 0,
        delta: ToolCallDelta {
            index,
            id: id.map(str::to_owned),
            name: id.map(|_| "f".to_owned()),
            arguments: arguments.to_owned(),
            signature: signature.map(str::to_owned),
        },
    }
}

fn choice(index: u32, delta: Value, finish: Option<&str>) -> Value {
    json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish})
}

#[test]
fn a_text_to_the_letter() {
    let events = vec![
        Ok(vec![
            ChatEvent::Head {
                model: Some("real".to_owned()),
                id: None,
            },
            text(0, "Hi"),
        ]),
        Ok(vec![usage(1), finish(0, FinishReason::Stop), usage(3)]),
    ];
    let whole = pieces(chat_stream(answering(events), head(), true)).concat();
    assert_eq!(
        String::from_utf8(whole).unwrap(),
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"real","system_fingerprint":null,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"real","system_fingerprint":null,"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"real","system_fingerprint":null,"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"real","system_fingerprint":null,"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}

data: [DONE]

"#
    );
}

#[test]
fn usage_is_told_only_where_it_is_wanted() {
    let events = vec![Ok(vec![
        text(0, "Hi"),
        finish(0, FinishReason::Length),
        usage(1),
    ])];
    let data = chat(events, head(), false);
    assert_eq!(data.len(), 4);
    assert_eq!(data[3], "[DONE]");
    assert!(data.iter().all(|data| !data.contains("usage")));
}

#[test]
fn a_model_that_is_told_late_changes_nothing() {
    let late = ChatEvent::Head {
        model: Some("late".to_owned()),
        id: None,
    };
    let data = chat(
        vec![Ok(vec![
            text(0, "a"),
            late,
            text(0, "b"),
            finish(0, FinishReason::Stop),
        ])],
        head(),
        false,
    );
    assert!(data[..4].iter().all(|data| chunk(data)["model"] == "asked"));
}

#[test]
fn what_is_ready_together_goes_out_together() {
    let events = || {
        vec![
            Ok(vec![text(0, "a"), text(0, "b")]),
            Ok(vec![finish(0, FinishReason::Stop)]),
        ]
    };
    assert_eq!(
        pieces(chat_stream(answering(events()), head(), false)).len(),
        1
    );
    let waiting = iter(events()).then(|batch| async {
        // Once not ready, then ready.
        let mut asked = false;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut asked, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        batch
    });
    let mut stream = chat_stream(Box::pin(waiting), head(), false);
    let mut pieces = Vec::new();
    for _ in 0..10 {
        match stream.next().now_or_never() {
            Some(Some(piece)) => pieces.push(data(&[piece]).len()),
            Some(None) => break,
            None => {}
        }
    }
    assert_eq!(
        pieces,
        [3, 2],
        "one piece per waking, and nothing behind the end"
    );
}

#[test]
fn much_goes_out_in_several_pieces() {
    let long = "x".repeat(ENOUGH_BYTES);
    let mut events: Vec<Batch> = (0..4).map(|_| Ok(vec![text(0, &long)])).collect();
    events.push(Ok(vec![finish(0, FinishReason::Stop)]));
    assert_eq!(
        pieces(chat_stream(answering(events), head(), false)).len(),
        5
    );
}

#[test]
fn calls_are_told_piece_by_piece() {
    let events = vec![Ok(vec![
        called(0, Some("call_1"), "", Some("proof")),
        called(0, Some("call_1"), "{\"a\"", None),
        called(0, None, ":1}", None),
        called(1, Some("call_2"), "{}", None),
        finish(0, FinishReason::ToolCalls),
    ])];
    let (choices, rest) = choices(&chat(events, head(), false));
    let more = |call: Value| choice(0, json!({"tool_calls": [call]}), None);
    assert_eq!(
        choices,
        [
            choice(0, json!({"role": "assistant", "content": null}), None),
            more(json!({
                "index": 0, "id": "call_1__thought__cHJvb2Y", "type": "function", "function": {"name": "f", "arguments": ""},
                "extra_content": {"google": {"thought_signature": "proof"}},
            })),
            more(json!({"index": 0, "function": {"arguments": "{\"a\""}})),
            more(json!({"index": 0, "function": {"arguments": ":1}"}})),
            more(
                json!({"index": 1, "id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}})
            ),
            choice(0, json!({}), Some("tool_calls")),
        ]
    );
    assert_eq!(rest, ["[DONE]"]);
}

#[test]
fn who_speaks_of_functions_hears_of_one_function() {
    let events = vec![Ok(vec![
        called(0, Some("call_1"), "{}", Some("proof")),
        called(1, Some("call_2"), "{}", None),
        finish(0, FinishReason::ToolCalls),
    ])];
    let head = AnswerHead {
        functions: true,
        ..head()
    };
    let (choices, _) = choices(&chat(events, head, false));
    let call = json!({
        "function_call": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "proof"}},
    });
    assert_eq!(
        choices,
        [
            choice(0, json!({"role": "assistant", "content": null}), None),
            choice(0, call, None),
            choice(0, json!({}), Some("function_call")),
        ]
    );
}

#[test]
fn everything_has_its_place_in_a_delta() {
    let token = json!({"token": "a", "logprob": -1.0, "bytes": null, "top_logprobs": []});
    let logprobs = ChatEvent::Logprobs {
        choice: 0,
        content: vec![token.clone()],
    };
    let events = vec![Ok(vec![
        ChatEvent::Reasoning {
            choice: 0,
            text: "hm".to_owned(),
        },
        text(0, "a"),
        logprobs.clone(),
        logprobs,
        ChatEvent::Refusal {
            choice: 0,
            text: "no".to_owned(),
        },
        ChatEvent::Signature {
            choice: 0,
            signature: "s".to_owned(),
        },
        ChatEvent::Continue {
            token: "t".to_owned(),
        },
        finish(0, FinishReason::ContentFilter),
    ])];
    let (choices, _) = choices(&chat(events, head(), false));
    let with_logprobs = |delta: Value| json!({"index": 0, "delta": delta, "logprobs": {"content": [token], "refusal": null}, "finish_reason": null});
    assert_eq!(
        choices,
        [
            choice(0, json!({"role": "assistant", "content": ""}), None),
            choice(0, json!({"reasoning_content": "hm"}), None),
            with_logprobs(json!({"content": "a"})),
            with_logprobs(json!({})),
            choice(0, json!({"refusal": "no"}), None),
            choice(
                0,
                json!({"extra_content": {"google": {"thought_signature": "s"}}}),
                None
            ),
            choice(0, json!({}), Some("content_filter")),
        ]
    );
}

#[test]
fn several_answers_are_told_apart() {
    let events = vec![Ok(vec![
        text(1, "b"),
        text(0, "a"),
        finish(1, FinishReason::Stop),
        text(0, "a"),
        finish(0, FinishReason::Stop),
    ])];
    let (choices, rest) = choices(&chat(events, head(), false));
    let indexes: Vec<&Value> = choices.iter().map(|choice| &choice["index"]).collect();
    assert_eq!(indexes, [1, 1, 0, 0, 1, 0, 0]);
    assert_eq!(rest, ["[DONE]"]);
}

#[track_caller]
fn ends_with_error(data: &[String], code: &str) {
    let last = chunk(data.last().unwrap());
    let error = last["error"].as_object().unwrap();
    assert_eq!(
        error.keys().collect::<Vec<_>>(),
        ["message", "type", "param", "code"]
    );
    assert_eq!(error["code"], code);
    assert!(!data.iter().any(|data| data == "[DONE]"));
}

#[test]
fn what_breaks_off_ends_with_an_error() {
    let broken = ApiError::busy("later", std::time::Duration::from_secs(1));
    let data = chat(vec![Ok(vec![text(0, "a")]), Err(broken)], head(), true);
    assert_eq!(data.len(), 3);
    ends_with_error(&data, "overloaded");
}

#[test]
fn what_did_not_finish_ends_with_an_error() {
    for events in [
        vec![],
        vec![usage(1)],
        vec![text(0, "a")],
        vec![text(0, "a"), text(1, "b"), finish(0, FinishReason::Stop)],
    ] {
        ends_with_error(&chat(vec![Ok(events)], head(), true), "upstream_garbage");
    }
}

#[test]
fn what_goes_on_after_its_end_is_an_error() {
    for late in [text(0, "b"), called(0, Some("c"), "", None)] {
        let data = chat(
            vec![Ok(vec![text(0, "a"), finish(0, FinishReason::Stop), late])],
            head(),
            true,
        );
        ends_with_error(&data, "upstream_garbage");
    }
    let late_signature = ChatEvent::Signature {
        choice: 0,
        signature: "s".to_owned(),
    };
    let events = vec![
        text(0, "a"),
        finish(0, FinishReason::Stop),
        late_signature,
        finish(0, FinishReason::Stop),
    ];
    assert_eq!(chat(vec![Ok(events)], head(), false).len(), 4);
}

#[test]
fn raw_streams_are_handed_on() {
    let raw =
        |last| -> RawStream { Box::pin(iter([Ok(Bytes::from_static(b"data: 1\n\n")), last])) };
    let done = Bytes::from_static(b"data: [DONE]\n\n");
    assert_eq!(data(&pieces(raw_stream(raw(Ok(done))))), ["1", "[DONE]"]);
    ends_with_error(
        &data(&pieces(raw_stream(raw(Err(ApiError::busy(
            "later",
            std::time::Duration::ZERO,
        )))))),
        "overloaded",
    );
}
