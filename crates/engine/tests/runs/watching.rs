//! Clients that leave, and clients that read too slowly.

use std::time::Duration;

use futures_util::StreamExt;
use locum_domain::run::RunStatus;
use locum_testkit::Fault;

use crate::desk::{Desk, new_run, profile, watch_on};

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
