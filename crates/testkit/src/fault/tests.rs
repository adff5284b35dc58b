//! What the faults make of a good answer.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const DIALECTS: [Dialect; 2] = [Dialect::OpenAi, Dialect::Gemini];

/// A stream of `chunks` chunks and `[DONE]`.
fn stream(chunks: usize) -> Reply {
    let chunk = |index| Bytes::from(format!("data: {{\"chunk\": {index}}}\n\n"));
    Reply::events((0..chunks).map(chunk).chain([openai::DONE]))
}

fn whole() -> Reply {
    Reply::json(StatusCode::OK, &json!({"whole": true}))
}

#[track_caller]
fn reply(fault: &Fault, good: Reply) -> Reply {
    match fault.apply(Dialect::OpenAi, good) {
        Answer::Reply(reply) => reply,
        other => panic!("{fault:?} leaves no reply but {other:?}"),
    }
}

fn told(dialect: Dialect, fault: &Fault) -> (u16, Value) {
    match fault.apply(dialect, whole()) {
        Answer::Reply(reply) => (
            reply.status.as_u16(),
            serde_json::from_slice(&reply.body()).unwrap(),
        ),
        other => panic!("{fault:?} leaves no reply but {other:?}"),
    }
}

#[test]
fn what_breaks_off_does_so_after_its_chunks() {
    let good = stream(3);
    for (fault, end) in [
        (Fault::Cut(2), Some(Frame::Reset)),
        (Fault::Stall(2), Some(Frame::Silence)),
        (Fault::Truncate(2), None),
    ] {
        let mut frames = good.frames[..2].to_vec();
        frames.extend(end);
        assert_eq!(reply(&fault, good.clone()).frames, frames, "{fault:?}");
    }
    let half = reply(&Fault::Cut(1), whole());
    assert_eq!(half.frames.len(), 2);
    assert!(half.body().len() < whole().body().len());
}

#[test]
fn what_is_put_in_leaves_the_rest() {
    for fault in [Fault::MalformedChunk(1), Fault::ErrorChunk(1)] {
        let mut frames = reply(&fault, stream(3)).frames;
        frames.remove(1);
        assert_eq!(frames, stream(3).frames, "{fault:?}");
    }
    assert_eq!(
        reply(&Fault::NoDone, stream(3)).frames,
        stream(3).frames[..3]
    );
}

#[test]
fn what_has_no_end_says_so() {
    for good in [stream(2), whole()] {
        let endless = reply(&Fault::Endless, good);
        assert!(matches!(endless.frames.last(), Some(Frame::Endless { .. })));
        assert_eq!(endless.length(), None);
    }
}

#[test]
fn a_refused_request_stays_refused() {
    let refusal = Reply::json(StatusCode::BAD_REQUEST, &json!({"error": {}}));
    for fault in [
        Fault::Cut(0),
        Fault::Stall(0),
        Fault::Endless,
        Fault::NoDone,
        Fault::Dribble(1),
    ] {
        assert_eq!(reply(&fault, refusal.clone()), refusal);
    }
    assert_eq!(
        reply(&Fault::Status(503), refusal).status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[test]
fn there_may_be_no_reply() {
    for dialect in DIALECTS {
        assert_eq!(Fault::Refuse.apply(dialect, whole()), Answer::Refused);
        assert_eq!(Fault::Reset.apply(dialect, whole()), Answer::Reset);
        assert_eq!(Fault::Silent.apply(dialect, whole()), Answer::Silent);
    }
}

#[test]
fn errors_are_told_in_the_dialects_own_shape() {
    for status in [400, 401, 403, 404, 429, 500, 502, 503, 504] {
        let fault = Fault::Status(status);
        let (openai, error) = told(Dialect::OpenAi, &fault);
        assert_eq!(openai, status);
        let keys: Vec<&String> = error["error"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["message", "type", "param", "code"]);
        let (gemini, error) = told(Dialect::Gemini, &fault);
        assert_eq!((gemini, &error["error"]["code"]), (status, &json!(status)));
        assert!(error["error"]["status"].is_string());
    }
}

#[test]
fn limits_say_when_to_come_again() {
    let limited = reply(&Fault::RetryAfter(7), whole());
    assert!(
        limited
            .headers
            .contains(&("retry-after".parse().unwrap(), HeaderValue::from(7)))
    );
    let (_, error) = told(Dialect::Gemini, &Fault::RetryAfter(7));
    assert_eq!(error["error"]["details"][1]["retryDelay"], "7s");
    let (_, error) = told(Dialect::OpenAi, &Fault::OutOfQuota);
    assert_eq!(error["error"]["code"], "insufficient_quota");
    let (_, error) = told(Dialect::Gemini, &Fault::OutOfQuota);
    let quota = &error["error"]["details"][0]["violations"][0]["quotaId"];
    assert!(quota.as_str().unwrap().contains("PerDay"));
}

#[test]
fn exact_chunks_are_sent_as_they_are() {
    let fault = Fault::Chunks(vec![json!({"a": 1}), json!("data: {oops\n\n")]);
    for (dialect, end) in [(Dialect::OpenAi, "data: [DONE]\n\n"), (Dialect::Gemini, "")] {
        let Answer::Reply(reply) = fault.apply(dialect, whole()) else {
            panic!("no reply");
        };
        assert!(reply.is_stream());
        assert_eq!(
            reply.body(),
            format!("data: {{\"a\":1}}\n\ndata: {{oops\n\n{end}")
        );
    }
}

proptest! {
    #[test]
    fn dribbling_changes_no_byte(chunks in 0usize..5, size in 0usize..40) {
        let dribbled = reply(&Fault::Dribble(size), stream(chunks));
        prop_assert_eq!(dribbled.body(), stream(chunks).body());
        prop_assert!(dribbled.frames.iter().all(
            |frame| matches!(frame, Frame::Bytes(bytes) if bytes.len() <= size.max(1))
        ));
    }
}
