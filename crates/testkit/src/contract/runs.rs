//! Runs: adding and committing.

use futures_util::future::join_all;
use locum_domain::{
    id::ThreadId,
    run::{Open, Run, Write},
};
use locum_engine::store::{Added, Next, RunInsert, StoredRun};

use super::{
    bench::{Bench, DRIVEN, all, message, step},
    sample::{self, MS},
};

async fn insert_whole(bench: &Bench, insert: RunInsert<'_>) -> Added {
    let added = bench.store.insert_run(&bench.project, insert);
    added.await.unwrap()
}

async fn list(bench: &Bench, thread: &ThreadId) -> Vec<Run> {
    let page = bench.store.runs(&bench.project, thread, &all()).await;
    page.unwrap().unwrap().items
}

pub(super) async fn they_come_back_as_they_were_stored(bench: Bench) {
    let thread = bench.thread(1).await;
    let (plain, full) = (sample::run(&thread, 1), sample::full_run(&thread, 2));
    assert_eq!(bench.insert(&plain, &[], DRIVEN).await, Added::Added);
    let expected = StoredRun {
        project: bench.project.clone(),
        run: plain.clone(),
        open: None,
        version: 1,
        token: 1,
    };
    assert_eq!(bench.load(&plain).await, expected);
    bench.end(&plain).await;
    assert_eq!(bench.insert(&full, &[], DRIVEN).await, Added::Added);
    let expected = StoredRun {
        run: full.clone(),
        ..expected
    };
    assert_eq!(bench.load(&full).await, expected);
    assert_eq!(list(&bench, &thread).await, [sample::ended(plain), full]);
}

pub(super) async fn a_run_comes_with_its_thread_and_messages(bench: Bench) {
    let thread = sample::full_thread(1);
    let messages = [2, 1].map(|n| sample::message(&thread.id, n));
    let run = sample::full_run(&thread.id, 1);
    let begun = sample::begun_message(&run, 3);
    let writing = sample::writing_step(&run, 1, &begun);
    let insert = RunInsert {
        thread: Some(&thread),
        messages: &messages,
        run: &run,
        writes: &[step(&writing), message(&begun)],
        next: DRIVEN,
    };
    assert_eq!(insert_whole(&bench, insert).await, Added::Added);
    let found = bench.store.thread(&bench.project, &thread.id).await;
    assert_eq!(found.unwrap().unwrap().value, thread);
    let [second, first] = messages;
    let stored = bench.messages(&thread.id).await;
    assert_eq!(stored, [second, first, begun.clone()]);
    assert_eq!(bench.steps(&run).await, std::slice::from_ref(&writing));
    let loaded = bench.load(&run).await;
    assert_eq!(loaded.run, run);
    let open = Open {
        step: writing,
        message: Some(begun),
    };
    assert_eq!(loaded.open, Some(open));
    let another = sample::run(&thread.id, 2);
    let busy = Added::Busy(run.id.clone());
    assert_eq!(bench.insert(&another, &[], DRIVEN).await, busy);
}

pub(super) async fn a_run_comes_behind_its_additional_messages(bench: Bench) {
    let thread = bench.thread(1).await;
    let earlier = sample::message(&thread, 1);
    let added = bench.store.insert_message(&bench.project, &earlier).await;
    assert_eq!(added, Ok(Added::Added));
    let additional = [3, 2].map(|n| sample::message(&thread, n));
    let run = sample::run(&thread, 1);
    let insert = RunInsert {
        thread: None,
        messages: &additional,
        run: &run,
        writes: &[],
        next: DRIVEN,
    };
    assert_eq!(insert_whole(&bench, insert).await, Added::Added);
    let [third, second] = additional;
    assert_eq!(bench.messages(&thread).await, [earlier, third, second]);
}

pub(super) async fn a_thread_that_is_not_there_takes_none(bench: Bench) {
    let theirs = bench.stranger().thread(1).await;
    for thread in [theirs.clone(), "thread_2".into()] {
        let run = sample::run(&thread, 1);
        let messages = [sample::message(&thread, 1)];
        let insert = RunInsert {
            thread: None,
            messages: &messages,
            run: &run,
            writes: &[],
            next: DRIVEN,
        };
        assert_eq!(insert_whole(&bench, insert).await, Added::NoThread);
        assert_eq!(bench.find(&run).await, None);
    }
    assert_eq!(bench.stranger().messages(&theirs).await, []);
    assert_eq!(bench.claim(MS + 99_999, "host", 9).await, []);
}

pub(super) async fn a_thread_has_one_at_work(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let another = sample::run(&run.thread_id, 2);
    let messages = [sample::message(&run.thread_id, 1)];
    let calls = [step(&sample::calling_step(&another, 1))];
    let insert = RunInsert {
        thread: None,
        messages: &messages,
        run: &another,
        writes: &calls,
        next: DRIVEN,
    };
    let busy = Added::Busy(run.id.clone());
    assert_eq!(insert_whole(&bench, insert).await, busy);
    assert_eq!(bench.find(&another).await, None);
    assert_eq!(bench.messages(&run.thread_id).await, []);
    let listed = list(&bench, &run.thread_id).await;
    assert_eq!(listed, std::slice::from_ref(&run));
    bench.end(&run).await;
    assert_eq!(insert_whole(&bench, insert).await, Added::Added);
    assert_eq!(bench.steps(&another).await.len(), 1);
}

pub(super) async fn of_racing_runs_one_wins(bench: Bench) {
    let thread = bench.thread(1).await;
    let runs: Vec<_> = (0..16).map(|n| sample::run(&thread, n)).collect();
    let messages: Vec<_> = (0..16).map(|n| [sample::message(&thread, n)]).collect();
    let racing = runs.iter().zip(&messages).map(|(run, messages)| {
        let insert = RunInsert {
            thread: None,
            messages,
            run,
            writes: &[],
            next: DRIVEN,
        };
        insert_whole(&bench, insert)
    });
    let outcomes = join_all(racing).await;
    let won = |outcome: &Added| *outcome == Added::Added;
    let winner = outcomes.iter().position(won).expect("a winner");
    let busy = Added::Busy(runs[winner].id.clone());
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(*outcome == Added::Added, n == winner);
        assert!(n == winner || *outcome == busy, "{outcome:?}");
    }
    assert_eq!(list(&bench, &thread).await, [runs[winner].clone()]);
    assert_eq!(bench.messages(&thread).await, messages[winner]);
}

pub(super) async fn a_thread_is_locked_until_its_run_has_ended(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let another = sample::run(&run.thread_id, 2);
    let said = sample::message(&run.thread_id, 1);
    let on = bench.load(&run).await;
    assert!(bench.commit(&on, &run, &[], Next::Waits(MS)).await);
    let busy = Added::Busy(run.id.clone());
    for owner in ["host_2", "host_3"] {
        assert_eq!(bench.insert(&another, &[], DRIVEN).await, busy);
        let added = bench.store.insert_message(&bench.project, &said).await;
        assert_eq!(added, Ok(busy.clone()));
        bench.claim(MS + 50_000, owner, 1).await;
    }
    bench.end(&run).await;
    let added = bench.store.insert_message(&bench.project, &said).await;
    assert_eq!(added, Ok(Added::Added));
    assert_eq!(bench.insert(&another, &[], DRIVEN).await, Added::Added);
}

pub(super) async fn they_are_found_in_their_own_thread_alone(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let elsewhere = Run {
        thread_id: bench.thread(2).await,
        ..run.clone()
    };
    let on = bench.load(&run).await;
    for (bench, run) in [(&bench, &elsewhere), (&bench.stranger(), &run)] {
        assert_eq!(bench.find(run).await, None);
        assert_eq!(list(bench, &run.thread_id).await, []);
        let writes = [message(&sample::begun_message(run, 1))];
        assert!(!bench.commit(&on, run, &writes, Next::Ended).await);
        assert_eq!(bench.messages(&run.thread_id).await, []);
    }
    assert_eq!(bench.load(&run).await, on);
    assert_eq!(bench.messages(&run.thread_id).await, []);
}

pub(super) async fn a_commit_makes_the_next_version(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    for version in 1..5 {
        let on = bench.load(&run).await;
        assert_eq!((on.version, on.token), (version, 1));
        let mut next = sample::full_run(&run.thread_id, 1);
        next.broken_tries = u32::try_from(version).unwrap();
        assert!(bench.commit(&on, &next, &[], DRIVEN).await);
        let now = bench.load(&run).await;
        assert_eq!((now.version, now.token), (version + 1, 1));
        assert_eq!(now.run, next);
        assert_eq!(list(&bench, &run.thread_id).await, [next]);
    }
}

pub(super) async fn a_commit_stores_all_of_its_writes(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let begun: Vec<_> = (0..40).map(|n| sample::begun_message(&run, n)).collect();
    let steps: Vec<_> = (0..40)
        .map(|n| sample::writing_step(&run, n, &begun[n as usize]))
        .collect();
    let both = begun.iter().zip(&steps);
    let writes: Vec<_> = both.flat_map(|(b, s)| [step(s), message(b)]).collect();
    bench.write(&run, &writes).await;
    assert_eq!(bench.messages(&run.thread_id).await, begun);
    assert_eq!(bench.steps(&run).await, steps);

    let whole: Vec<_> = begun.into_iter().map(sample::whole).collect();
    let done: Vec<_> = steps.into_iter().map(sample::done).collect();
    let both = whole.iter().zip(&done).rev();
    let writes: Vec<_> = both.flat_map(|(b, s)| [message(b), step(s)]).collect();
    bench.write(&run, &writes).await;
    assert_eq!(bench.messages(&run.thread_id).await, whole);
    assert_eq!(bench.steps(&run).await, done);
}

pub(super) async fn a_commit_takes_back_what_was_begun(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let begun = sample::begun_message(&run, 1);
    let writing = sample::writing_step(&run, 1, &begun);
    bench.write(&run, &[step(&writing), message(&begun)]).await;
    let again = sample::begun_message(&run, 2);
    let writing_again = sample::writing_step(&run, 2, &again);
    let writes = [
        Write::DropMessage(begun.id.clone()),
        Write::DropStep(writing.id.clone()),
        step(&writing_again),
        message(&again),
    ];
    bench.write(&run, &writes).await;
    let listed = bench.messages(&run.thread_id).await;
    assert_eq!(listed, std::slice::from_ref(&again));
    let listed = bench.steps(&run).await;
    assert_eq!(listed, std::slice::from_ref(&writing_again));
    let open = Open {
        step: writing_again,
        message: Some(again),
    };
    assert_eq!(bench.load(&run).await.open, Some(open));
    let found = bench
        .store
        .message(&bench.project, &run.thread_id, &begun.id);
    assert_eq!(found.await.unwrap(), None);
    let found = bench
        .store
        .step(&bench.project, &run.thread_id, &run.id, &writing.id);
    assert_eq!(found.await.unwrap(), None);
    // What is not there can be taken back too.
    let writes = [
        Write::DropMessage(begun.id),
        Write::DropMessage("msg_99".into()),
        Write::DropStep("step_99".into()),
    ];
    bench.write(&run, &writes).await;
    assert_eq!(bench.steps(&run).await.len(), 1);
}

pub(super) async fn a_stale_commit_changes_nothing(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let begun = sample::begun_message(&run, 1);
    let writing = sample::writing_step(&run, 1, &begun);
    bench.write(&run, &[step(&writing), message(&begun)]).await;
    let now = bench.load(&run).await;
    let stale = |version, token| StoredRun {
        version,
        token,
        ..now.clone()
    };
    let other = sample::begun_message(&run, 2);
    let writes = [
        message(&sample::whole(begun.clone())),
        step(&sample::writing_step(&run, 2, &other)),
        message(&other),
        Write::DropStep(writing.id.clone()),
    ];
    let ended = sample::ended(run.clone());
    for on in [
        stale(now.version - 1, now.token),
        stale(now.version + 1, now.token),
        stale(now.version, now.token - 1),
        stale(now.version, now.token + 1),
    ] {
        for next in [DRIVEN, Next::Waits(0), Next::Ended] {
            assert!(!bench.commit(&on, &ended, &writes, next).await);
        }
    }
    let unknown = sample::run(&run.thread_id, 7);
    assert!(!bench.commit(&now, &unknown, &[], Next::Ended).await);
    assert_eq!(bench.find(&unknown).await, None);
    assert_eq!(bench.load(&run).await, now);
    assert_eq!(bench.messages(&run.thread_id).await, [begun]);
    assert_eq!(bench.steps(&run).await, [writing]);
    let another = sample::run(&run.thread_id, 2);
    let busy = Added::Busy(run.id.clone());
    assert_eq!(bench.insert(&another, &[], DRIVEN).await, busy);
    assert_eq!(bench.claim(MS, "host_2", 9).await, []);
}

pub(super) async fn of_racing_commits_one_wins(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let on = bench.load(&run).await;
    let writes: Vec<_> = (0..16)
        .map(|n| [message(&sample::begun_message(&run, n))])
        .collect();
    let racing = writes
        .iter()
        .map(|writes| bench.commit(&on, &run, writes, DRIVEN));
    let won = join_all(racing).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let winner = won.iter().position(|won| *won).unwrap() as u64;
    let expected = sample::begun_message(&run, winner);
    assert_eq!(bench.messages(&run.thread_id).await, [expected]);
    assert_eq!(bench.load(&run).await.version, on.version + 1);
}

pub(super) async fn what_is_open_is_loaded(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let begun = sample::begun_message(&run, 1);
    let first = sample::writing_step(&run, 1, &begun);
    let second = sample::calling_step(&run, 2);
    let begun_open = Open {
        step: first.clone(),
        message: Some(begun.clone()),
    };
    let calling_open = Open {
        step: second.clone(),
        message: None,
    };
    let whole = sample::whole(begun.clone());
    let open = async |writes: &[Write]| {
        bench.write(&run, writes).await;
        bench.load(&run).await.open
    };
    let writes = [step(&first), message(&begun)];
    assert_eq!(open(&writes).await, Some(begun_open));
    let writes = [message(&whole), step(&sample::done(first))];
    assert_eq!(open(&writes).await, None);
    assert_eq!(open(&[step(&second)]).await, Some(calling_open));
    assert_eq!(open(&[step(&sample::done(second))]).await, None);
    assert_eq!(open(&[step(&sample::full_step(&run, 3))]).await, None);
}
