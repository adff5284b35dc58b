//! Threads.

use locum_domain::{metadata::Metadata, thread::Thread};
use locum_engine::store::{Added, Next, Versioned};

use super::{
    bench::{Bench, DRIVEN, all, message, step},
    sample,
};

async fn find(bench: &Bench, thread: &Thread) -> Option<Versioned<Thread>> {
    let found = bench.store.thread(&bench.project, &thread.id);
    found.await.unwrap()
}

async fn update(bench: &Bench, thread: &Versioned<Thread>) -> bool {
    let updated = bench.store.update_thread(&bench.project, thread);
    updated.await.unwrap()
}

async fn delete(bench: &Bench, thread: &Thread) -> bool {
    let deleted = bench.store.delete_thread(&bench.project, &thread.id);
    deleted.await.unwrap()
}

async fn list(bench: &Bench) -> Vec<Thread> {
    let page = bench.store.threads(&bench.project, &all()).await;
    page.unwrap().unwrap().items
}

fn marked(of: &Versioned<Thread>, mark: &str) -> Versioned<Thread> {
    let mut new = of.clone();
    new.value.metadata = Metadata(vec![("mark".to_owned(), mark.to_owned())]);
    new
}

pub(super) async fn they_come_back_as_they_were_stored(bench: Bench) {
    let stored = [sample::thread(1), sample::full_thread(2)];
    for thread in &stored {
        let inserted = bench.store.insert_thread(&bench.project, thread, &[]);
        inserted.await.unwrap();
        assert_eq!(find(&bench, thread).await.unwrap().value, *thread);
    }
    assert_eq!(list(&bench).await, stored);
    assert_eq!(find(&bench, &sample::thread(3)).await, None);
    assert!(!delete(&bench, &sample::thread(3)).await);
}

pub(super) async fn their_first_messages_come_with_them(bench: Bench) {
    let thread = sample::thread(1);
    let messages: Vec<_> = [3, 1, 2]
        .map(|n| sample::message(&thread.id, n))
        .into_iter()
        .chain([sample::full_message(&thread.id, 4)])
        .collect();
    let inserted = bench
        .store
        .insert_thread(&bench.project, &thread, &messages);
    inserted.await.unwrap();
    assert_eq!(bench.messages(&thread.id).await, messages);
}

pub(super) async fn a_change_needs_the_version_that_it_was_read_with(bench: Bench) {
    let thread = sample::full_thread(1);
    let inserted = bench.store.insert_thread(&bench.project, &thread, &[]);
    inserted.await.unwrap();
    let first = find(&bench, &thread).await.unwrap();
    assert!(update(&bench, &marked(&first, "second")).await);
    let second = find(&bench, &thread).await.unwrap();
    assert_eq!(second.value, marked(&first, "second").value);
    assert!(!update(&bench, &marked(&first, "late")).await);
    assert_eq!(find(&bench, &thread).await.unwrap(), second);
    assert!(delete(&bench, &thread).await);
    assert!(!update(&bench, &marked(&second, "too late")).await);
    assert_eq!(find(&bench, &thread).await, None);
}

pub(super) async fn other_projects_have_their_own(bench: Bench) {
    let stranger = bench.stranger();
    let run = bench.begin(1, DRIVEN).await;
    let thread = sample::thread(1);
    stranger.thread(2).await;
    assert_eq!(find(&stranger, &thread).await, None);
    assert_eq!(list(&stranger).await, [sample::thread(2)]);
    let found = find(&bench, &thread).await.unwrap();
    assert!(!update(&stranger, &marked(&found, "stolen")).await);
    assert!(!delete(&stranger, &thread).await);
    assert_eq!(find(&bench, &thread).await.unwrap(), found);
    assert_eq!(list(&bench).await, [thread]);
    assert_eq!(bench.load(&run).await.run, run);
}

pub(super) async fn everything_in_them_goes_with_them(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let thread = sample::thread(1);
    let begun = sample::begun_message(&run, 1);
    let writing = sample::writing_step(&run, 1, &begun);
    bench.write(&run, &[step(&writing), message(&begun)]).await;
    let at_work = bench.load(&run).await;
    let (store, project) = (&bench.store, &bench.project);
    let seen = store.message(project, &thread.id, &begun.id).await;
    let seen = seen.unwrap().unwrap();

    assert!(delete(&bench, &thread).await);
    assert!(!delete(&bench, &thread).await);
    assert_eq!(find(&bench, &thread).await, None);
    assert_eq!(list(&bench).await, []);
    let found = store.message(project, &thread.id, &begun.id).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(bench.messages(&thread.id).await, []);
    assert!(!store.update_message(project, &seen).await.unwrap());
    let deleted = store.delete_message(project, &thread.id, &begun.id).await;
    assert!(!deleted.unwrap());
    assert_eq!(bench.find(&run).await, None);
    let runs = store.runs(project, &thread.id, &all()).await;
    assert_eq!(runs.unwrap().unwrap().items, []);
    let found = store
        .step(project, &thread.id, &run.id, &writing.id)
        .await
        .unwrap();
    assert_eq!(found, None);
    assert_eq!(bench.steps(&run).await, []);
    let steps = store.steps_of_runs(project, &thread.id, std::slice::from_ref(&run.id));
    assert_eq!(steps.await.unwrap(), []);

    let late = [message(&sample::whole(begun))];
    assert!(!bench.commit(&at_work, &run, &late, DRIVEN).await);
    assert!(!bench.commit(&at_work, &run, &late, Next::Ended).await);
    assert_eq!(bench.messages(&thread.id).await, []);
    let another = sample::message(&thread.id, 2);
    let added = store.insert_message(project, &another).await.unwrap();
    assert_eq!(added, Added::NoThread);
    let another = sample::run(&thread.id, 2);
    assert_eq!(bench.insert(&another, &[], DRIVEN).await, Added::NoThread);
}

pub(super) async fn deleting_one_leaves_the_others(bench: Bench) {
    let (goes, stays) = (bench.begin(1, DRIVEN).await, bench.begin(2, DRIVEN).await);
    let mut written = Vec::new();
    for (n, run) in [(1, &goes), (2, &stays)] {
        let begun = sample::begun_message(run, n);
        let writing = sample::writing_step(run, n, &begun);
        bench.write(run, &[step(&writing), message(&begun)]).await;
        written.push((writing, begun));
    }
    assert!(delete(&bench, &sample::thread(1)).await);
    let (writing, begun) = &written[1];
    assert_eq!(bench.load(&stays).await.run, stays);
    assert_eq!(
        bench.messages(&stays.thread_id).await,
        std::slice::from_ref(begun)
    );
    assert_eq!(bench.steps(&stays).await, std::slice::from_ref(writing));
    bench.end(&stays).await;
}

pub(super) async fn a_long_one_goes_whole_and_is_purged(bench: Bench) {
    let thread = sample::thread(1);
    let messages: Vec<_> = (0..300).map(|n| sample::message(&thread.id, n)).collect();
    let inserted = bench
        .store
        .insert_thread(&bench.project, &thread, &messages);
    inserted.await.unwrap();
    assert_eq!(bench.messages(&thread.id).await, messages);
    for n in 0..30 {
        let run = sample::run(&thread.id, n);
        let calls: Vec<_> = (0..4)
            .map(|i| step(&sample::done(sample::calling_step(&run, n * 4 + i))))
            .collect();
        assert_eq!(bench.insert(&run, &calls, DRIVEN).await, Added::Added);
        bench.end(&run).await;
    }
    let stays = bench.begin(99, DRIVEN).await;
    assert!(delete(&bench, &thread).await);
    let gone = bench.store.deleted_rows().await.unwrap();
    assert_eq!(
        (gone.threads, gone.messages, gone.runs, gone.steps),
        (1, 300, 30, 120)
    );
    let mut purged = 0;
    for _ in 0..451 {
        match bench.store.purge(50).await.unwrap().total() {
            0 => break,
            rows => purged += rows,
        }
    }
    assert_eq!(purged, 451);
    assert_eq!(bench.store.deleted_rows().await.unwrap().total(), 0);
    assert_eq!(bench.load(&stays).await.run, stays);
}
