//! What a collection of garbage needs.

use futures_util::future::join_all;
use locum_domain::{run::Run, time::Timestamp};
use locum_engine::store::{Added, Next, RowCounts};

use super::{
    bench::{Bench, DRIVEN, message, step},
    sample::{self, SECOND},
};

pub(super) async fn overdue_runs_are_counted(bench: Bench) {
    let stranger = bench.stranger();
    let places = [&bench, &bench, &stranger, &bench, &bench];
    let mut runs = Vec::new();
    for (bench, (n, seconds)) in
        places
            .into_iter()
            .zip([(1, 10), (2, 20), (3, 10), (4, 10), (5, 10)])
    {
        let run = Run {
            expires_at: Timestamp(SECOND + seconds),
            ..sample::run(&bench.thread(n).await, n)
        };
        let waits = Next::Waits((SECOND + seconds) * 1000);
        assert_eq!(bench.insert(&run, &[], waits).await, Added::Added);
        runs.push(run);
    }
    bench.end(&runs[3]).await;
    let deleted = bench
        .store
        .delete_thread(&bench.project, &runs[4].thread_id);
    assert!(deleted.await.unwrap());
    for (seconds, expected) in [(9, 0), (10, 0), (11, 2), (20, 2), (21, 3)] {
        let overdue = bench.store.overdue_runs(SECOND + seconds).await;
        assert_eq!(overdue, Ok(expected), "{seconds} seconds later");
    }
}

pub(super) async fn a_turn_is_taken_once(bench: Bench) {
    let store = &bench.store;
    assert_eq!(store.take_turn("a", SECOND, SECOND + 10).await, Ok(true));
    assert_eq!(store.take_turn("a", SECOND, SECOND + 10).await, Ok(false));
    assert_eq!(store.take_turn("b", SECOND, SECOND + 10).await, Ok(true));
    assert_eq!(
        store.take_turn("a", SECOND + 9, SECOND + 20).await,
        Ok(false)
    );
    let racing = (0..8).map(|_| store.take_turn("a", SECOND + 10, SECOND + 20));
    let taken = join_all(racing).await;
    assert_eq!(taken.iter().filter(|it| **it == Ok(true)).count(), 1);
    assert_eq!(
        store.take_turn("a", SECOND + 19, SECOND + 30).await,
        Ok(false)
    );
}

/// One of each kind that stays and one that is deleted; says which rows went.
async fn fill(bench: &Bench, n: u64) -> RowCounts {
    let (store, project) = (&bench.store, &bench.project);
    let (stays, goes) = (n * 10, n * 10 + 1);
    for n in [stays, goes] {
        let assistant = sample::assistant(n);
        store.insert_assistant(project, &assistant).await.unwrap();
        store.insert_file(project, &sample::file(n)).await.unwrap();
        let run = bench.begin(n, DRIVEN).await;
        let begun = sample::begun_message(&run, n * 2);
        let writing = sample::writing_step(&run, n * 2, &begun);
        let again = sample::begun_message(&run, n * 2 + 1);
        let writing_again = sample::writing_step(&run, n * 2 + 1, &again);
        let writes = [
            step(&sample::done(writing)),
            message(&sample::whole(begun)),
            step(&writing_again),
            message(&again),
        ];
        bench.write(&run, &writes).await;
        bench.end(&run).await;
    }
    let message = store
        .delete_message(
            project,
            &sample::thread(stays).id,
            &format!("msg_{}", stays * 2).as_str().into(),
        )
        .await;
    let assistant = store
        .delete_assistant(project, &sample::assistant(goes).id)
        .await;
    let thread = store.delete_thread(project, &sample::thread(goes).id).await;
    let file = store.delete_file(project, &sample::file(goes).id).await;
    assert_eq!([message, assistant, thread, file], [const { Ok(true) }; 4]);
    RowCounts {
        assistants: 1,
        threads: 1,
        messages: 3,
        runs: 1,
        steps: 2,
        files: 1,
    }
}

/// Whether what [`fill`] left is all there.
async fn is_whole(bench: &Bench, n: u64) -> bool {
    let (store, project, n) = (&bench.store, &bench.project, n * 10);
    let run = sample::run(&sample::thread(n).id, n);
    let assistant = store.assistant(project, &sample::assistant(n).id).await;
    let thread = store.thread(project, &run.thread_id).await;
    let file = store.file(project, &sample::file(n).id).await;
    assistant.unwrap().is_some()
        && thread.unwrap().is_some()
        && file.unwrap().is_some()
        && bench.find(&run).await.is_some()
        && bench.messages(&run.thread_id).await.len() == 1
        && bench.steps(&run).await.len() == 2
}

fn sum(a: RowCounts, b: RowCounts) -> RowCounts {
    RowCounts {
        assistants: a.assistants + b.assistants,
        threads: a.threads + b.threads,
        messages: a.messages + b.messages,
        runs: a.runs + b.runs,
        steps: a.steps + b.steps,
        files: a.files + b.files,
    }
}

pub(super) async fn purging_takes_what_was_deleted_and_nothing_else(bench: Bench) {
    let nothing = RowCounts::default();
    assert_eq!(bench.store.deleted_rows().await, Ok(nothing));
    assert_eq!(bench.store.purge(100).await, Ok(nothing));
    let stranger = bench.stranger();
    let gone = sum(fill(&bench, 1).await, fill(&stranger, 2).await);
    assert_eq!(bench.store.deleted_rows().await, Ok(gone));
    assert!(is_whole(&bench, 1).await && is_whole(&stranger, 2).await);
    let mut purged = nothing;
    for _ in 0..gone.total() {
        purged = sum(purged, bench.store.purge(100).await.unwrap());
    }
    assert_eq!(purged, gone);
    assert_eq!(bench.store.deleted_rows().await, Ok(nothing));
    assert!(is_whole(&bench, 1).await && is_whole(&stranger, 2).await);
    // What was purged can be stored again.
    let again = sample::assistant(11);
    let inserted = bench.store.insert_assistant(&bench.project, &again);
    assert_eq!(inserted.await, Ok(()));
}

pub(super) async fn purging_goes_on_in_pieces(bench: Bench) {
    let mut gone = RowCounts::default();
    for n in 1..6 {
        gone = sum(gone, fill(&bench, n).await);
    }
    let mut left = gone;
    let mut pieces = 0;
    loop {
        let piece = bench.store.purge(1).await.unwrap();
        if piece.total() == 0 {
            break;
        }
        pieces += 1;
        assert!(pieces <= gone.total(), "more pieces than rows");
        let now = bench.store.deleted_rows().await.unwrap();
        assert_eq!(sum(now, piece), left);
        left = now;
    }
    assert_eq!(left, RowCounts::default());
    for n in 1..6 {
        assert!(is_whole(&bench, n).await);
    }
}

pub(super) async fn a_store_that_works_says_so(bench: Bench) {
    assert_eq!(bench.store.check().await, Ok(()));
    let run = bench.begin(1, DRIVEN).await;
    assert_eq!(bench.store.check().await, Ok(()));
    assert_eq!(bench.load(&run).await.run, run);
}
