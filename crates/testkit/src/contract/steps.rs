//! Run steps.

use locum_domain::{
    id::{RunId, ThreadId},
    run::{Run, Step},
};
use locum_engine::store::Added;

use super::{
    bench::{Bench, DRIVEN, step},
    sample,
};

async fn find(bench: &Bench, run: &Run, of: &Step) -> Option<Step> {
    let found = bench
        .store
        .step(&bench.project, &run.thread_id, &run.id, &of.id);
    found.await.unwrap()
}

async fn of_runs(bench: &Bench, thread: &ThreadId, runs: &[RunId]) -> Vec<Step> {
    let found = bench.store.steps_of_runs(&bench.project, thread, runs);
    found.await.unwrap()
}

pub(super) async fn they_come_back_as_they_were_stored(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let begun = sample::begun_message(&run, 1);
    let stored = [
        sample::calling_step(&run, 1),
        sample::full_step(&run, 2),
        sample::writing_step(&run, 3, &begun),
    ];
    let writes: Vec<_> = stored.iter().map(step).collect();
    bench.write(&run, &writes).await;
    for step in &stored {
        assert_eq!(find(&bench, &run, step).await.as_ref(), Some(step));
    }
    assert_eq!(bench.steps(&run).await, stored);
    assert_eq!(
        find(&bench, &run, &sample::calling_step(&run, 4)).await,
        None
    );
}

pub(super) async fn they_are_found_in_their_own_run_alone(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let done = sample::done(sample::calling_step(&run, 1));
    bench.write(&run, &[step(&done)]).await;
    bench.end(&run).await;
    let beside = sample::run(&run.thread_id, 2);
    assert_eq!(bench.insert(&beside, &[], DRIVEN).await, Added::Added);
    let elsewhere = bench.begin(3, DRIVEN).await;
    let other_thread = Run {
        thread_id: elsewhere.thread_id.clone(),
        ..run.clone()
    };
    for wrong in [&beside, &elsewhere, &other_thread] {
        assert_eq!(find(&bench, wrong, &done).await, None);
        assert_eq!(bench.steps(wrong).await, []);
    }
    let stranger = bench.stranger();
    assert_eq!(find(&stranger, &run, &done).await, None);
    assert_eq!(stranger.steps(&run).await, []);
    assert_eq!(bench.steps(&run).await, [done]);
}

pub(super) async fn a_change_keeps_the_place_in_the_list(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let steps = [3, 1, 2].map(|n| sample::calling_step(&run, n));
    bench.write(&run, &steps.each_ref().map(step)).await;
    let done = sample::done(steps[0].clone());
    bench.write(&run, &[step(&done)]).await;
    let [_, second, third] = steps;
    assert_eq!(bench.steps(&run).await, [done, second, third]);
}

pub(super) async fn those_of_several_runs_come_in_order(bench: Bench) {
    let thread = bench.thread(1).await;
    let mut steps = Vec::new();
    for n in 0..4 {
        let run = sample::run(&thread, n);
        let two = [9 - n * 2, 8 - n * 2].map(|n| sample::done(sample::calling_step(&run, n)));
        let writes = two.each_ref().map(step);
        assert_eq!(bench.insert(&run, &writes, DRIVEN).await, Added::Added);
        bench.end(&run).await;
        steps.extend(two);
    }
    let elsewhere = bench.begin(7, DRIVEN).await;
    let theirs = sample::calling_step(&elsewhere, 70);
    bench.write(&elsewhere, &[step(&theirs)]).await;
    let id = |n| sample::run(&thread, n).id;
    let wanted = [id(3), elsewhere.id.clone(), id(0), id(99), id(1)];
    let found = of_runs(&bench, &thread, &wanted).await;
    let expected: Vec<_> = [&steps[..4], &steps[6..]].concat();
    assert_eq!(found, expected);
    assert_eq!(of_runs(&bench, &thread, &[]).await, []);
    assert_eq!(of_runs(&bench.stranger(), &thread, &wanted).await, []);
    assert_eq!(
        of_runs(&bench, &elsewhere.thread_id, &wanted).await,
        [theirs]
    );
}

pub(super) async fn those_of_very_many_runs_come_too(bench: Bench) {
    let thread = bench.thread(1).await;
    let mut steps = Vec::new();
    let mut runs = Vec::new();
    for n in 0..150 {
        let run = sample::run(&thread, n);
        let done = sample::done(sample::calling_step(&run, n));
        let added = bench.insert(&run, &[step(&done)], DRIVEN).await;
        assert_eq!(added, Added::Added);
        bench.end(&run).await;
        steps.push(done);
        runs.push(run.id);
    }
    runs.reverse();
    assert_eq!(of_runs(&bench, &thread, &runs).await, steps);
}
