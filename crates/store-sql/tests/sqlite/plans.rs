//! How SQLite goes about the store's statements: through indexes, whatever is asked.

use std::collections::BTreeSet;

use locum_domain::{
    file::Purpose,
    page::{Order, PageQuery},
    run::Write,
};
use locum_engine::store::{
    AssistantStore, FileStore, Housekeeping, MessageStore, Next, RunStore, ThreadStore, Versioned,
};

use crate::{
    objects::{
        DRIVEN, assistant, begin, commit, file, message, message_of_run, project, run_id, step,
        thread, thread_id,
    },
    sqlite::{Sqlite, Store, store, wait},
};

/// Everything that a store can be asked, at least once, with every shape of statement.
async fn ask_everything(store: &Store) {
    let project = &project();
    let (thread_1, run_1) = (&thread_id("thread_1"), &run_id("run_1"));

    let assistant = assistant("asst_1");
    store.insert_assistant(project, &assistant).await.unwrap();
    store.assistant(project, &assistant.id).await.unwrap();
    let read = Versioned {
        value: assistant,
        version: 1,
    };
    store.update_assistant(project, &read).await.unwrap();

    let new = thread("thread_1");
    let first = [message("msg_1", "thread_1")];
    store.insert_thread(project, &new, &first).await.unwrap();
    store.thread(project, thread_1).await.unwrap();
    let read = Versioned {
        value: new,
        version: 1,
    };
    store.update_thread(project, &read).await.unwrap();

    let new = message("msg_2", "thread_1");
    store.insert_message(project, &new).await.unwrap();
    store.message(project, thread_1, &new.id).await.unwrap();
    let read = Versioned {
        value: new,
        version: 1,
    };
    store.update_message(project, &read).await.unwrap();

    let writes = [
        Write::Message(Box::new(message_of_run("msg_3", "thread_1", "run_1"))),
        Write::Step(Box::new(step("step_1", "thread_1", "run_1", "msg_3"))),
    ];
    let mut run = begin(store, "run_1", "thread_1", &writes).await;
    let refused = message("msg_9", "thread_1");
    store.insert_message(project, &refused).await.unwrap();
    store.run(project, thread_1, run_1).await.unwrap();
    run.broken_tries = 1;
    let same = commit(&run, &[], Next::Same);
    assert_eq!(store.commit_run(project, same).await, Ok(true));
    store.claim_runs(1_000, "host_2", 2_000, 10).await.unwrap();
    store.renew_leases("host_2", 3_000).await.unwrap();
    store.release_leases(Some("host_2"), 3_000).await.unwrap();
    store.release_leases(None, 3_000).await.unwrap();
    store
        .step(project, thread_1, run_1, &"step_1".into())
        .await
        .unwrap();
    let runs: Vec<_> = (0..64).map(|n| run_id(&format!("run_{n}"))).collect();
    for count in [1, 2, 5, 17] {
        store
            .steps_of_runs(project, thread_1, &runs[..count])
            .await
            .unwrap();
    }

    let new = file("file-1");
    store.insert_file(project, &new).await.unwrap();
    store.file(project, &new.id).await.unwrap();
    store.expired_files(u64::MAX, 10).await.unwrap();
    store.overdue_runs(u64::MAX).await.unwrap();
    store.known_files(&["file-1".to_owned()]).await.unwrap();

    for query in queries() {
        store.assistants(project, &query).await.unwrap();
        store.threads(project, &query).await.unwrap();
        store
            .messages(project, thread_1, None, &query)
            .await
            .unwrap();
        store
            .messages(project, thread_1, Some(run_1), &query)
            .await
            .unwrap();
        store.runs(project, thread_1, &query).await.unwrap();
        store.steps(project, thread_1, run_1, &query).await.unwrap();
        store.files(project, None, &query).await.unwrap();
        store
            .files(project, Some(Purpose::Vision), &query)
            .await
            .unwrap();
    }

    let mut end = commit(&run, &[], DRIVEN);
    (end.version, end.token) = (2, 2);
    let drops = [
        Write::DropStep("step_1".into()),
        Write::DropMessage("msg_3".into()),
    ];
    end.writes = &drops;
    assert_eq!(store.commit_run(project, end).await, Ok(true));
    (end.version, end.next) = (3, Next::Ended);
    assert_eq!(store.commit_run(project, end).await, Ok(true));
    store
        .delete_message(project, thread_1, &"msg_1".into())
        .await
        .unwrap();
    store.delete_thread(project, thread_1).await.unwrap();
    store
        .delete_assistant(project, &"asst_1".into())
        .await
        .unwrap();
    store.delete_file(project, &"file-1".into()).await.unwrap();
    store.deleted_rows().await.unwrap();
    store.purge(100).await.unwrap();
    store.check().await.unwrap();
}

/// Every shape of query, with cursors that name nothing.
fn queries() -> Vec<PageQuery> {
    let cursors = [None, Some("nothing".to_owned())];
    let mut queries = Vec::new();
    for order in [Order::Ascending, Order::Descending] {
        for after in &cursors {
            for before in &cursors {
                queries.push(PageQuery {
                    limit: 20,
                    order,
                    after: after.clone(),
                    before: before.clone(),
                });
            }
        }
    }
    queries
}

/// The texts of all statements.
fn texts(sqlite: &Sqlite) -> BTreeSet<String> {
    let asked = sqlite.asked().into_iter();
    asked.map(|statement| statement.sql.into_owned()).collect()
}

#[test]
fn every_statement_goes_through_an_index_and_sorts_nothing() {
    let (store, sqlite) = store();
    sqlite.asked();
    wait(ask_everything(&store));
    for sql in texts(&sqlite) {
        for line in sqlite.plan(&sql) {
            // A subquery that is read once, row by row, is no table.
            let looks_at_all = line.starts_with("SCAN ")
                && !line.contains(" INDEX ")
                && !["SCAN t", "SCAN CONSTANT ROW"].contains(&line.as_str());
            let sorts = line.contains("TEMP B-TREE") || line.contains("AUTOMATIC");
            assert!(!looks_at_all && !sorts, "{line}\n{sql}");
        }
    }
}

/// What a statement must search, beyond going through some index.
#[track_caller]
fn searches(sqlite: &Sqlite, texts: &BTreeSet<String>, start: &str, expected: &str) {
    let mut found = 0;
    for sql in texts.iter().filter(|sql| sql.contains(start)) {
        found += 1;
        let plan = sqlite.plan(sql);
        assert!(
            plan.iter().any(|line| line.contains(expected)),
            "{expected}\n{sql}\n{plan:#?}"
        );
    }
    assert!(found > 0, "{start}");
}

#[test]
fn pages_begin_at_their_cursor() {
    let (store, sqlite) = store();
    sqlite.asked();
    wait(ask_everything(&store));
    let texts: BTreeSet<String> = texts(&sqlite)
        .into_iter()
        .filter(|sql| sql.matches("AND o.seq ").count() == 1)
        .collect();
    let check = |start, expected| searches(&sqlite, &texts, start, expected);
    check(
        "FROM assistants o WHERE o.project = ?1 AND",
        "SEARCH o USING INDEX assistants_of_project (project=? AND seq",
    );
    check(
        "FROM threads o WHERE o.project = ?1 AND",
        "SEARCH o USING INDEX threads_of_project (project=? AND seq",
    );
    check(
        "o.thread_id = ?1 AND o.deleted",
        "SEARCH o USING INDEX messages_of_thread (thread_id=? AND seq",
    );
    check(
        "o.run_id = ?3 AND o.deleted = 0 AND o.seq > (SELECT c.seq FROM messages",
        "SEARCH o USING INDEX messages_of_run (thread_id=? AND run_id=? AND seq",
    );
    check(
        "CROSS JOIN runs o",
        "SEARCH o USING INDEX runs_of_thread (thread_id=? AND seq",
    );
    check(
        "CROSS JOIN steps o",
        "SEARCH o USING INDEX steps_of_run (run_id=? AND seq",
    );
    check(
        "FROM files o WHERE o.project = ?1 AND o.deleted",
        "SEARCH o USING INDEX files_of_project (project=? AND seq",
    );
    check(
        "FROM files o WHERE o.project = ?1 AND o.purpose = ?2",
        "SEARCH o USING INDEX files_of_purpose (project=? AND purpose=? AND seq",
    );
}

#[test]
fn work_that_waits_is_found_without_looking_at_what_has_ended() {
    let (store, sqlite) = store();
    sqlite.asked();
    wait(ask_everything(&store));
    let texts = texts(&sqlite);
    let check = |start, expected| searches(&sqlite, &texts, start, expected);
    check(
        "SELECT id, token FROM runs",
        "USING INDEX runs_to_attend (attend_at<?)",
    );
    check(
        "UPDATE runs SET attend_at = ?1",
        "USING INDEX runs_leased (owner",
    );
    check(
        "SELECT COUNT(*) FROM runs WHERE attend_at",
        "runs_to_attend",
    );
    check(
        "FROM files WHERE deleted = 0 AND expires_at",
        "USING INDEX files_to_expire (expires_at<?)",
    );
    check(
        "SELECT r.project",
        "SEARCH s USING INDEX steps_in_progress (run_id=?)",
    );
}

#[test]
fn statements_are_few_and_come_again() {
    let (store, sqlite) = store();
    sqlite.asked();
    wait(ask_everything(&store));
    // 8 lists in 8 shapes each, with what asks for cursors; the rest is fixed.
    let texts = texts(&sqlite);
    assert!(texts.len() < 150, "{}", texts.len());
}
