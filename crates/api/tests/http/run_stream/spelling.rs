//! Single frames, the end, and errors.

use std::time::Duration;

use locum_domain::{
    error::ApiError,
    id::ThreadId,
    message::Content,
    metadata::Metadata,
    run::{RunEvent, RunStatus, StepStatus},
    thread::Thread,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    events::{
        begun, message_begun, message_completed, message_step, one_by_one, refusal, run_created,
        run_is, stream_of, text,
    },
    watcher::Watcher,
};

fn last_data(stream: &str) -> Value {
    let line = stream.lines().rfind(|line| line.starts_with("data: "));
    serde_json::from_str(line.unwrap().strip_prefix("data: ").unwrap()).unwrap()
}

#[test]
fn a_thread_that_is_made_with_its_run() {
    let thread = Thread {
        id: ThreadId::from("thread_1"),
        created_at: Timestamp(99),
        metadata: Metadata::default(),
        tool_resources: None,
    };
    let mut events = vec![RunEvent::ThreadCreated(Box::new(thread))];
    events.extend(begun());
    events.push(run_is(RunStatus::Completed));
    let stream = one_by_one(events);
    let first = stream.split_once("\n\n").unwrap().0;
    insta::assert_snapshot!(first, @r#"
    event: thread.created
    data: {"id":"thread_1","object":"thread","created_at":99,"metadata":{},"tool_resources":null}
    "#);
    assert_eq!(Watcher::of(&stream).names[0], "thread.created");
}

#[test]
fn a_refusal_behind_a_text() {
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        text(true, "Well."),
        refusal(1, "I will "),
        refusal(1, "not."),
        message_completed(vec![
            Content::Text("Well.".to_owned()),
            Content::Refusal("I will not.".to_owned()),
        ]),
        message_step(StepStatus::Completed),
        run_is(RunStatus::Completed),
    ]);
    let stream = one_by_one(events);
    assert_eq!(Watcher::of(&stream).texts(), ["Well.", "I will not."]);
    let told = stream
        .split_inclusive("\n\n")
        .find(|frame| frame.contains("I will "));
    insta::assert_snapshot!(told.unwrap(), @r#"
    event: thread.message.delta
    data: {"id":"msg_1","object":"thread.message.delta","delta":{"content":[{"index":1,"type":"refusal","refusal":"I will "}]}}
    "#);
}

#[test]
fn whatever_a_model_says_stays_on_its_line() {
    let odd = "\r\n\n data: x\u{2028}\u{0}\u{7f}\"\\ 🦀 </script>\n\nevent: done\ndata: [DONE]\n\n";
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        text(true, odd),
        message_completed(vec![Content::Text(odd.to_owned())]),
        message_step(StepStatus::Completed),
        run_is(RunStatus::Completed),
    ]);
    assert_eq!(Watcher::of(&one_by_one(events)).texts(), [odd]);
}

#[test]
fn nothing_follows_the_end() {
    for status in [RunStatus::Completed, RunStatus::RequiresAction] {
        let mut events = vec![run_created(), run_is(status)];
        let stream = one_by_one(events.clone());
        assert!(stream.ends_with("\n\nevent: done\ndata: [DONE]\n\n"));
        events.push(run_is(RunStatus::InProgress));
        assert_eq!(stream_of(vec![Ok(events.clone())]), stream);
        let error = Err(ApiError::internal());
        assert_eq!(stream_of(vec![Ok(events), error]), stream);
    }
}

#[test]
fn an_error_in_the_form_that_both_sdks_raise() {
    let error = ApiError::busy("You were too slow.", Duration::from_secs(1));
    let stream = stream_of(vec![Ok(begun()), Err(error), Ok(begun())]);
    assert!(stream.contains("\n\nevent: error\ndata: {\"error\":{"));
    assert!(!stream.contains("[DONE]"));
    let fields = json!({
        "code": "overloaded", "message": "You were too slow.", "param": null, "type": "server_error",
    });
    let mut expected = fields.clone();
    expected["error"] = fields;
    assert_eq!(last_data(&stream), expected);
    assert_eq!(Watcher::of(&stream).error, Some(expected));
}

#[test]
fn a_stream_that_breaks_off_does_not_pass_for_whole() {
    for events in [Vec::new(), begun()] {
        let stream = stream_of(vec![Ok(events)]);
        assert!(!stream.contains("[DONE]"));
        let error = Watcher::of(&stream).error.unwrap();
        assert_eq!(error["type"], "server_error");
        assert_eq!(
            error["message"],
            "The run goes on, but its events broke off. Retrieve the run to see how it ends."
        );
    }
}
