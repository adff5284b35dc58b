//! Upstreams that fail, break off and fall silent.

use std::time::Duration;

use locum_domain::{
    message::{MessageIncomplete, MessageStatus},
    run::{RunErrorCode, RunStatus, StepStatus},
};
use locum_testkit::{Dialect, Fault};

use crate::desk::{Desk, new_run, profile, says, text_of};

/// Ways in which an answer breaks off after so many chunks, or the pauses between them.
fn breaks(after: usize) -> [Fault; 4] {
    [
        Fault::Cut(after),
        Fault::Stall(after),
        Fault::MalformedChunk(after),
        Fault::ErrorChunk(after),
    ]
}

#[test]
fn an_answer_that_breaks_off_unseen_is_had_elsewhere() {
    for fault in breaks(3) {
        let desk = Desk::new();
        desk.handles.upstream.openai([fault.clone()]);
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let thread = desk.thread(&["one two three four"]);
        let run = desk.start_unwatched(&thread, new_run(&assistant));
        let run = desk.rest(&run);
        assert_eq!(run.status, RunStatus::Completed, "{fault:?}");
        let served = run.served.as_ref().unwrap();
        assert_eq!(served.provider, "gemini", "{fault:?}");
        assert!(served.fallback);
        assert_eq!(
            desk.said(&thread),
            ["one two three four", "echo: one two three four"],
            "{fault:?}"
        );
        assert_eq!(desk.steps(&run).len(), 1);
        assert_eq!(desk.asked(Dialect::OpenAi), 1, "{fault:?}");
        assert_eq!(desk.asked(Dialect::Gemini), 1, "{fault:?}");
    }
}

#[test]
fn what_breaks_off_before_it_was_told_was_seen_by_nobody() {
    let desk = Desk::new();
    // All of it comes at once with the break.
    desk.handles.upstream.openai([Fault::Cut(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let seen = desk.follow(&thread, new_run(&assistant));
    assert_eq!(seen.run().status, RunStatus::Completed);
    assert_eq!(seen.text(), "echo: one two three four");
    assert_eq!(desk.asked(Dialect::Gemini), 1);
}

#[test]
fn an_answer_that_breaks_off_again_and_again_fails_the_run() {
    let desk = Desk::set(&[("PROVIDER_GEMINI_ENABLED", "false")]);
    desk.handles.upstream.openai([Fault::Cut(3).times(100)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let run = desk.rest(&run);
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.last_error.unwrap().code, RunErrorCode::ServerError);
    assert!(desk.asked(Dialect::OpenAi) <= 5);
}

#[test]
fn an_answer_that_breaks_off_before_somebodys_eyes_fails_the_run() {
    for fault in breaks(4) {
        let desk = Desk::new();
        desk.handles.upstream.pace(Duration::from_millis(10));
        desk.handles.upstream.openai([fault.clone()]);
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let thread = desk.thread(&["one two three four"]);
        let started = desk.start(&thread, new_run(&assistant)).unwrap();
        let seen = desk.watch(started);
        let told = seen.told();
        assert_eq!(
            told[told.len() - 3..],
            ["message.Incomplete", "step.Failed", "run.failed"],
            "{fault:?}"
        );
        let error = seen.run().last_error.unwrap();
        assert_eq!(error.code, RunErrorCode::ServerError);
        let message = &desk.messages(&thread)[1];
        assert_eq!(message.status, MessageStatus::Incomplete);
        assert_eq!(message.incomplete, Some(MessageIncomplete::RunFailed));
        assert_eq!(text_of(message), seen.text());
        assert!(!seen.text().is_empty());
        assert_eq!(desk.steps(&seen.run())[0].status, StepStatus::Failed);
        assert_eq!(desk.asked(Dialect::Gemini), 0, "{fault:?}");

        // What it had said belongs to the conversation all the same.
        desk.say(&thread, says("go on"));
        desk.follow(&thread, new_run(&assistant));
        assert_eq!(desk.conversation()[1].1, text_of(message));
    }
}

#[test]
fn a_provider_that_fails_at_once_is_replaced() {
    for fault in [
        Fault::Status(500),
        Fault::Refuse,
        Fault::RetryAfter(1),
        Fault::Html,
    ] {
        let desk = Desk::new();
        desk.handles.upstream.openai([fault.clone()]);
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let thread = desk.thread(&["hello"]);
        let seen = desk.follow(&thread, new_run(&assistant));
        assert_eq!(seen.run().status, RunStatus::Completed, "{fault:?}");
        assert_eq!(seen.text(), "echo: hello");
        let steps = desk.steps(&seen.run());
        let served = steps[0].served.as_ref().unwrap();
        assert_eq!(served.provider, "gemini");
        assert!(served.fallback);
    }
}

#[test]
fn what_nobody_can_do_fails_the_run() {
    let cases = [
        (Fault::Status(500), RunErrorCode::ServerError),
        (Fault::RetryAfter(300), RunErrorCode::RateLimitExceeded),
        (Fault::OutOfQuota, RunErrorCode::RateLimitExceeded),
        (Fault::Status(400), RunErrorCode::InvalidPrompt),
        (Fault::BadKey, RunErrorCode::ServerError),
    ];
    for (fault, code) in cases {
        let desk = Desk::set(&[("PROVIDER_GEMINI_ENABLED", "false")]);
        desk.handles.upstream.openai([fault.clone().times(100)]);
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let thread = desk.thread(&["hello"]);
        let seen = desk.follow(&thread, new_run(&assistant));
        assert_eq!(
            seen.told()[2..],
            ["run.in_progress", "run.failed"],
            "{fault:?}"
        );
        let error = seen.run().last_error.unwrap();
        assert_eq!(error.code, code, "{fault:?}");
        assert!(!error.message.is_empty());
        assert_eq!(desk.messages(&thread).len(), 1);
        // The thread is free.
        desk.handles.upstream.clear();
        let seen = desk.follow(&thread, new_run(&assistant));
        assert_eq!(seen.run().status, RunStatus::Completed);
    }
}

#[test]
fn a_model_that_nobody_has_fails_the_run() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("nobodys-model"));
    let thread = desk.thread(&["hello"]);
    let seen = desk.follow(&thread, new_run(&assistant));
    let run = seen.run();
    assert_eq!(run.status, RunStatus::Failed);
    let error = run.last_error.unwrap();
    assert_eq!(error.code, RunErrorCode::InvalidPrompt);
    assert!(error.message.contains("nobodys-model"), "{}", error.message);
}
