//! Comments in pauses, and bytes that go together.

use std::{sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    stream::{self, iter},
};
use locum_api::stream::run_stream;
use locum_domain::run::{RunEvent, RunStatus};
use locum_engine::ports::Clock;
use locum_testkit::VirtualClock;

use super::{
    events::{Batch, begun, run_is, text_of},
    watcher::Watcher,
};

/// Batches, each of which comes so many seconds after the one before.
fn paced(
    clock: &VirtualClock,
    batches: Vec<(u64, Vec<RunEvent>)>,
) -> impl stream::Stream<Item = Batch> + Send + Unpin + 'static {
    let clock = clock.clone();
    let paced = iter(batches).then(move |(pause, events)| {
        let pause = clock.sleep(Duration::from_secs(pause));
        async move {
            pause.await;
            Ok(events)
        }
    });
    Box::pin(paced)
}

fn comments_in(batches: Vec<(u64, Vec<RunEvent>)>) -> usize {
    let clock = VirtualClock::new();
    let stream = clock.run(text_of(paced(&clock, batches), &clock));
    let watcher = Watcher::of(&stream);
    assert!(watcher.done);
    watcher.comments
}

#[test]
fn a_pause_is_filled_with_comments() {
    let ended = || vec![run_is(RunStatus::Completed)];
    for (pause, comments) in [(0, 0), (9, 0), (11, 1), (21, 2), (3605, 360)] {
        assert_eq!(comments_in(vec![(0, begun()), (pause, ended())]), comments);
    }
}

#[test]
fn who_speaks_now_and_then_is_not_interrupted() {
    let mut batches = vec![(0, begun())];
    batches.extend((0..20).map(|_| (7, vec![run_is(RunStatus::InProgress)])));
    batches.push((7, vec![run_is(RunStatus::Completed)]));
    assert_eq!(comments_in(batches), 0);
}

#[test]
fn a_comment_is_a_frame_of_its_own() {
    let clock = VirtualClock::new();
    let mut stream = run_stream(stream::pending::<Batch>(), Arc::new(clock.clone()));
    let comment = clock.run(stream.next()).unwrap();
    assert_eq!(&*comment, b": keepalive\n\n");
    assert_eq!(clock.now(), Duration::from_secs(10));
}

#[test]
fn what_is_ready_at_the_same_time_goes_together() {
    let clock = VirtualClock::new();
    let batches: Vec<Batch> = begun().into_iter().map(|event| Ok(vec![event])).collect();
    let events = iter(batches).chain(stream::pending());
    let mut stream = run_stream(events, Arc::new(clock));
    let piece = stream.next().now_or_never().unwrap().unwrap();
    assert_eq!(piece.windows(2).filter(|pair| pair == b"\n\n").count(), 3);
    assert!(stream.next().now_or_never().is_none());
}

#[test]
fn a_reader_that_leaves_lets_go_of_the_events() {
    let held = Arc::new(());
    let copy = Arc::clone(&held);
    let events = stream::pending::<Batch>().map(move |batch| {
        let _held = &copy;
        batch
    });
    let stream = run_stream(events, Arc::new(VirtualClock::new()));
    assert_eq!(Arc::strong_count(&held), 2);
    drop(stream);
    assert_eq!(Arc::strong_count(&held), 1);
}
