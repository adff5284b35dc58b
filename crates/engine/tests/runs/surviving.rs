//! Processes that die or stop, and stores that are away.

use std::time::Duration;

use locum_domain::run::RunStatus;
use locum_engine::ports::Clock;
use locum_testkit::{Dialect, Fault};

use crate::desk::{Desk, new_run, profile, says, watch_on, with_tools};

/// A process that has died in the middle of an answer, and the run that it drove.
fn dead(desk: &Desk) -> (locum_domain::thread::Thread, locum_domain::run::Run) {
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    desk.wait(1);
    assert_eq!(desk.messages(&thread).len(), 2);
    desk.tasks.kill();
    (thread, run)
}

#[test]
fn a_run_whose_process_died_is_taken_over() {
    let desk = Desk::new();
    let (thread, run) = dead(&desk);
    let next = desk.another();
    next.attend(true);
    next.wait(2);
    let run = next.look(&run);
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(
        next.said(&thread),
        ["one two three four", "echo: one two three four"]
    );
    assert_eq!(next.steps(&run).len(), 1);
    assert_eq!(desk.asked(Dialect::OpenAi), 2);
    let page = next.metrics.encode();
    assert!(page.contains("locum_run_takeovers_total 1"), "{page}");
}

#[test]
fn a_process_that_is_not_alone_waits_until_the_lease_has_ended() {
    let desk = Desk::new();
    let (_, run) = dead(&desk);
    let next = desk.another();
    next.attend(false);
    next.wait(7);
    assert_eq!(next.status(&run), RunStatus::InProgress);
    next.wait(6);
    assert_eq!(next.status(&run), RunStatus::Completed);
}

#[test]
fn a_driver_whose_lease_has_ended_is_fenced_off() {
    let desk = Desk::set(&[("PROVIDER_TIMEOUT", "600000")]);
    // Nobody renews its leases.
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(30))]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let next = desk.another();
    next.attend(false);
    next.wait(12);
    assert_eq!(next.status(&started.run), RunStatus::Completed);
    next.say(&thread, says("more"));
    // The first one's answer comes too late. Whoever watched it there is told what the other made of the run.
    let seen = desk.watch(started);
    assert!(seen.error.is_none());
    assert_eq!(seen.text(), "echo: hello");
    assert_eq!(seen.run().status, RunStatus::Completed);
    assert_eq!(desk.asked(Dialect::OpenAi), 2);
    assert_eq!(desk.said(&thread), ["hello", "echo: hello", "more"]);
    let page = desk.metrics.encode();
    assert!(page.contains("locum_run_leases_lost_total 1"), "{page}");
    assert!(page.contains("locum_runs_driven 0"), "{page}");
}

#[test]
fn many_runs_are_taken_over_at_once() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    desk.handles.upstream.openai([Fault::Stall(3).times(100)]);
    let begun: Vec<_> = (0..100)
        .map(|number| {
            let thread = desk.thread(&[&format!("number {number}")]);
            let run = desk.start_unwatched(&thread, new_run(&assistant));
            (thread, run)
        })
        .collect();
    desk.wait(1);
    desk.tasks.kill();
    let next = desk.another();
    next.attend(true);
    next.wait(3);
    for (number, (thread, run)) in begun.iter().enumerate() {
        assert_eq!(next.status(run), RunStatus::Completed);
        assert_eq!(next.said(thread)[1], format!("echo: number {number}"));
    }
}

#[test]
fn leases_are_renewed_while_a_model_thinks() {
    let desk = Desk::set(&[("PROVIDER_TIMEOUT", "600000")]);
    desk.attend(true);
    let other = desk.another();
    other.attend(false);
    desk.handles
        .upstream
        .openai([Fault::Good.after(Duration::from_secs(120))]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["hello"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let seen = desk.watch(started);
    assert_eq!(seen.run().status, RunStatus::Completed);
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
    // About one renewal every three seconds, and nothing when it is over.
    let writes = desk.weather.run_writes();
    assert!((35..=50).contains(&writes), "{writes}");
    desk.wait(200);
    assert_eq!(desk.weather.run_writes(), writes);
}

#[test]
fn a_run_that_waits_goes_on_waiting_under_the_next_process() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    desk.tasks.kill();
    let next = desk.another();
    next.attend(true);
    next.wait(60);
    assert_eq!(next.status(&run), RunStatus::RequiresAction);
    let started = next
        .submit(&run, &[(&run.required_calls[0].id, "hot")])
        .unwrap();
    assert_eq!(next.watch(started).text(), "echo: hot");
}

#[test]
fn a_run_that_was_being_cancelled_is_cancelled_by_the_next_process() {
    let desk = Desk::new();
    let (thread, run) = dead(&desk);
    let next = desk.another();
    assert_eq!(next.cancel(&run).unwrap().status, RunStatus::Cancelling);
    next.attend(true);
    next.wait(2);
    assert_eq!(next.status(&run), RunStatus::Cancelled);
    next.say(&thread, says("free again"));
}

#[test]
fn a_store_that_is_away_for_a_while_fails_no_run() {
    let desk = Desk::new();
    desk.attend(true);
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    for (begins, lasts) in [(0, 3), (0, 9), (1, 3), (3, 3), (1, 8)] {
        let thread = desk.thread(&["one two three four"]);
        let started = desk.start(&thread, new_run(&assistant)).unwrap();
        let now = desk.handles.clock.now();
        if begins > 0 {
            desk.wait(begins);
        }
        desk.weather
            .away_until(now + Duration::from_secs(begins + lasts));
        let seen = desk.watch(started);
        assert!(seen.error.is_none(), "{begins} {lasts}");
        assert_eq!(seen.run().status, RunStatus::Completed, "{begins} {lasts}");
        assert_eq!(seen.text(), "echo: one two three four");
    }
}

#[test]
fn a_store_that_is_away_for_long_delays_its_runs() {
    let desk = Desk::new();
    desk.attend(true);
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    let now = desk.handles.clock.now();
    desk.wait(1);
    desk.weather.away_until(now + Duration::from_secs(60));
    let error = desk
        .start(&thread, new_run(&assistant))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.status, 503);
    desk.wait(90);
    assert_eq!(desk.status(&started.run), RunStatus::Completed);
    assert_eq!(
        desk.said(&thread),
        ["one two three four", "echo: one two three four"]
    );
    // Nothing of the first try was told, so that the second one's answer is.
    let seen = desk.run(watch_on(started.events.unwrap()));
    assert!(seen.error.is_none());
    assert_eq!(seen.text(), "echo: one two three four");
}

#[test]
fn an_answer_of_the_store_that_is_lost_changes_nothing() {
    // Each commit of a run in turn, and all of them.
    for lost in [
        [true, false, false, false],
        [false, true, false, false],
        [false, false, true, false],
        [false, true, true, false],
    ] {
        let desk = Desk::new();
        desk.attend(true);
        desk.wait(2);
        desk.handles.upstream.pace(Duration::from_millis(10));
        let assistant = desk.assistant(profile("gpt-4.1-mini"));
        let thread = desk.thread(&["hello"]);
        desk.weather.lose_answers(&lost);
        let started = desk.start(&thread, new_run(&assistant));
        assert_eq!(started.is_err(), lost[0]);
        desk.wait(30);
        assert_eq!(desk.said(&thread), ["hello", "echo: hello"], "{lost:?}");
        if let Ok(started) = started {
            let seen = desk.watch(started);
            assert!(seen.error.is_none(), "{lost:?}");
            assert_eq!(seen.run().status, RunStatus::Completed);
        }
        // The thread is free.
        desk.follow(&thread, new_run(&assistant));
    }
}

#[test]
fn the_store_loses_its_answer_to_outputs() {
    let desk = Desk::new();
    desk.attend(true);
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    desk.weather.lose_answers(&[true]);
    let outputs = [(run.required_calls[0].id.as_str(), "hot")];
    let error = desk.submit(&run, &outputs).map(|_| ()).unwrap_err();
    assert_eq!(error.status, 503);
    desk.wait(5);
    assert_eq!(desk.status(&run), RunStatus::Completed);
    assert_eq!(desk.said(&thread)[1], "echo: hot");
}

#[test]
fn a_process_that_stops_lets_its_runs_end() {
    let desk = Desk::new();
    desk.attend(true);
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let run = desk.start_unwatched(&thread, new_run(&assistant));
    desk.wait(1);
    desk.run(desk.assistants.hand_over(Duration::from_secs(30)));
    assert_eq!(desk.status(&run), RunStatus::Completed);
    assert!(desk.handles.clock.now() < Duration::from_secs(15));
    let error = desk
        .start(&thread, new_run(&assistant))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.status, 503);
    assert!(error.retry_after.is_some());
    desk.wait(5);
    assert_eq!(desk.tasks.count(), 0);
}

#[test]
fn a_process_that_stops_leaves_its_runs_to_the_next() {
    let desk = Desk::set(&[("PROVIDER_TIMEOUT", "600000")]);
    desk.attend(false);
    desk.handles.upstream.openai([Fault::Stall(3)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.wait(20);
    desk.run(desk.assistants.hand_over(Duration::from_secs(5)));
    assert!(desk.handles.upstream.last(Dialect::OpenAi).is_cancelled());
    let seen = desk.run(watch_on(started.events.unwrap()));
    assert!(seen.error.is_some());
    let next = desk.another();
    next.attend(false);
    next.wait(2);
    assert_eq!(next.status(&started.run), RunStatus::Completed);
    assert_eq!(next.said(&thread)[1], "echo: one two three four");
}

#[test]
fn a_thread_that_is_deleted_takes_its_run_along() {
    let desk = Desk::new();
    desk.attend(true);
    desk.handles.upstream.pace(Duration::from_secs(1));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread(&["one two three four"]);
    let started = desk.start(&thread, new_run(&assistant)).unwrap();
    desk.wait(2);
    let deleted = desk.assistants.delete_thread(&desk.project, &thread.id);
    desk.run(deleted).unwrap();
    let seen = desk.run(watch_on(started.events.unwrap()));
    assert!(seen.error.is_some());
    desk.wait(60);
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
}

#[test]
fn an_idle_process_writes_nothing() {
    let desk = Desk::new();
    desk.attend(true);
    desk.wait(1);
    let writes = desk.weather.run_writes();
    desk.wait(100);
    assert_eq!(desk.weather.run_writes(), writes);
}

#[test]
fn of_all_processes_one_collects_garbage_each_hour() {
    let desk = Desk::new();
    let processes = [desk.another(), desk.another(), desk.another()];
    processes.iter().for_each(|process| process.attend(false));
    desk.wait(5 * 60 * 60);
    let collections = |process: &Desk| {
        let page = process.metrics.encode();
        let series = "locum_garbage_collections_total ";
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(processes.iter().map(collections).sum::<u32>(), 5);

    // One that dies is missed for an hour at most.
    processes.iter().for_each(|process| process.tasks.kill());
    let next = desk.another();
    next.attend(false);
    next.wait(2 * 60 * 60);
    assert!(collections(&next) >= 1);
}
