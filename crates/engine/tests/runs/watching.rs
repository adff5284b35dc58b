//! Clients that leave, and clients that read too slowly.

use std::time::Duration;

use futures_util::StreamExt;
use locum_domain::run::RunStatus;
use locum_engine::ports::Clock;
use locum_testkit::Fault;

use crate::desk::{Desk, new_run, profile, watch_on, with_tools};

#[test]
fn a_client_that_leaves_does_not_stop_its_run() {
    let desk = Desk::new();
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let mut started = desk.start(&thread, new_run(&assistant)).unwrap();
    let first = desk.run(started.events.as_mut().unwrap().next());
    assert!(first.unwrap().is_ok());
    drop(started.events);
    let run = desk.rest(&started.run);
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(desk.said(&thread)[1], "echo: one two three four");
}

#[test]
fn who_reads_too_slowly_is_cut_off_and_the_run_goes_on() {
    let desk = Desk::new();
    desk.attend(true);
    // 2 MiB of text, and nobody reads.
    let word = "x".repeat(64 << 10);
    let words: Vec<&str> = (0..40).map(|_| word.as_str()).collect();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&[&words.join(" ")]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let run = desk.rest(&started.run);
    assert_eq!(run.status, RunStatus::Completed);
    let seen = desk.run(watch_on(started.events.unwrap()));
    let error = seen.error.unwrap();
    assert!(error.message.contains("too slowly"), "{}", error.message);
    assert!(seen.events.is_empty());
}

#[test]
fn who_reads_late_sees_everything() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.rest(&started.run);
    let seen = desk.run(watch_on(started.events.unwrap()));
    assert_eq!(seen.text(), "echo: one two three four");
    assert_eq!(seen.run().status, RunStatus::Completed);
    assert!(seen.error.is_none());
}

#[test]
fn who_watches_a_run_of_a_process_that_dies_is_told() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.wait(1);
    desk.tasks.kill();
    let seen = desk.run(watch_on(started.events.unwrap()));
    assert!(!seen.text().is_empty());
    assert!(seen.error.unwrap().message.contains("goes on"));
}

const CALLS: [&str; 3] = ["step.created calls", "call get_weather", "call.delta"];

const WHOLE: [&str; 6] = [
    "step.created message",
    "message.created",
    "message.delta",
    "message.Completed",
    "step.Completed",
    "run.completed",
];

#[test]
fn a_run_of_another_process_is_followed_to_its_end() {
    let desk = Desk::new();
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(5))]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let other = desk.another();
    let seen = other.attach(&run);
    assert!(seen.error.is_none());
    assert_eq!(seen.told()[0], "run.in_progress");
    assert_eq!(seen.told()[1..], WHOLE);
    assert_eq!(seen.text(), "echo: one two three four");
    assert_eq!(seen.run(), other.look(&run));
}

#[test]
fn a_run_that_has_ended_is_told_at_once() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    let begun = desk.handles.clock.now();
    let seen = desk.another().attach(&run);
    assert_eq!(seen.told(), WHOLE);
    assert_eq!(desk.handles.clock.now(), begun);
}

#[test]
fn calls_are_told_to_who_follows_and_so_is_what_comes_after_them() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    let other = desk.another();
    let waiting = other.attach(&run);
    assert_eq!(
        waiting.told(),
        [&CALLS[..], &["run.requires_action"]].concat()
    );
    let call = &run.required_calls[0].id;
    desk.watch(desk.submit(&run, &[(call, "hot")]).unwrap());
    let whole = other.attach(&run);
    assert_eq!(
        whole.told(),
        [&CALLS[..], &["step.Completed"], &WHOLE].concat()
    );
    assert_eq!(whole.text(), "echo: hot");
}

#[test]
fn nothing_is_told_that_is_taken_back() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    desk.wait(1);
    desk.tasks.kill();
    let other = desk.another();
    other.attend(false);
    let seen = other.attach(&run);
    assert_eq!(seen.told()[0], "run.in_progress");
    assert_eq!(seen.told()[1..], WHOLE);
}

#[test]
fn who_follows_waits_for_a_store_that_is_away_for_a_while() {
    let desk = Desk::new();
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(3))]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let other = desk.another();
    let events = other.watch_run(&run);
    desk.weather
        .away_until(desk.handles.clock.now() + Duration::from_secs(5));
    let seen = other.run(watch_on(events.unwrap()));
    assert!(seen.error.is_none());
    assert_eq!(seen.run().status, RunStatus::Completed);

    let thread = desk.thread(&["hello again"]);
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(3))]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let events = other.watch_run(&run);
    desk.weather
        .away_until(desk.handles.clock.now() + Duration::from_secs(60));
    let seen = other.run(watch_on(events.unwrap()));
    assert_eq!(seen.error.unwrap().status, 503);
}

#[test]
fn a_run_that_is_deleted_is_watched_no_longer() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Stall(0)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let other = desk.another();
    let events = other.watch_run(&run);
    let deleted = desk.assistants.delete_thread(&desk.project, &thread.id);
    desk.run(deleted).unwrap();
    let begun = desk.handles.clock.now();
    let seen = other.run(watch_on(events.unwrap()));
    assert_eq!(seen.error.unwrap().status, 404);
    assert!(desk.handles.clock.now() - begun < Duration::from_secs(1));
}
