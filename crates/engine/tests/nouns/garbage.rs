//! Collecting what nobody needs any more.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join, poll_immediate};
use locum_domain::{page::PageQuery, run::RunStatus};
use locum_engine::{
    assistants::garbage::Collected,
    ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs, World},
    store::RowCounts,
};
use locum_testkit::{Dialect, Fault};

use crate::desk::{Desk, a_profile, bytes, says};

const HOUR: Duration = Duration::from_secs(3600);

fn orphan(desk: &Desk, name: &str, content: &'static str) {
    desk.run(desk.world.blobs.put(name, bytes([content])))
        .unwrap();
}

#[test]
fn nothing_is_collected_that_somebody_needs() {
    let desk = Desk::new();
    let files: Vec<_> = (0..250).map(|_| desk.file(Some(7200), "x").id).collect();
    let thread = desk.thread(&["hello"]);
    desk.wait(HOUR);
    orphan(&desk, "file-fresh", "x");
    for dry_run in [true, false] {
        assert_eq!(desk.collect(dry_run), Collected::default());
    }
    assert_eq!(desk.blobs().len(), 251);
    let query = PageQuery {
        limit: 10_000,
        ..PageQuery::default()
    };
    let list = desk.list_files(&query);
    assert_eq!(list.unwrap().items.len(), files.len());
    desk.message(&thread, says("still here")).unwrap();
}

/// Expired files, orphans and deleted rows, each more than one piece holds; and what is not to go.
fn a_mess() -> Desk {
    let desk = Desk::new();
    for index in 0..250 {
        desk.file(Some(3600), "12345");
        desk.file(None, "stays");
        orphan(&desk, &format!("file-orphan{index}"), "123");
    }
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    for _ in 0..600 {
        let made = desk.run(use_cases.create_assistant(ours, a_profile("Ada")));
        desk.run(use_cases.delete_assistant(ours, &made.unwrap().id))
            .unwrap();
    }
    let thread = desk.thread(&["one", "two"]);
    desk.run(use_cases.delete_thread(ours, &thread.id)).unwrap();
    let file = desk.file(None, "x");
    desk.run(use_cases.delete_file(ours, &file.id)).unwrap();
    desk.thread(&["stays"]);
    desk.wait(HOUR);
    desk
}

fn all_of_it() -> Collected {
    Collected {
        expired_files: 250,
        orphaned_blobs: 250,
        freed_bytes: 250 * 5 + 250 * 3,
        deleted_rows: RowCounts {
            assistants: 600,
            threads: 1,
            messages: 2,
            files: 251,
            ..RowCounts::default()
        },
        expired_runs: 0,
    }
}

#[test]
fn all_garbage_is_collected() {
    let desk = a_mess();
    assert_eq!(desk.collect(true), all_of_it());
    assert_eq!(desk.blobs().len(), 750);
    assert_eq!(desk.collect(false), all_of_it());
    assert_eq!(desk.collect(true), Collected::default());
    assert_eq!(desk.collect(false), Collected::default());
    assert_eq!(desk.blobs().len(), 250);
}

#[test]
fn two_collections_at_once_do_no_harm() {
    let desk = a_mess();
    let (one, other) = desk.run(join(
        desk.assistants.collect_garbage(false),
        desk.assistants.collect_garbage(false),
    ));
    let (one, other) = (one.unwrap(), other.unwrap());
    let all = all_of_it();
    assert_eq!(one.expired_files + other.expired_files, all.expired_files);
    let rows = one.deleted_rows.total() + other.deleted_rows.total();
    assert_eq!(rows, all.deleted_rows.total());
    assert!(one.orphaned_blobs + other.orphaned_blobs >= all.orphaned_blobs);
    assert_eq!(desk.blobs().len(), 250);
    assert_eq!(desk.collect(false), Collected::default());
}

#[test]
fn requests_are_served_between_the_pieces() {
    let desk = a_mess();
    let thread = desk.thread(&[]);
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    desk.run(async {
        let mut collection = Box::pin(use_cases.collect_garbage(false));
        let mut pieces = 0;
        while poll_immediate(&mut collection).await.is_none() {
            use_cases
                .create_message(ours, &thread.id, says("hello"))
                .await
                .unwrap();
            pieces += 1;
            assert!(pieces < 10_000, "it never ends");
        }
        assert!(pieces > 100, "it went in {pieces} pieces");
    });
}

/// Blobs whose deletion fails.
struct Stubborn(Arc<dyn Blobs>);

#[async_trait::async_trait]
impl Blobs for Stubborn {
    async fn put(&self, name: &str, bytes: BlobStream) -> Result<u64, BlobError> {
        self.0.put(name, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, BlobError> {
        self.0.read(name).await
    }

    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Failed("the disk is broken".to_owned()))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, BlobError> {
        self.0.list(after, limit).await
    }
}

#[test]
fn a_file_whose_bytes_cannot_be_deleted_is_gone_all_the_same() {
    let desk = Desk::in_world(|world| World {
        blobs: Arc::new(Stubborn(Arc::clone(&world.blobs))),
        ..world
    });
    let file = desk.file(None, "x");
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    desk.run(use_cases.delete_file(ours, &file.id)).unwrap();
    assert_eq!(desk.blobs(), [file.id.as_str()]);
    let list = desk.list_files(&PageQuery::default());
    assert!(list.unwrap().items.is_empty());
    desk.file(Some(3600), "x");
    desk.wait(HOUR);
    let collected = desk.collect(false);
    assert_eq!(collected.expired_files, 1);
    assert_eq!((collected.orphaned_blobs, collected.freed_bytes), (0, 0));
    assert_eq!(collected.deleted_rows.files, 2);
    assert_eq!(desk.blobs().len(), 2);
}

#[test]
fn runs_that_nobody_attends_to_expire() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Silent]);
    let thread = desk.thread(&["hello"]);
    let run = desk.begin_run(&thread);
    desk.wait(Duration::from_secs(1));
    let desk = desk.after_a_kill();
    desk.wait(Duration::from_secs(600));
    assert_eq!(desk.collect(true).expired_runs, 1);
    assert_eq!(desk.collect(true).expired_runs, 1);
    assert_eq!(desk.collect(false).expired_runs, 1);
    let found = desk
        .assistants
        .retrieve_run(&desk.project, &thread.id, &run.id);
    assert_eq!(desk.run(found).unwrap().status, RunStatus::Expired);
    assert_eq!(desk.collect(false), Collected::default());
    desk.message(&thread, says("again")).unwrap();
}

#[test]
fn runs_that_have_time_left_are_left_to_whoever_serves() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Silent, Fault::Silent]);
    let early = desk.thread(&["hello"]);
    desk.begin_run(&early);
    desk.wait(Duration::from_secs(1));
    let desk = desk.after_a_kill();
    desk.wait(Duration::from_secs(300));
    let late = desk.thread(&["hello"]);
    let run = desk.begin_run(&late);
    desk.wait(Duration::from_secs(1));
    let desk = desk.after_a_kill();
    desk.wait(Duration::from_secs(310));
    let asked = desk.handles.upstream.asked(Dialect::OpenAi);
    assert_eq!(desk.collect(false).expired_runs, 1);
    assert_eq!(desk.handles.upstream.asked(Dialect::OpenAi), asked);
    let found = desk
        .assistants
        .retrieve_run(&desk.project, &late.id, &run.id);
    assert_eq!(desk.run(found).unwrap().status, RunStatus::InProgress);
    assert!(
        desk.run(
            desk.world
                .store
                .claim_runs(desk.world.unix_ms(), "next", u64::MAX >> 12, 9)
        )
        .unwrap()
        .iter()
        .any(|claimed| claimed.run.id == run.id),
        "whoever serves next may claim it at once"
    );
}
