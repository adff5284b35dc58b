//! A process that is killed at any moment: what it had acknowledged is there, whole.
//!
//! The process is this test program again, with a test of its own that does nothing unless it is told where to work.

use std::{
    env,
    io::{BufRead, BufReader, Write, stdout},
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use futures_util::{TryStreamExt, future::join_all, stream};
use locum::{blobs::Folder, entropy::SystemEntropy, sqlite::Sqlite};
use locum_domain::{
    id::{MessageId, ThreadId},
    project::Project,
};
use locum_engine::{
    ports::{Blobs, Entropy},
    store::{Added, MessageStore, ThreadStore},
};
use locum_store_sql::SqlStore;

use crate::support::{check_integrity, message, thread};

const WHERE: &str = "LOCUM_TEST_WORK_IN";
const ROUNDS: u64 = 5;
const CLIENTS: u64 = 8;
/// A child that nobody kills ends by itself.
const LONGEST: u64 = 100_000;

/// Says what is acknowledged, in a line that is written at once.
fn acknowledge(name: &str) {
    let mut output = stdout().lock();
    writeln!(output, "done {name}").unwrap();
    output.flush().unwrap();
}

fn child(test: &str, folder: &Path, round: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(WHERE, format!("{round}:{}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child has acknowledged when it is killed, at some moment behind its first words.
fn kill_at_some_moment(mut child: Child) -> Vec<String> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let enough = 1 + (SystemEntropy.bits() % 300) as usize;
    let mut done = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // A line that was cut off acknowledges nothing.
        if let Some((_, name)) = line.trim_start().split_once("done ")
            && let Some(name) = name.strip_suffix('\n')
        {
            done.push(name.to_owned());
        }
        line.clear();
        if done.len() == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(done.len() >= enough, "it ended by itself: {done:?}");
    done
}

/// The folder that a child works in, and which of them it is.
fn told() -> Option<(u64, String)> {
    let told = env::var(WHERE).ok()?;
    let (round, folder) = told.split_once(':')?;
    Some((round.parse().ok()?, folder.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_stores_messages() {
    let Some((round, folder)) = told() else {
        return;
    };
    let database = Sqlite::open(&Path::new(&folder).join("locum.db")).unwrap();
    let store = SqlStore::open(database).await.unwrap();
    let (store, project) = (&store, &Project::default());
    join_all((0..CLIENTS).map(|client| async move {
        let thread_id = format!("thread_{round}x{client}");
        store
            .insert_thread(project, &thread(&thread_id), &[])
            .await
            .unwrap();
        for number in 0..LONGEST {
            let id = format!("msg_{round}x{client}x{number}");
            let message = message(&thread_id, &id, &id.repeat(100));
            let added = store.insert_message(project, &message).await;
            assert_eq!(added, Ok(Added::Added));
            acknowledge(&format!("{thread_id} {id}"));
        }
    }))
    .await;
}

#[tokio::test]
async fn acknowledged_messages_are_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("locum.db");
    let project = Project::default();
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let child = child("killed::child_that_stores_messages", folder.path(), round);
        all.extend(kill_at_some_moment(child));
        let database = Sqlite::open(&path).unwrap();
        let store = SqlStore::open(database.clone()).await.unwrap();
        for done in &all {
            let (thread, id) = done.split_once(' ').unwrap();
            let (thread, id) = (ThreadId::from(thread), MessageId::from(id));
            let found = store.message(&project, &thread, &id).await.unwrap();
            let found = found.unwrap_or_else(|| panic!("{done} is lost"));
            assert_eq!(
                found.value,
                message(thread.as_str(), id.as_str(), &id.as_str().repeat(100))
            );
        }
        database.close().await;
        check_integrity(&path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_stores_blobs() {
    let Some((round, folder)) = told() else {
        return;
    };
    let blobs = &Folder::open(Path::new(&folder)).unwrap();
    join_all((0..CLIENTS).map(|client| async move {
        for number in 0..LONGEST {
            let name = format!("file-{round}x{client}x{number}");
            let pieces = blob(&name);
            blobs
                .put(&name, Box::pin(stream::iter(pieces.map(Ok))))
                .await
                .unwrap();
            acknowledge(&name);
        }
    }))
    .await;
}

/// The bytes of a blob: which they are follows from its name.
fn blob(name: &str) -> [Bytes; 4] {
    [(); 4].map(|()| Bytes::from(name.repeat(4000)))
}

#[tokio::test]
async fn blobs_are_whole_after_a_kill_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let child = child("killed::child_that_stores_blobs", folder.path(), round);
        all.extend(kill_at_some_moment(child));
        let blobs = Folder::open(folder.path()).unwrap();
        blobs.sweep().unwrap();
        let entries = blobs.list(None, usize::MAX).await.unwrap();
        let listed: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
        assert!(all.iter().all(|name| listed.contains(name)), "one is lost");
        for name in listed {
            let read = blobs.read(&name).await.unwrap().unwrap();
            let bytes: Vec<Bytes> = read.bytes.try_collect().await.unwrap();
            assert_eq!(bytes.concat(), blob(&name).concat(), "{name}");
        }
    }
}
