//! Answers that take more than one upstream request, and answers that break off.

use bytes::Bytes;
use futures_util::StreamExt;
use locum_domain::chat::{ChatRequest, FinishReason};
use locum_engine::gateway::{ChatBody, ChatCall, ChatSource, RawBody};
use locum_testkit::{Dialect, Ending, Fault};
use serde_json::json;

use crate::bench::{Bench, says, says_streamed};

const GEMINI: [(&str, &str); 2] = [
    ("PROVIDER_OPENAI_ENABLED", "false"),
    ("PROVIDER_MAX_RETRIES", "0"),
];

#[test]
fn n_answers_of_a_model_that_gives_one_are_asked_for_one_by_one() {
    for stream in [false, true] {
        let bench = Bench::new(&GEMINI);
        let one = bench.answer("gemini-3.8-flash", says("hello")).unwrap();
        bench.handles.upstream.clear();
        let request = ChatRequest {
            n: 3,
            stream,
            ..says("hello")
        };
        let three = bench.answer("gemini-3.8-flash", request).unwrap();
        assert_eq!(bench.handles.upstream.asked(Dialect::Gemini), 3);
        assert_eq!(three.choices.len(), 3);
        for choice in &three.choices {
            assert_eq!(choice.text, one.choices[0].text);
            assert_eq!(choice.finish, Some(FinishReason::Stop));
        }
        let (one, three) = (one.usage.unwrap(), three.usage.unwrap());
        assert_eq!(three.total(), one.total() * 3);
        assert_eq!(three.details.reasoning, one.details.reasoning * 3);
    }
}

fn hop(text: &str, finish: &str, token: Option<&str>) -> serde_json::Value {
    let mut candidate =
        json!({"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish});
    if let Some(token) = token {
        candidate["continuationToken"] = json!(token);
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12},
        "modelVersion": "gemini-4-argon"
    })
}

#[test]
fn a_paused_answer_is_continued_and_its_costs_are_summed() {
    let bench = Bench::new(&GEMINI);
    bench.handles.upstream.gemini([
        Fault::body(hop("one ", "CONTINUATION", Some("token-1"))),
        Fault::body(hop("two ", "CONTINUATION", Some("token-2"))),
        Fault::body(hop("three", "STOP", None)),
    ]);
    let answer = bench.answer("gemini-4-argon", says("count")).unwrap();
    assert_eq!(answer.choices[0].text, "one two three");
    assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
    assert_eq!(answer.usage.unwrap().total(), 36);
    let tokens: Vec<_> = bench
        .handles
        .upstream
        .requests()
        .iter()
        .map(|seen| seen.json()["continuationToken"].clone())
        .collect();
    assert_eq!(tokens, [json!(null), json!("token-1"), json!("token-2")]);
}

#[test]
fn calls_before_a_pause_count_in_the_end() {
    let bench = Bench::new(&GEMINI);
    let mut first = hop("", "CONTINUATION", Some("token-1"));
    first["candidates"][0]["content"]["parts"] =
        json!([{"functionCall": {"name": "look", "args": {}}}]);
    let mut last = hop("", "STOP", None);
    last["candidates"][0]["content"]["parts"] =
        json!([{"functionCall": {"name": "listen", "args": {}}}]);
    for (parallel, expected) in [(None, vec!["look", "listen"]), (Some(false), vec!["look"])] {
        bench
            .handles
            .upstream
            .gemini([Fault::body(first.clone()), Fault::body(last.clone())]);
        let request = ChatRequest {
            parallel_tool_calls: parallel,
            ..says("look and listen")
        };
        let answer = bench.answer("gemini-4-argon", request).unwrap();
        let names: Vec<_> = answer.choices[0]
            .calls
            .iter()
            .map(|call| call.name.as_str())
            .collect();
        assert_eq!(names, expected);
        assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
    }
}

#[test]
fn a_paused_stream_is_continued() {
    let bench = Bench::new(&GEMINI);
    bench.handles.upstream.gemini([
        Fault::Chunks(vec![hop("one ", "CONTINUATION", Some("token-1"))]),
        Fault::Chunks(vec![hop("two", "STOP", None)]),
    ]);
    let answer = bench
        .answer("gemini-4-argon", says_streamed("count"))
        .unwrap();
    assert_eq!(answer.choices[0].text, "one two");
    assert_eq!(answer.usage.unwrap().total(), 24);
}

#[test]
fn a_stream_that_breaks_before_content_is_had_elsewhere() {
    for fault in [
        Fault::Cut(0),
        Fault::MalformedChunk(0),
        Fault::Stall(0),
        Fault::ErrorChunk(0),
    ] {
        let bench = Bench::new(&[("PROVIDER_MAX_RETRIES", "0")]);
        bench.handles.upstream.gemini([fault.clone()]);
        let reply = bench
            .ask("gemini-3.8-flash", says_streamed("hello"))
            .unwrap();
        assert_eq!(reply.served.provider, "openai", "{fault:?}");
        let answer = bench.fold(reply).unwrap();
        assert_eq!(
            answer.choices[0].finish,
            Some(FinishReason::Stop),
            "{fault:?}"
        );
    }
}

#[test]
fn a_stream_that_breaks_behind_content_ends_in_an_error() {
    for (fault, code) in [
        (Fault::Cut(1), "upstream_cut"),
        (Fault::Stall(1), "upstream_stalled"),
        (Fault::MalformedChunk(1), "upstream_garbage"),
    ] {
        let bench = Bench::new(&[]);
        bench.handles.upstream.gemini([fault.clone()]);
        let reply = bench
            .ask("gemini-3.8-flash", says_streamed("hello"))
            .unwrap();
        assert_eq!(reply.served.provider, "gemini", "{fault:?}");
        assert!(matches!(reply.body, ChatBody::Events(_)));
        let error = bench.fold(reply).err().unwrap();
        assert_eq!(error.code.as_deref(), Some(code), "{fault:?}");
        assert_eq!(
            bench.handles.upstream.asked(Dialect::OpenAi),
            0,
            "{fault:?}"
        );
    }
}

#[test]
fn a_client_that_leaves_hangs_up() {
    let bench = Bench::new(&[]);
    bench.handles.upstream.gemini([Fault::Stall(1)]);
    let reply = bench
        .ask("gemini-3.8-flash", says_streamed("hello"))
        .unwrap();
    assert!(!bench.handles.upstream.last(Dialect::Gemini).is_cancelled());
    drop(reply);
    assert!(bench.handles.upstream.last(Dialect::Gemini).is_cancelled());
}

#[test]
fn a_whole_stream_leaves_its_connection_fit_for_use() {
    let bench = Bench::new(&[]);
    bench
        .answer("gemini-3.8-flash", says_streamed("hello"))
        .unwrap();
    assert_eq!(
        bench.handles.upstream.last(Dialect::Gemini).ending,
        Ending::Complete
    );

    let body = br#"{"messages": [{"role": "user", "content": "hello"}], "stream": true, "model": "gpt-4.1-mini"}"#;
    let call = ChatCall {
        model: "gpt-4.1-mini".to_owned(),
        stream: true,
        source: ChatSource::Raw(RawBody {
            bytes: Bytes::from_static(body),
            model_span: 79..93,
            parse: |_| unreachable!("it goes through as it is"),
        }),
    };
    let ChatBody::Raw(mut events) = bench.ask_call(call).unwrap().body else {
        panic!("handed on")
    };
    let text = bench.handles.clock.run(async {
        let mut text = Vec::new();
        while let Some(piece) = events.next().await {
            text.extend_from_slice(&piece.unwrap());
        }
        text
    });
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    assert_eq!(
        bench.handles.upstream.last(Dialect::OpenAi).ending,
        Ending::Complete
    );
}
