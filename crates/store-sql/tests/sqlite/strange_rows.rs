//! Rows that no program of this version has written.

use locum_domain::page::PageQuery;
use locum_engine::store::{AssistantStore, RunStore, StoreError, ThreadStore};

use crate::{
    objects::{assistant, begin, project, thread},
    sqlite::{store, wait},
};

#[test]
fn an_object_that_cannot_be_read_is_named_and_not_quoted() {
    let (store, sqlite) = store();
    wait(store.insert_assistant(&project(), &assistant("asst_1"))).unwrap();
    for data in [
        "",
        "{",
        r#"{"id": "asst_1", "created_at": "a secret"}"#,
        r#""a secret""#,
        r#"{"a secret": 1}"#,
    ] {
        sqlite.raw(&format!("UPDATE assistants SET data = '{data}'"));
        let found = wait(store.assistant(&project(), &"asst_1".into()));
        let listed = wait(store.assistants(&project(), &PageQuery::default()));
        for error in [found.unwrap_err(), listed.unwrap_err()] {
            assert!(matches!(error, StoreError::Failed(_)), "{error}");
            assert!(error.to_string().contains("asst_1"), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

#[test]
fn values_of_other_kinds_are_told() {
    let (store, sqlite) = store();
    wait(store.insert_assistant(&project(), &assistant("asst_1"))).unwrap();
    for version in ["'many'", "-1"] {
        sqlite.raw(&format!("UPDATE assistants SET version = {version}"));
        let found = wait(store.assistant(&project(), &"asst_1".into()));
        assert!(matches!(found, Err(StoreError::Failed(_))), "{found:?}");
    }
}

#[test]
fn a_run_that_cannot_be_read_keeps_no_other_waiting() {
    let (store, sqlite) = store();
    for n in 1..=3 {
        let id = format!("thread_{n}");
        wait(store.insert_thread(&project(), &thread(&id), &[])).unwrap();
        wait(begin(&store, &format!("run_{n}"), &id, &[]));
    }
    sqlite.raw("UPDATE runs SET data = '{}' WHERE id = 'run_1'");
    let claimed = wait(store.claim_runs(1_000, "host_2", 2_000, 2)).unwrap();
    let claimed: Vec<_> = claimed.iter().map(|run| run.run.id.as_str()).collect();
    assert_eq!(claimed, ["run_2"]);
    let claimed = wait(store.claim_runs(1_000, "host_2", 2_000, 2)).unwrap();
    let claimed: Vec<_> = claimed.iter().map(|run| run.run.id.as_str()).collect();
    assert_eq!(claimed, ["run_3"]);
}
