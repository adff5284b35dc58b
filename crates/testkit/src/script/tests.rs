//! The queue of behaviours and the list of requests.

use super::*;

fn ask(upstream: &Scripted, path: &str) -> (Act, Option<Ticket>) {
    let request = Request::get(path)
        .header("authorization", format!("Bearer {UPSTREAM_KEY}"))
        .header("x-goog-api-key", UPSTREAM_KEY)
        .body(Bytes::new())
        .unwrap();
    upstream.receive(&request, Duration::from_secs(1))
}

fn status(upstream: &Scripted, path: &str) -> u16 {
    match ask(upstream, path).0.answer {
        Answer::Reply(reply) => reply.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

const OPENAI: &str = "http://upstream/v1/models";
const GEMINI: &str = "http://upstream/v1beta/models?pageSize=5";

#[test]
fn each_dialect_takes_its_own_behaviours_in_order() {
    let upstream = Scripted::new();
    upstream.gemini([Fault::Status(503).times(2)]);
    upstream.script([Fault::Status(500)]);
    upstream.openai([Fault::Status(429)]);
    assert_eq!(upstream.left(), 4);
    let openai: Vec<u16> = (0..3).map(|_| status(&upstream, OPENAI)).collect();
    assert_eq!(openai, [500, 429, 200]);
    let gemini: Vec<u16> = (0..3).map(|_| status(&upstream, GEMINI)).collect();
    assert_eq!(gemini, [503, 503, 200]);
    assert_eq!(upstream.left(), 0);
    assert_eq!(
        (
            upstream.asked(Dialect::OpenAi),
            upstream.asked(Dialect::Gemini)
        ),
        (3, 3)
    );
}

#[test]
fn what_came_is_remembered() {
    let upstream = Scripted::new();
    upstream.accept_key("another");
    drop(ask(&upstream, GEMINI));
    assert_eq!(upstream.complaints().len(), 1);
    let seen = upstream.last(Dialect::Gemini);
    assert_eq!(
        (seen.path.as_str(), seen.at),
        ("/v1beta/models?pageSize=5", Duration::from_secs(1))
    );
    assert_eq!(seen.header("x-goog-api-key"), UPSTREAM_KEY);
    assert!(seen.complaint.unwrap().contains("API key not valid"));
    assert_eq!(seen.ending, Ending::HungUp);
}

#[test]
fn what_is_forgotten_is_not_confused_with_what_comes_after() {
    let upstream = Scripted::new();
    let (_, old) = ask(&upstream, OPENAI);
    upstream.clear();
    let (_, new) = ask(&upstream, OPENAI);
    drop(old);
    assert_eq!(upstream.last(Dialect::OpenAi).ending, Ending::Open);
    new.unwrap().complete();
    assert_eq!(upstream.last(Dialect::OpenAi).ending, Ending::Complete);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn other_paths_are_nobodys() {
    let upstream = Scripted::new();
    upstream.script([Fault::Status(500)]);
    assert_eq!(status(&upstream, "http://upstream/other"), 404);
    assert_eq!((upstream.requests().len(), upstream.left()), (0, 1));
}
