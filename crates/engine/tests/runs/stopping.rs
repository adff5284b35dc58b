//! Runs that are cancelled, or take too long.

use std::time::Duration;

use locum_domain::{
    message::{MessageIncomplete, MessageStatus},
    run::{RunStatus, StepStatus},
};
use locum_engine::ports::Clock;
use locum_testkit::{Dialect, Fault};

use crate::desk::{Desk, new_run, profile, text_of, with_tools};

#[test]
fn a_run_is_cancelled_while_its_model_speaks() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let run = started.run.clone();
    desk.wait(1);
    assert_eq!(desk.status(&run), RunStatus::InProgress);
    assert_eq!(desk.cancel(&run).unwrap().status, RunStatus::Cancelling);
    let before = desk.handles.clock.clone();
    let seen = desk.watch(started);
    assert_eq!(before.now().as_secs(), 1);
    let told = seen.told();
    assert_eq!(
        told[told.len() - 5..],
        [
            "message.delta",
            "run.cancelling",
            "message.Incomplete",
            "step.Cancelled",
            "run.cancelled",
        ]
    );
    let message = &desk.messages(&thread)[1];
    assert_eq!(message.incomplete, Some(MessageIncomplete::RunCancelled));
    assert_eq!(text_of(message), seen.text());
    assert!(desk.handles.upstream.last(Dialect::OpenAi).is_cancelled());
    let error = desk.cancel(&run).unwrap_err();
    assert_eq!(error.message, "Cannot cancel run with status 'cancelled'.");
    desk.start_unwatched(&thread, new_run(&assistant));
}

#[test]
fn a_run_is_cancelled_before_its_model_says_a_word() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Silent]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.wait(1);
    desk.cancel(&started.run).unwrap();
    let seen = desk.watch(started);
    assert_eq!(
        seen.told()[2..],
        ["run.in_progress", "run.cancelling", "run.cancelled"]
    );
    assert_eq!(desk.messages(&thread).len(), 1);
    assert!(desk.handles.upstream.last(Dialect::OpenAi).is_cancelled());
}

#[test]
fn a_run_is_cancelled_before_its_model_is_asked() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.cancel(&started.run).unwrap();
    assert_eq!(desk.watch(started).run().status, RunStatus::Cancelled);
    assert_eq!(desk.asked(Dialect::OpenAi), 0);
}

#[test]
fn a_run_is_cancelled_while_it_waits_for_outputs() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    assert_eq!(desk.cancel(&run).unwrap().status, RunStatus::Cancelling);
    desk.settle();
    let run = desk.look(&run);
    assert_eq!(run.status, RunStatus::Cancelled);
    assert!(run.required_calls.is_empty());
    assert_eq!(desk.steps(&run)[0].status, StepStatus::Cancelled);
    let error = desk.submit(&run, &[("x", "y")]).map(|_| ()).unwrap_err();
    assert_eq!(
        error.message,
        "Runs in status \"cancelled\" do not accept tool outputs."
    );
}

#[test]
fn another_process_can_cancel() {
    let desk = Desk::new();
    desk.attend(true);
    let other = desk.another();
    other.attend(false);
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four five six"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.wait(2);
    other.cancel(&started.run).unwrap();
    // Nobody rings here: the driver finds out with its next commit.
    let run = desk.rest(&started.run);
    assert!(
        matches!(run.status, RunStatus::Cancelled | RunStatus::Completed),
        "{:?}",
        run.status
    );
    assert!(desk.watch(started).error.is_none());
}

#[test]
fn a_run_expires_while_its_model_is_at_work() {
    let desk = Desk::set(&[("RUN_EXPIRY", "60"), ("PROVIDER_TIMEOUT", "600000")]);
    desk.attend(true);
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let seen = desk.follow(&thread, new_run(&assistant));
    let told = seen.told();
    assert_eq!(
        told[told.len() - 3..],
        ["message.Incomplete", "step.Expired", "run.expired"]
    );
    let now = locum_engine::ports::Clock::now(&desk.handles.clock);
    assert_eq!(now.as_secs(), 60);
    let message = &desk.messages(&thread)[1];
    assert_eq!(message.status, MessageStatus::Incomplete);
    assert_eq!(message.incomplete, Some(MessageIncomplete::RunExpired));
    assert!(desk.handles.upstream.last(Dialect::OpenAi).is_cancelled());
}

#[test]
fn a_run_expires_while_it_waits_for_outputs() {
    let desk = Desk::new();
    desk.attend(true);
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    let call = run.required_calls[0].id.clone();
    desk.wait(598);
    assert_eq!(desk.status(&run), RunStatus::RequiresAction);
    desk.wait(4);
    let run = desk.look(&run);
    assert_eq!(run.status, RunStatus::Expired);
    assert_eq!(desk.steps(&run)[0].status, StepStatus::Expired);
    let error = desk.submit(&run, &[(&call, "x")]).map(|_| ()).unwrap_err();
    assert_eq!(
        error.message,
        "Runs in status \"expired\" do not accept tool outputs."
    );
    desk.start_unwatched(&thread, new_run(&assistant));
}

#[test]
fn a_run_is_cancelled_by_another_process_than_drives_it() {
    let desk = Desk::set(&[("PROVIDER_TIMEOUT", "600000")]);
    desk.attend(false);
    desk.handles.upstream.openai([Fault::Silent]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    desk.wait(20);
    let other = desk.another();
    assert_eq!(other.cancel(&run).unwrap().status, RunStatus::Cancelling);
    desk.wait(4);
    assert_eq!(desk.status(&run), RunStatus::Cancelled);
    assert!(desk.handles.upstream.last(Dialect::OpenAi).is_cancelled());
}

#[test]
fn a_run_that_is_cancelled_before_it_could_wait_is_never_said_to_wait() {
    let desk = Desk::new();
    desk.attend(false);
    desk.handles.upstream.pace(Duration::from_millis(200));
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let run = started.run.clone();
    let clock = desk.handles.clock.clone();
    for _ in 0..100 {
        if !desk.steps(&run).is_empty() {
            break;
        }
        desk.run(clock.sleep(Duration::from_millis(50)));
    }
    // The driver finds out when it wants to store that the run waits.
    desk.another().cancel(&run).unwrap();
    let cancelled_at = clock.now();
    let told = desk.watch(started).told();
    assert!(clock.now() - cancelled_at < Duration::from_secs(3));
    assert_eq!(
        told[told.len() - 3..],
        ["run.cancelling", "step.Cancelled", "run.cancelled"],
        "{told:?}"
    );
    assert!(
        !told.contains(&"run.requires_action".to_owned()),
        "{told:?}"
    );
}
