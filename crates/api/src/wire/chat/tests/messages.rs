//! Messages: roles, contents, and what must follow what.

use locum_domain::chat::{Detail, Media, MediaSource, Message, Part, ToolCall};
use serde_json::{Value, json};

use super::{conversation, parse};

/// The messages that `messages` become.
#[track_caller]
fn read(messages: Value) -> Vec<Message> {
    parse(&conversation(messages)).unwrap().messages
}

/// The parts of a user message of `content`.
#[track_caller]
fn parts(content: Value) -> Vec<Part> {
    match read(json!([{"role": "user", "content": content}])).pop() {
        Some(Message::User { parts, .. }) => parts,
        other => panic!("{other:?} is no user's message"),
    }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn system(text: &str) -> Message {
    Message::System {
        text: text.to_owned(),
    }
}

fn call(id: &str, name: &str, arguments: &str, signature: Option<&str>) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: signature.map(str::to_owned),
    }
}

fn result(call_id: &str, content: &str) -> Message {
    Message::Tool {
        call_id: call_id.to_owned(),
        parts: vec![text(content)],
    }
}

#[test]
fn every_role_has_its_message() {
    let messages = read(json!([
        {"role": "system", "content": "be kind"},
        {"role": "developer", "content": [{"type": "text", "text": "and"}, {"type": "text", "text": "short"}]},
        {"role": "user", "name": "ann", "content": "hi"},
        {"role": "assistant", "content": "hello", "extra_content": {"google": {"thought_signature": "s"}}},
        {"role": "system", "content": "late"},
        {"role": "assistant", "content": [{"type": "text", "text": "I "}, {"type": "refusal", "refusal": "can't"}]},
        {"role": "assistant", "content": null, "refusal": "no"},
    ]));
    let assistant = |text: &str, signature: Option<&str>| Message::Assistant {
        text: text.to_owned(),
        calls: Vec::new(),
        signature: signature.map(str::to_owned),
    };
    assert_eq!(
        messages,
        [
            system("be kind"),
            system("and\nshort"),
            Message::User {
                name: Some("ann".to_owned()),
                parts: vec![text("hi")]
            },
            assistant("hello", Some("s")),
            system("late"),
            assistant("I can't", None),
            assistant("no", None),
        ]
    );
}

#[test]
fn parts_keep_their_order() {
    let media = |source, mime_type: Option<&str>, detail| {
        Part::Media(Media {
            source,
            mime_type: mime_type.map(str::to_owned),
            filename: None,
            detail,
        })
    };
    let inline = |data: &str| MediaSource::Inline(data.to_owned());
    let url = |url: &str| MediaSource::Url(url.to_owned());
    assert_eq!(
        parts(json!([
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,AAAA", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "HTTPS://example.org/a.png", "detail": "original"}},
            {"type": "image_url", "image_url": {"url": "data:;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"type": "video_url", "video_url": {"url": "https://example.org/a.webm?x=.mov"}},
            {"type": "video_url", "video_url": {"url": "data:video/quicktime;base64,AAAA"}},
            {"type": "text", "text": ""},
        ])),
        [
            text("a"),
            media(inline("AAAA"), Some("image/png"), Some(Detail::Low)),
            media(url("HTTPS://example.org/a.png"), None, Some(Detail::High)),
            media(inline("AAAA"), None, None),
            media(inline("AAAA"), Some("audio/wav"), None),
            media(inline("AAAA"), Some("audio/mp3"), None),
            media(
                url("https://example.org/a.webm?x=.mov"),
                Some("video/webm"),
                None
            ),
            media(inline("AAAA"), Some("video/quicktime"), None),
            text(""),
        ]
    );
}

#[test]
fn files_come_inline_or_by_id() {
    let file = |source, mime_type: Option<&str>, filename: Option<&str>| {
        vec![Part::Media(Media {
            source,
            mime_type: mime_type.map(str::to_owned),
            filename: filename.map(str::to_owned),
            detail: None,
        })]
    };
    let inline = MediaSource::Inline("AAAA".to_owned());
    assert_eq!(
        parts(
            json!([{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}])
        ),
        file(inline.clone(), Some("application/pdf"), Some("a.pdf"))
    );
    assert_eq!(
        parts(json!([{"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}}])),
        file(inline, None, Some("a.pdf"))
    );
    assert_eq!(
        parts(json!([{"type": "file", "file": {"file_id": "file-1"}}])),
        file(MediaSource::File("file-1".to_owned()), None, None)
    );
}

#[test]
fn base64_is_made_tidy() {
    for (given, tidy) in [
        ("AAAA", "AAAA"),
        ("AAA", "AAA="),
        ("AA", "AA=="),
        ("AA=", "AA=="),
        ("AA==", "AA=="),
        ("AA\r\nAA\n", "AAAA"),
    ] {
        let url = format!("data:image/png;base64,{given}");
        let parts = parts(json!([{"type": "image_url", "image_url": {"url": url}}]));
        let [Part::Media(media)] = parts.as_slice() else {
            panic!("{given} is one image");
        };
        assert_eq!(media.source, MediaSource::Inline(tidy.to_owned()));
    }
}

/// A message of calls with these ids.
fn calls(ids: &[&str]) -> Value {
    let call = |id: &&str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    json!({"role": "assistant", "tool_calls": ids.iter().map(call).collect::<Vec<_>>()})
}

fn tool(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": id})
}

fn user() -> Value {
    json!({"role": "user", "content": "hi"})
}

#[test]
fn results_follow_their_calls() {
    let messages = read(json!([
        user(),
        calls(&["a", "b"]),
        tool("b"),
        tool("a"),
        calls(&["a"]),
        tool("a"),
        user()
    ]));
    assert_eq!(messages[2], result("b", "b"));
    assert_eq!(messages[3], result("a", "a"));
    assert_eq!(messages.len(), 7);
}

#[test]
fn results_may_hold_media() {
    let content = json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a"}}]);
    let messages = read(json!([
        calls(&["a"]),
        {"role": "tool", "tool_call_id": "a", "content": content},
    ]));
    let Message::Tool { parts, .. } = &messages[1] else {
        panic!("a result");
    };
    assert_eq!(parts.len(), 2);
}

#[test]
fn orphaned_results_are_refused() {
    for (messages, index) in [
        (json!([tool("a")]), 0),
        (json!([user(), tool("a")]), 1),
        (json!([calls(&["a"]), tool("b")]), 1),
        (json!([calls(&["a"]), tool("a"), tool("a")]), 2),
        (json!([calls(&["a"]), tool("a"), user(), tool("a")]), 3),
    ] {
        let error = parse(&conversation(messages)).unwrap_err();
        assert_eq!(error.param, Some(format!("messages[{index}].role")));
        assert_eq!(
            error.message,
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        );
    }
}

#[test]
fn calls_without_a_result_are_refused() {
    let long = "b__thought__cw";
    for (messages, ids) in [
        (json!([user(), calls(&["a", long])]), "a, b__thought__cw"),
        (json!([user(), calls(&["a", long]), tool("a")]), long),
        (
            json!([user(), calls(&["a", long]), tool("a"), user()]),
            long,
        ),
        (
            json!([user(), calls(&["a", long]), tool("a"), calls(&["c"])]),
            long,
        ),
    ] {
        let error = parse(&conversation(messages)).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("messages[1].tool_calls"));
        assert_eq!(
            error.message,
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}"
            )
        );
    }
}

#[test]
fn functions_are_called_like_tools() {
    let messages = read(json!([
        user(),
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"},
         "extra_content": {"google": {"thought_signature": "s"}}},
        {"role": "function", "name": "f", "content": "22"},
    ]));
    assert_eq!(
        messages[1..],
        [
            Message::Assistant {
                text: String::new(),
                calls: vec![call("call_function_1", "f", "{\"a\":1}", Some("s"))],
                signature: None,
            },
            result("call_function_1", "22"),
        ]
    );
    let orphan = json!([user(), {"role": "function", "name": "f", "content": "22"}]);
    let error = parse(&conversation(orphan)).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("messages[1].role"));
}

#[test]
fn signatures_come_in_ids_or_besides() {
    let messages = read(json!([
        user(),
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "a__thought__cHJvb2Y", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"},
             "extra_content": {"google": {"thought_signature": "besides"}}},
            {"id": "c__thought__cHJvb2Y", "type": "function", "function": {"name": "f", "arguments": "{}"},
             "extra_content": {"google": {"thought_signature": "both"}}},
            {"id": "d", "type": "function", "function": {"name": "f", "arguments": "{}"},
             "extra_content": {"other": [1]}},
        ]},
        tool("a__thought__cHJvb2Y"), tool("b"), tool("c"), tool("d"),
    ]));
    let Message::Assistant { calls, .. } = &messages[1] else {
        panic!("an answer");
    };
    assert_eq!(
        *calls,
        [
            call("a", "f", "{}", Some("proof")),
            call("b", "f", "{}", Some("besides")),
            call("c", "f", "{}", Some("both")),
            call("d", "f", "{}", None),
        ]
    );
    assert_eq!(messages[2], result("a", "a__thought__cHJvb2Y"));
}

#[test]
fn empty_lists_of_calls_are_none() {
    let messages =
        read(json!([user(), {"role": "assistant", "content": "hi", "tool_calls": []}, user()]));
    assert_eq!(messages.len(), 3);
}
