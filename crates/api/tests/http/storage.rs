//! What clients see while storage is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use futures_util::future::{join_all, pending};
use http::{Request, StatusCode};
use locum_domain::{
    assistant::Assistant,
    file::{File, Purpose},
    id::{AssistantId, FileId, MessageId, RunId, StepId, ThreadId},
    message::Message,
    page::PageQuery,
    project::Project,
    run::{Run, Step},
    thread::Thread,
};
use locum_engine::{
    ports::World,
    store::{
        Added, AssistantStore, FileStore, Housekeeping, MaybePage, MessageStore, RowCounts,
        RunCommit, RunInsert, RunStore, StoreError, Stored, StoredRun, ThreadStore, Versioned,
    },
};
use serde_json::{Value, json};

use crate::support::{Locum, chat, delete, get, post};

/// How a store is away.
#[derive(Clone, Copy)]
enum Away {
    Says(fn(String) -> StoreError),
    Silent,
}

/// A store that is away.
struct AwayStore {
    away: Away,
    calls: Arc<AtomicUsize>,
}

impl AwayStore {
    async fn fail<T>(&self) -> Stored<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.away {
            Away::Says(error) => Err(error("disk 7 is on fire".to_owned())),
            Away::Silent => pending().await,
        }
    }
}

/// Has every call of a part of the port fail.
macro_rules! away {
    ($($part:ident { $($call:ident($($argument:ty),*) -> $value:ty;)+ })+) => {$(
        #[async_trait::async_trait]
        impl $part for AwayStore {
            $(async fn $call(&self, $(_: $argument),*) -> Stored<$value> {
                self.fail().await
            })+
        }
    )+};
}

away! {
    AssistantStore {
        insert_assistant(&Project, &Assistant) -> ();
        assistant(&Project, &AssistantId) -> Option<Versioned<Assistant>>;
        assistants(&Project, &PageQuery) -> MaybePage<Assistant>;
        update_assistant(&Project, &Versioned<Assistant>) -> bool;
        delete_assistant(&Project, &AssistantId) -> bool;
    }
    ThreadStore {
        insert_thread(&Project, &Thread, &[Message]) -> ();
        thread(&Project, &ThreadId) -> Option<Versioned<Thread>>;
        threads(&Project, &PageQuery) -> MaybePage<Thread>;
        update_thread(&Project, &Versioned<Thread>) -> bool;
        delete_thread(&Project, &ThreadId) -> bool;
    }
    MessageStore {
        insert_message(&Project, &Message) -> Added;
        message(&Project, &ThreadId, &MessageId) -> Option<Versioned<Message>>;
        messages(&Project, &ThreadId, Option<&RunId>, &PageQuery) -> MaybePage<Message>;
        update_message(&Project, &Versioned<Message>) -> bool;
        delete_message(&Project, &ThreadId, &MessageId) -> bool;
    }
    RunStore {
        insert_run(&Project, RunInsert<'_>) -> Added;
        run(&Project, &ThreadId, &RunId) -> Option<StoredRun>;
        runs(&Project, &ThreadId, &PageQuery) -> MaybePage<Run>;
        commit_run(&Project, RunCommit<'_>) -> bool;
        claim_runs(u64, &str, u64, u32) -> Vec<StoredRun>;
        next_claim() -> Option<u64>;
        renew_leases(&str, u64) -> ();
        release_leases(Option<&str>, u64) -> ();
        step(&Project, &ThreadId, &RunId, &StepId) -> Option<Step>;
        steps(&Project, &ThreadId, &RunId, &PageQuery) -> MaybePage<Step>;
        steps_of_runs(&Project, &ThreadId, &[RunId]) -> Vec<Step>;
    }
    FileStore {
        insert_file(&Project, &File) -> ();
        file(&Project, &FileId) -> Option<File>;
        files(&Project, Option<Purpose>, &PageQuery) -> MaybePage<File>;
        delete_file(&Project, &FileId) -> bool;
    }
    Housekeeping {
        expired_files(u64, u32) -> Vec<(Project, File)>;
        overdue_runs(u64) -> u64;
        deleted_rows() -> RowCounts;
        purge(u32) -> RowCounts;
        take_turn(&str, u64, u64) -> bool;
        known_files(&[String]) -> Vec<String>;
        check() -> ();
    }
}

/// A Locum whose storage is away, and how often that was asked.
fn without_storage(away: Away) -> (Locum, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let store = AwayStore {
        away,
        calls: Arc::clone(&calls),
    };
    let locum = Locum::in_world(&[], |world| World {
        store: Arc::new(store),
        ..world
    });
    (locum, calls)
}

fn stored_routes() -> Vec<Request<Body>> {
    let change = json!({"metadata": {"a": "b"}});
    vec![
        post("/v1/assistants", &json!({"model": "m"})),
        get("/v1/assistants"),
        get("/v1/assistants/asst_1"),
        post("/v1/assistants/asst_1", &change),
        delete("/v1/assistants/asst_1"),
        post("/v1/threads", &json!({})),
        get("/v1/threads"),
        get("/v1/threads/thread_1"),
        post("/v1/threads/thread_1", &change),
        delete("/v1/threads/thread_1"),
        post(
            "/v1/threads/thread_1/messages",
            &json!({"role": "user", "content": "a"}),
        ),
        get("/v1/threads/thread_1/messages"),
        get("/v1/threads/thread_1/messages/msg_1"),
        post("/v1/threads/thread_1/messages/msg_1", &change),
        delete("/v1/threads/thread_1/messages/msg_1"),
    ]
}

#[test]
fn what_is_stored_cannot_be_had_and_nothing_is_told_of_why() {
    for error in [
        StoreError::Unavailable,
        StoreError::Full,
        StoreError::Failed,
    ] {
        let (locum, _) = without_storage(Away::Says(error));
        for request in stored_routes() {
            let answer = locum.ask(request);
            assert!(answer.status.is_server_error(), "{}", answer.text());
            let error = answer.error();
            assert_eq!(error.kind, "server_error");
            assert!(!error.message.contains("disk 7"), "{}", error.message);
        }
        locum
            .post("/v1/chat/completions", &chat("gpt-4.1-mini"))
            .json();
    }
}

#[test]
fn an_object_that_is_too_large_for_the_store_is_the_clients_to_mend() {
    let (locum, _) = without_storage(Away::Says(StoreError::TooLarge));
    for (path, body) in [
        ("/v1/assistants", json!({"model": "m"})),
        ("/v1/threads", json!({})),
    ] {
        let answer = locum.post(path, &body);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let error = answer.error();
        assert_eq!(error.kind, "invalid_request_error");
        assert!(!error.message.contains("disk 7"), "{}", error.message);
    }
}

fn health(locum: &Locum, path: &str) -> (StatusCode, Value) {
    let answer = locum.get(path);
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn health_is_down_while_storage_is_away() {
    for away in [Away::Says(StoreError::Full), Away::Silent] {
        let (locum, _) = without_storage(away);
        let (status, health_body) = health(&locum, "/health");
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(health_body["status"], "down");
        assert_eq!(health_body["storage"], json!({"status": "down"}));
        assert_eq!(health_body["providers"]["gemini"]["status"], "ok");
        let (status, ready) = health(&locum, "/health/ready");
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ready, json!({"status": "down"}));
        assert_eq!(locum.get("/health/live").status, StatusCode::OK);
        assert!(locum.now() <= Duration::from_secs(4), "{:?}", locum.now());
    }
}

#[test]
fn storage_is_asked_once_however_many_want_to_know() {
    let (locum, calls) = without_storage(Away::Says(StoreError::Unavailable));
    for _ in 0..10 {
        health(&locum, "/health");
        health(&locum, "/health/ready");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    locum.wait(Duration::from_secs(1));
    health(&locum, "/health");
    assert_eq!(calls.load(Ordering::Relaxed), 2);

    let (locum, calls) = without_storage(Away::Silent);
    let asked = (0..50).map(|_| locum.begin(get("/health")));
    let answers = locum.world.clock.run(join_all(asked));
    let down = StatusCode::SERVICE_UNAVAILABLE;
    assert!(answers.iter().all(|answer| answer.status() == down));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(locum.now(), Duration::from_secs(2));
}

#[test]
fn a_probe_that_nobody_waits_for_is_no_verdict() {
    let (locum, calls) = without_storage(Away::Silent);
    let left = locum
        .world
        .clock
        .run_for(Duration::from_millis(500), locum.begin(get("/health")));
    assert!(left.is_none());
    locum.wait(Duration::from_secs(60));
    health(&locum, "/health");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn where_requests_are_kept_apart_each_asks_for_itself() {
    let (locum, calls) = without_storage(Away::Says(StoreError::Unavailable));
    let locum = locum.with_requests_apart();
    for _ in 0..3 {
        health(&locum, "/health");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}
