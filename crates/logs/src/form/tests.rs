use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use locum_engine::settings::LogLevel;
use tracing::{Subscriber, debug, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::{Output, levels::Levels, lines::Lines};

/// What was written, to be looked at.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Output for Paper {
    fn push(&self, line: &[u8], _: bool) {
        self.0.lock().unwrap().extend_from_slice(line);
    }
}

/// 2026-08-26T12:34:56.789Z.
fn now() -> Duration {
    Duration::from_millis(1_787_747_696_789)
}

fn subscriber(form: Form, level: LogLevel, paper: Paper) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry()
        .with(Levels::new(level, false))
        .with(Lines::new(form, now, paper))
}

/// The lines that `act` writes.
fn lines(form: Form, level: LogLevel, act: impl FnOnce()) -> Vec<String> {
    let paper = Paper::default();
    tracing::subscriber::with_default(subscriber(form, level, paper.clone()), act);
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

const PLAIN: Form = Form::Plain { coloured: false };

#[test]
fn a_line_of_json_has_the_fields_of_event_and_request() {
    let lines = lines(Form::Json, LogLevel::Info, || {
        let _request = info_span!("request", request_id = "req_1").entered();
        let _inner = info_span!("inner", prompt = "not logged").entered();
        info!(
            status = 200,
            elapsed_ms = 1.5,
            absent = None::<u64>,
            endless = f64::INFINITY,
            streamed = true,
            client = %"::1",
            quoted = "a \"b\"\\\n\u{1b}\u{7f}é",
            "asked {}",
            "twice"
        );
    });
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["message"], "asked twice");
    assert_eq!(line["request_id"], "req_1");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["status"], 200);
    assert_eq!(line["elapsed_ms"], 1.5);
    assert_eq!(line["streamed"], true);
    assert_eq!(line["client"], "::1");
    assert_eq!(line["quoted"], "a \"b\"\\\n\u{1b}\u{7f}é");
    assert!(line["endless"].is_null());
    assert!(line.get("absent").is_none() && line.get("prompt").is_none());
    assert!(line["target"].as_str().unwrap().starts_with("locum"));
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
}

#[test]
fn a_line_for_people_cannot_be_forged() {
    let lines = lines(PLAIN, LogLevel::Info, || {
        let _request = info_span!("request", request_id = "req_1").entered();
        info!(path = "/a\n2026 ERROR b\u{1b}[31m", "request");
    });
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].ends_with(r"  INFO request path=/a\x0a2026 ERROR b\x1b[31m request_id=req_1"),
        "{}",
        lines[0]
    );
}

#[test]
fn the_requests_id_is_there_at_every_level() {
    let lines = lines(PLAIN, LogLevel::Warn, || {
        let _request = info_span!("request", request_id = "req_1").entered();
        info!("not said");
        warn!("said");
    });
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].ends_with("  WARN said request_id=req_1"),
        "{}",
        lines[0]
    );
}

#[test]
fn dependencies_are_heard_only_when_something_is_wrong() {
    let lines = lines(PLAIN, LogLevel::Trace, || {
        debug!(target: "hyper::proto", "chatter");
        warn!(target: "hyper::proto", "trouble");
        debug!("ours");
    });
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].ends_with("trouble") && lines[1].ends_with("ours"),
        "{lines:?}"
    );
}

#[test]
fn colours_do_not_touch_values() {
    let lines = lines(Form::Plain { coloured: true }, LogLevel::Info, || {
        info!(status = 200, "request");
    });
    assert!(
        lines[0].contains("\u{1b}[32mINFO\u{1b}[0m request"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].ends_with("\u{1b}[2mstatus=\u{1b}[0m200"),
        "{}",
        lines[0]
    );
}
