//! A host that is woken when there is something to do, instead of waiting for it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use locum_domain::run::RunStatus;
use locum_engine::ports::Clock;
use locum_testkit::{Dialect, Fault};

use crate::desk::{Desk, new_run, profile, with_tools};

/// As long as a visit may take.
const LONGEST: Duration = Duration::from_secs(780);

/// Wakes the process; says when it wants to be woken next, in milliseconds since 1970.
fn wake(desk: &Desk) -> Option<u64> {
    let attending = Arc::clone(&desk.assistants).attend_while_driving(LONGEST);
    desk.run(attending).unwrap()
}

fn now_ms(desk: &Desk) -> u64 {
    desk.handles.clock.unix().as_millis() as u64
}

#[test]
fn where_nothing_is_to_be_done_it_need_not_be_woken_again() {
    let desk = Desk::new();
    let before = desk.handles.clock.now();
    assert_eq!(wake(&desk), None);
    assert_eq!(desk.handles.clock.now(), before);
}

#[test]
fn it_stays_as_long_as_a_run_is_driven() {
    let desk = Desk::set(&[("PROVIDER_TIMEOUT", "600000")]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(300))]);
    let run = desk.start_unwatched(&desk.thread(&["hello"]), new_run(&assistant));
    assert_eq!(wake(&desk), None);
    assert_eq!(desk.status(&run), RunStatus::Completed);
    // Its leases were renewed all the while.
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
    assert!(desk.handles.clock.now() < Duration::from_secs(302));
}

#[test]
fn it_does_not_stay_longer_than_it_may() {
    let desk = Desk::set(&[("PROVIDER_TIMEOUT", "3600000"), ("RUN_EXPIRY", "3600")]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(1000))]);
    let run = desk.start_unwatched(&desk.thread(&["hello"]), new_run(&assistant));
    let next = wake(&desk);
    assert_eq!(desk.status(&run), RunStatus::InProgress);
    assert_eq!(next, Some(now_ms(&desk)));
    assert_eq!(wake(&desk), None);
    assert_eq!(desk.status(&run), RunStatus::Completed);
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
}

#[test]
fn a_run_that_waits_for_outputs_wants_it_woken_when_it_expires() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    let next = wake(&desk);
    let waiting = desk.look(&run);
    assert_eq!(waiting.status, RunStatus::RequiresAction);
    assert_eq!(next, Some(waiting.expires_at.0 * 1000));
    desk.wait(601);
    assert_eq!(wake(&desk), None);
    assert_eq!(desk.status(&run), RunStatus::Expired);
}

#[test]
fn what_an_earlier_life_has_left_is_taken_up() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let thread = desk.thread(&["one two three four"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    desk.wait(1);
    desk.tasks.kill();

    let next = desk.another();
    // The lease of the life before has not ended: it is woken when it has.
    let lease_end = wake(&next).unwrap();
    assert!(lease_end > now_ms(&next));
    assert_eq!(next.status(&run), RunStatus::InProgress);
    // One that knows that it is alone does not wait for that.
    next.run(next.assistants.release_all()).unwrap();
    assert_eq!(wake(&next), None);
    assert_eq!(next.status(&run), RunStatus::Completed);
    assert_eq!(
        next.said(&thread),
        ["one two three four", "echo: one two three four"]
    );
}

#[test]
fn woken_twice_it_answers_once() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    desk.tasks.kill();
    let next = desk.another();
    next.run(next.assistants.release_all()).unwrap();
    let visit = || Arc::clone(&next.assistants).attend_while_driving(LONGEST);
    let (one, other) = next.run(join(visit(), visit()));
    assert_eq!((one.unwrap(), other.unwrap()), (None, None));
    assert_eq!(next.status(&run), RunStatus::Completed);
    assert_eq!(next.said(&thread), ["hello", "echo: hello"]);
    assert_eq!(next.asked(Dialect::OpenAi), 1);
}
