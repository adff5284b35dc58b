//! Answers in OpenAI's format that are handed on as they came.

use bytes::Bytes;
use locum_domain::{
    chat::Usage,
    failure::{Failure, FailureClass},
};
use locum_providers::{Operation, StreamRelay, WholeFacts};
use proptest::prelude::*;

use super::{KEY, openai};

fn relay() -> Box<dyn StreamRelay> {
    openai().native().unwrap().relay()
}

/// What came of a stream that was fed in pieces and then closed.
#[derive(Debug, PartialEq)]
struct Relayed {
    text: String,
    started: bool,
    done: bool,
    failure: Option<FailureClass>,
    model: Option<String>,
    usage: Option<Usage>,
}

fn relayed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Relayed {
    let mut relay = relay();
    let mut out = Vec::new();
    let (mut started, mut done) = (false, false);
    let mut failure: Option<Failure> = None;
    for piece in pieces {
        let fed = relay.feed(Bytes::copy_from_slice(piece));
        out.extend_from_slice(&fed.bytes);
        (started, done) = (fed.started, fed.done);
        failure = failure.or(fed.failure);
    }
    if failure.is_none() {
        match relay.finish() {
            Ok(ended) => out.extend_from_slice(&ended.bytes),
            Err(cut) => failure = Some(cut),
        }
    }
    Relayed {
        text: String::from_utf8(out).unwrap(),
        started,
        done,
        failure: failure.map(|failure| failure.class),
        model: relay.model().map(str::to_owned),
        usage: relay.usage(),
    }
}

fn at_once(stream: &str) -> Relayed {
    relayed([stream.as_bytes()])
}

fn failure_of(stream: &str) -> (String, Option<FailureClass>) {
    let relayed = at_once(stream);
    (relayed.text, relayed.failure)
}

const HEAD: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1-mini\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const TEXT: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Héllo\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const STOP: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1-mini\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn a_whole_stream_goes_through_unchanged() {
    let stream = [HEAD, TEXT, TEXT, STOP, USAGE, DONE].concat();
    let relayed = at_once(&stream);
    assert_eq!(relayed.text, stream);
    assert!(relayed.started && relayed.done);
    assert_eq!(relayed.failure, None);
    assert_eq!(relayed.model.as_deref(), Some("gpt-4.1-mini"));
    let usage = relayed.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion), (5, 7));
}

#[test]
fn one_read_is_one_piece_and_is_not_copied() {
    let read = Bytes::from([HEAD, TEXT, "data: {\"id\""].concat());
    let relayed = relay().feed(read.clone());
    assert_eq!(relayed.bytes.as_ptr(), read.as_ptr());
    assert_eq!(relayed.bytes.len(), HEAD.len() + TEXT.len());
}

/// Streams as servers send them, sound and broken.
fn streams() -> Vec<String> {
    let calls = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n";
    let whole = [HEAD, TEXT, TEXT, STOP, USAGE, DONE].concat();
    vec![
        whole.clone(),
        whole.replace("\n\n", "\r\n\r\n"),
        whole.replace("data: ", "data:"),
        format!("\u{feff}{}", whole.replace("data: {\"id\"", "event: chunk\nid: 7\ndata: {\ndata: \"id\"")),
        format!(": OPENROUTER PROCESSING\n\n{}", whole.replace(STOP, &format!(": ping\n\n{STOP}"))),
        [calls, DONE].concat(),
        [TEXT, STOP].concat(),
        [TEXT, STOP, USAGE.trim_end()].concat(),
        [TEXT, STOP, "data: {\"choi"].concat(),
        [TEXT, TEXT].concat(),
        [TEXT, DONE].concat(),
        DONE.to_owned(),
        String::new(),
        [TEXT, "data: {\"choices\":[{]}\n\n", STOP, DONE].concat(),
        [HEAD, "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n", DONE].concat(),
        [TEXT, STOP, DONE, "data: {\"after\": the end}\n\n"].concat(),
    ]
}

#[test]
fn every_cut_gives_the_same() {
    for stream in streams() {
        let expected = at_once(&stream);
        let bytes = stream.as_bytes();
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(relayed([head, tail]), expected, "cut at {cut}: {stream}");
        }
        for size in [1, 2, 3, 7] {
            assert_eq!(
                relayed(bytes.chunks(size)),
                expected,
                "pieces of {size}: {stream}"
            );
        }
    }
}

#[test]
fn only_whole_events_leave() {
    let stream = [HEAD, TEXT, STOP, DONE].concat();
    let mut relay = relay();
    let mut so_far = String::new();
    for byte in stream.bytes() {
        let fed = relay.feed(Bytes::copy_from_slice(&[byte]));
        so_far.push_str(std::str::from_utf8(&fed.bytes).unwrap());
        assert!(so_far.is_empty() || so_far.ends_with("\n\n"), "{so_far}");
        assert_eq!(fed.started, so_far.len() > HEAD.len());
    }
    assert_eq!(so_far, stream);
}

#[test]
fn real_content_starts_a_stream() {
    let started = |delta: &str, finish: &str| {
        at_once(&format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        ))
        .started
    };
    assert!(!started(
        "{\"role\":\"assistant\",\"content\":\"\"}",
        "null"
    ));
    assert!(!started("{}", "\"\""));
    assert!(started("{\"content\":\"x\"}", "null"));
    assert!(started("{\"refusal\":\"x\"}", "null"));
    assert!(started("{\"reasoning_content\":\"x\"}", "null"));
    assert!(started("{\"tool_calls\":[{\"index\":0}]}", "null"));
    assert!(started("{}", "\"stop\""));
    assert!(!at_once(": ping\n\n").started);
    assert!(!at_once(USAGE).started);
}

#[test]
fn a_missing_done_after_a_finished_answer_is_added() {
    let stream = [TEXT, STOP, USAGE].concat();
    let relayed = at_once(&stream);
    assert_eq!(relayed.text, format!("{stream}{DONE}"));
    assert_eq!(relayed.failure, None);
    assert!(relayed.usage.is_some());

    let unclosed = at_once(stream.trim_end());
    assert_eq!(unclosed.text, format!("{stream}{DONE}"));
    assert_eq!(unclosed.usage, relayed.usage);

    let broken_off = at_once(&[TEXT, STOP, "data: {\"choi"].concat());
    assert_eq!(broken_off.text, [TEXT, STOP, DONE].concat());
    assert_eq!(broken_off.failure, None);
}

#[test]
fn an_answer_that_has_not_ended_is_cut() {
    let cut = Some(FailureClass::Cut);
    assert_eq!(
        failure_of(&[HEAD, TEXT].concat()),
        ([HEAD, TEXT].concat(), cut)
    );
    assert_eq!(failure_of(&[TEXT, DONE].concat()), (TEXT.to_owned(), cut));
    assert_eq!(
        failure_of(&[TEXT, "data: {\"choi"].concat()),
        (TEXT.to_owned(), cut)
    );
    assert_eq!(failure_of(DONE), (String::new(), cut));
    assert_eq!(failure_of(""), (String::new(), cut));
    assert_eq!(failure_of(USAGE), (USAGE.to_owned(), cut));
    assert_eq!(failure_of(": ping\n\n").1, cut);
    let second_open = TEXT.replace("\"index\":0", "\"index\":1");
    let stream = [&second_open, TEXT, STOP].concat();
    assert_eq!(failure_of(&stream), (stream.clone(), cut));
}

#[test]
fn what_is_no_stream_of_events_is_garbage() {
    let garbage = Some(FailureClass::Garbage);
    for body in [
        "<html>\n\n<p>Bad gateway</p>\n</html>",
        "{\"choices\":[{\"message\":{}}]}",
        "Internal Server Error",
    ] {
        let relayed = at_once(body);
        assert_eq!(
            (relayed.started, relayed.failure),
            (false, garbage),
            "{body}"
        );
    }
}

#[test]
fn broken_chunks_are_garbage_and_stay_behind() {
    for broken in [
        "data: {\"choices\":[{]}\n\n",
        "data: <html>\n\n",
        "data: [DONE\n\n",
        "data: null\n\n",
        "data:\n\n",
        "data: {\"choices\":{}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\tb\"}}]}\n\n",
    ] {
        assert_eq!(
            failure_of(&[TEXT, broken, STOP, DONE].concat()),
            (TEXT.to_owned(), Some(FailureClass::Garbage)),
            "{broken}"
        );
    }
    let mut relay = relay();
    let latin1 = relay.feed(Bytes::from_static(b"data: {\"x\":\"\xe9\"}\n\n"));
    assert_eq!(latin1.failure.unwrap().class, FailureClass::Garbage);
}

#[test]
fn errors_in_the_stream_are_told_apart() {
    let class = |error: &str| failure_of(&format!("{HEAD}data: {error}\n\n")).1.unwrap();
    assert_eq!(
        class(r#"{"error":{"message":"x","type":"server_error","code":null}}"#),
        FailureClass::Server
    );
    assert_eq!(
        class(r#"{"error":{"message":"x","code":429}}"#),
        FailureClass::RateLimited
    );
    assert_eq!(
        class(
            r#"{"error":{"message":"x","code":"context_length_exceeded","type":"invalid_request_error"}}"#
        ),
        FailureClass::ContextLength
    );
    assert_eq!(class(r#"{"error":"it broke"}"#), FailureClass::Server);
    assert_eq!(
        class(r#"{"object":"error","message":"x","code":400}"#),
        FailureClass::BadRequest
    );
    assert_eq!(
        class(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#),
        FailureClass::Server
    );
}

#[test]
fn nothing_after_the_end_matters() {
    let mut relay = relay();
    let fed = relay.feed(Bytes::from([TEXT, STOP, DONE, "data: junk\n\n"].concat()));
    assert_eq!(fed.bytes, [TEXT, STOP, DONE].concat());
    let more = relay.feed(Bytes::from_static(b"more"));
    assert!(more.done && more.bytes.is_empty() && more.failure.is_none());
    assert!(relay.finish().unwrap().bytes.is_empty());
}

#[test]
fn an_event_without_end_is_refused() {
    let mut relay = relay();
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let failure = (0..40).find_map(|_| relay.feed(piece.clone()).failure);
    assert_eq!(failure.unwrap().class, FailureClass::Garbage);
}

#[test]
fn whole_answers_are_looked_over() {
    let provider = openai();
    let inspect = |operation, body: &str| {
        provider
            .native()
            .unwrap()
            .inspect(operation, body.as_bytes())
            .map_err(|failure| failure.class)
    };
    let chat = |body: &str| inspect(Operation::Chat, body);
    assert_eq!(
        chat(
            r#"{"model":"gpt-4.1","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#
        ),
        Ok(WholeFacts {
            model: Some("gpt-4.1".to_owned()),
            usage: Some(Usage {
                prompt: 1,
                completion: 2,
                ..Usage::default()
            })
        })
    );
    assert_eq!(chat(r#"{"choices":[{}]}"#), Ok(WholeFacts::default()));
    assert_eq!(
        inspect(
            Operation::Embeddings,
            r#"{"data":[{"embedding":[0.1]}],"model":"m"}"#
        )
        .unwrap()
        .model
        .as_deref(),
        Some("m")
    );
    for garbage in [
        "",
        "<html></html>",
        "{\"choices\":[{}]",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":null}"#,
        r#"{"choices":["x"]}"#,
        r#"{"error":{"message":"x","type":"server_error"}}"#,
        r#"{"error":"x","choices":[{}]}"#,
        r#"{"choices":[{"finish_reason":"error"}]}"#,
        "[]",
    ] {
        assert_eq!(chat(garbage), Err(FailureClass::Garbage), "{garbage}");
    }
    assert_eq!(
        chat(r#"{"error":{"message":"slow down","code":429}}"#),
        Err(FailureClass::RateLimited)
    );
    assert_eq!(
        inspect(Operation::Embeddings, r#"{"choices":[{}]}"#),
        Err(FailureClass::Garbage)
    );
}

#[test]
fn requests_carry_the_body_as_it_came() {
    let provider = openai();
    let native = provider.native().unwrap();
    let body = Bytes::from_static(br#"{ "model" : "gpt-4.1" }"#);
    let request = native.request(Operation::Chat, body.clone());
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "http://127.0.0.1:9/v1/chat/completions");
    assert_eq!(request.body().as_ptr(), body.as_ptr());
    assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["accept"], "application/json");
    let embeddings = native.request(Operation::Embeddings, body);
    assert_eq!(embeddings.uri(), "http://127.0.0.1:9/v1/embeddings");
    let thought = Bytes::from_static(
        br#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1__thought__QUJD"}]},{"role":"tool","tool_call_id":"call_1__thought__QUJD"}]}"#,
    );
    assert_eq!(
        native.request(Operation::Chat, thought).body(),
        &br#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1"}]},{"role":"tool","tool_call_id":"call_1"}]}"#[..]
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
        let mut relay = relay();
        for piece in pieces {
            relay.feed(Bytes::from(piece));
        }
        relay.finish().ok();
    }

    /// However a damaged stream is cut, the same comes out; and what comes out ends whole events.
    #[test]
    fn damage_is_found_whatever_the_cut(at in 0usize..700, byte: u8, size in 1usize..50) {
        let mut stream = [HEAD, TEXT, TEXT, STOP, DONE].concat().into_bytes();
        let at = at % stream.len();
        stream[at] = byte;
        if std::str::from_utf8(&stream).is_ok() {
            prop_assert_eq!(relayed(stream.chunks(size)), relayed([&stream[..]]));
        }
    }
}
