//! Files.

use std::{
    future::{pending, ready},
    time::Duration,
};

use futures_util::TryStreamExt;
use locum_domain::{
    error::ApiError,
    file::{File, NewFile, Purpose},
    page::PageQuery,
};

use crate::desk::{
    Desk, a_file, after, broken_bytes, bytes, elsewhere, no_cursor, no_such, oldest_first, refused,
};

fn content(desk: &Desk, file: &File) -> Result<Vec<u8>, ApiError> {
    desk.run(async {
        let read = desk
            .assistants
            .file_content(&desk.project, &file.id)
            .await?;
        assert_eq!(read.file, *file);
        let pieces: Vec<_> = read.bytes.try_collect().await.unwrap();
        Ok(pieces.concat())
    })
}

#[test]
fn a_file_is_a_row_and_a_blob_of_the_same_name() {
    let desk = Desk::new();
    let made = desk
        .create_file(a_file(), bytes(["hel", "", "lo"]))
        .unwrap();
    let expected = File {
        id: made.id.clone(),
        created_at: desk.world.timestamp(),
        size_bytes: 5,
        filename: "notes.txt".to_owned(),
        purpose: Purpose::Assistants,
        expires_at: None,
    };
    assert_eq!(made, expected);
    assert_eq!(desk.blobs(), [made.id.as_str()]);
    assert_eq!(content(&desk, &made).unwrap(), b"hello");
    let found = desk.run(desk.assistants.retrieve_file(&desk.project, &made.id));
    assert_eq!(found.unwrap(), made);

    let (use_cases, theirs) = (&desk.assistants, elsewhere());
    let gone = no_such("file", &made.id);
    assert_eq!(
        refused(desk.run(use_cases.retrieve_file(&theirs, &made.id))),
        gone
    );
    assert_eq!(
        refused(desk.run(use_cases.file_content(&theirs, &made.id))),
        gone
    );
    assert_eq!(
        refused(desk.run(use_cases.delete_file(&theirs, &made.id))),
        gone
    );

    desk.run(use_cases.delete_file(&desk.project, &made.id))
        .unwrap();
    assert!(desk.blobs().is_empty());
    assert_eq!(
        refused(desk.run(use_cases.delete_file(&desk.project, &made.id))),
        gone
    );
    assert_eq!(refused(content(&desk, &made)), gone);
}

#[test]
fn a_file_has_a_limit() {
    let desk = Desk::new();
    let half: &str = Box::leak("x".repeat(512).into_boxed_str());
    let made = desk.create_file(a_file(), bytes([half, half])).unwrap();
    assert_eq!(made.size_bytes, 1024);
    let refusal = refused(desk.create_file(a_file(), bytes([half, half, "x"])));
    assert_eq!(refusal.0, 413);
    assert!(refusal.2.contains("1024 bytes"));
    assert_eq!(desk.blobs(), [made.id.as_str()]);
}

#[test]
fn what_breaks_off_leaves_nothing() {
    let desk = Desk::new();
    let broken = broken_bytes(ApiError::slow_request());
    assert_eq!(refused(desk.create_file(a_file(), broken)).0, 408);
    let wrong = ready(Err(ApiError::invalid("no purpose")));
    let received = desk
        .assistants
        .receive_file(&desk.project, bytes(["x"]), wrong);
    assert_eq!(refused(desk.run(received)).2, "no purpose");
    assert!(desk.blobs().is_empty());
    let list = desk.list_files(&PageQuery::default());
    assert!(list.unwrap().items.is_empty());
}

#[test]
fn whoever_leaves_while_the_file_is_described_leaves_garbage_alone() {
    let desk = Desk::new();
    let received = desk
        .assistants
        .receive_file(&desk.project, bytes(["x"]), pending());
    assert!(
        desk.handles
            .clock
            .run_for(Duration::from_secs(1), received)
            .is_none()
    );
    let list = desk.list_files(&PageQuery::default());
    assert!(list.unwrap().items.is_empty());
    assert_eq!(desk.blobs().len(), 1);
    assert_eq!(desk.collect(false).orphaned_blobs, 0);
    desk.wait(Duration::from_secs(3600));
    assert_eq!(desk.collect(false).orphaned_blobs, 1);
    assert!(desk.blobs().is_empty());
}

#[test]
fn a_file_expires_as_it_was_told_to() {
    let desk = Desk::new();
    let day = 24 * 60 * 60;
    let now = desk.world.timestamp();
    for (purpose, told, expected) in [
        (Purpose::Assistants, None, None),
        (
            Purpose::Assistants,
            Some(3600),
            Some(now.plus_seconds(3600)),
        ),
        (Purpose::Batch, None, Some(now.plus_seconds(30 * day))),
        (Purpose::Batch, Some(day), Some(now.plus_seconds(day))),
    ] {
        let new = NewFile {
            purpose,
            expires_after_seconds: told,
            ..a_file()
        };
        let made = desk.create_file(new, bytes(["x"])).unwrap();
        assert_eq!(made.expires_at, expected, "{purpose:?} {told:?}");
    }
}

#[test]
fn an_expired_file_is_not_there() {
    let desk = Desk::new();
    let file = desk.file(Some(3600), "x");
    desk.wait(Duration::from_secs(3599));
    assert_eq!(content(&desk, &file).unwrap(), b"x");
    desk.wait(Duration::from_secs(1));
    let gone = no_such("file", &file.id);
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    assert_eq!(
        refused(desk.run(use_cases.retrieve_file(ours, &file.id))),
        gone
    );
    assert_eq!(
        refused(desk.run(use_cases.delete_file(ours, &file.id))),
        gone
    );
    assert_eq!(refused(content(&desk, &file)), gone);
    // It still says where the list goes on.
    let list = desk.list_files(&after(&file.id));
    assert!(list.unwrap().items.is_empty());
}

#[test]
fn pages_are_full_whatever_has_expired() {
    let desk = Desk::new();
    // Every third one stays.
    let made: Vec<File> = (0..30)
        .map(|index| desk.file((index % 3 != 0).then_some(3600), "x"))
        .collect();
    desk.wait(Duration::from_secs(3600));
    let alive: Vec<&File> = made.iter().step_by(3).collect();
    for limit in 1..=11 {
        let mut query = oldest_first(limit);
        let mut seen = Vec::new();
        loop {
            let page = desk.list_files(&query).unwrap();
            seen.extend(page.items.iter().map(|file| file.id.clone()));
            assert_eq!(page.has_more, seen.len() < alive.len(), "limit {limit}");
            if !page.has_more {
                break;
            }
            assert_eq!(page.items.len(), limit as usize);
            query.after = seen.last().map(ToString::to_string);
        }
        let expected: Vec<_> = alive.iter().map(|file| file.id.clone()).collect();
        assert_eq!(seen, expected, "limit {limit}");
    }
    let list = desk.list_files(&after("file-0"));
    assert_eq!(refused(list), no_cursor("after", "file", "file-0"));
}

#[test]
fn lost_bytes_are_no_empty_file() {
    let desk = Desk::new();
    let file = desk.file(None, "hello");
    desk.run(desk.world.blobs.delete(file.id.as_str())).unwrap();
    assert_eq!(refused(content(&desk, &file)).0, 500);
    desk.run(desk.world.blobs.put(file.id.as_str(), bytes(["hell"])))
        .unwrap();
    assert_eq!(refused(content(&desk, &file)).0, 500);
}
