//! Others that come in between: right ahead of a batch, when what was read before it is no longer so.

use locum_domain::run::{RunStatus, Write};
use locum_engine::store::{
    Added, MessageStore, Next, RunStore, StoreError, ThreadStore, Versioned,
};

use crate::{
    objects::{
        DRIVEN, begin, commit, insert, message, message_of_run, project, run, run_id, step, thread,
        thread_id,
    },
    sqlite::{over, store, wait},
};

#[test]
fn a_message_loses_against_a_run() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        wait(begin(&other, "run_1", "thread_1", &[]));
    });
    let added = wait(store.insert_message(&project(), &message("msg_1", "thread_1")));
    assert_eq!(added, Ok(Added::Busy(run_id("run_1"))));
}

#[test]
fn a_message_loses_against_the_end_of_its_thread() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        wait(other.delete_thread(&project(), &thread_id("thread_1"))).unwrap();
    });
    let added = wait(store.insert_message(&project(), &message("msg_1", "thread_1")));
    assert_eq!(added, Ok(Added::NoThread));
}

#[test]
fn what_is_refused_while_the_obstacle_goes_is_added_after_all() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let run = wait(begin(&store, "run_1", "thread_1", &[]));
    let (other, ended) = (over(&sqlite), run.clone());
    sqlite.before_next_query(move || {
        let committed = wait(other.commit_run(&project(), commit(&ended, &[], Next::Ended)));
        assert_eq!(committed, Ok(true));
    });
    let added = wait(store.insert_message(&project(), &message("msg_1", "thread_1")));
    assert_eq!(added, Ok(Added::Added));
}

#[test]
fn a_thread_that_is_never_free_for_long_enough_is_no_endless_loop() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    sqlite.raw(
        "CREATE TRIGGER swallowed BEFORE INSERT ON messages BEGIN SELECT RAISE(IGNORE); END;
         CREATE TRIGGER stuck BEFORE UPDATE ON threads BEGIN SELECT RAISE(IGNORE); END;",
    );
    let added = wait(store.insert_message(&project(), &message("msg_1", "thread_1")));
    assert!(
        matches!(added, Err(StoreError::Unavailable(_))),
        "{added:?}"
    );
    let added = wait(store.insert_run(&project(), insert(&run("run_1", "thread_1"), &[])));
    assert!(
        matches!(added, Err(StoreError::Unavailable(_))),
        "{added:?}"
    );
}

#[test]
fn a_run_loses_against_another_one_and_leaves_nothing() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        wait(begin(&other, "run_1", "thread_1", &[]));
    });
    let late = run("run_2", "thread_1");
    let mut late_insert = insert(&late, &[]);
    let messages = [message("msg_1", "thread_1")];
    late_insert.messages = &messages;
    let added = wait(store.insert_run(&project(), late_insert));
    assert_eq!(added, Ok(Added::Busy(run_id("run_1"))));
    let (project, thread) = (project(), thread_id("thread_1"));
    assert_eq!(wait(store.run(&project, &thread, &late.id)), Ok(None));
    let left = wait(store.message(&project, &thread, &"msg_1".into()));
    assert_eq!(left, Ok(None));
}

#[test]
fn a_commit_loses_against_the_end_of_its_thread() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let run = wait(begin(&store, "run_1", "thread_1", &[]));
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        wait(other.delete_thread(&project(), &thread_id("thread_1"))).unwrap();
    });
    let writes = [Write::Message(Box::new(message_of_run(
        "msg_1", "thread_1", "run_1",
    )))];
    let committed = wait(store.commit_run(&project(), commit(&run, &writes, DRIVEN)));
    assert_eq!(committed, Ok(false));
    let rows = sqlite.value("SELECT COUNT(*) FROM messages");
    assert_eq!(rows, locum_store_sql::Value::Integer(0));
    // Nobody takes it up again.
    let claimed = wait(store.claim_runs(u64::MAX, "host_2", u64::MAX, 10));
    assert_eq!(claimed, Ok(Vec::new()));
}

#[test]
fn a_change_of_an_ended_run_loses_against_the_end_of_its_thread() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let mut run = wait(begin(&store, "run_1", "thread_1", &[]));
    run.status = RunStatus::Completed;
    assert_eq!(
        wait(store.commit_run(&project(), commit(&run, &[], Next::Ended))),
        Ok(true)
    );
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        wait(other.delete_thread(&project(), &thread_id("thread_1"))).unwrap();
    });
    let mut change = commit(&run, &[], Next::Same);
    change.version = 2;
    assert_eq!(wait(store.commit_run(&project(), change)), Ok(false));
}

#[test]
fn a_claim_loses_against_another_one() {
    let (store, sqlite) = store();
    for n in 1..=2 {
        let thread_id = format!("thread_{n}");
        wait(store.insert_thread(&project(), &thread(&thread_id), &[])).unwrap();
        wait(begin(&store, &format!("run_{n}"), &thread_id, &[]));
    }
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        let claimed = wait(other.claim_runs(1_000, "host_2", 2_000, 1)).unwrap();
        assert_eq!(claimed.len(), 1);
    });
    let claimed = wait(store.claim_runs(1_000, "host_3", 2_000, 10)).unwrap();
    let claimed: Vec<_> = claimed.iter().map(|run| run.run.id.as_str()).collect();
    assert_eq!(claimed, ["run_2"]);
}

#[test]
fn a_claim_loses_against_a_renewal() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    wait(begin(&store, "run_1", "thread_1", &[]));
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        wait(other.renew_leases("host_1", 3_000)).unwrap();
    });
    let claimed = wait(store.claim_runs(1_000, "host_2", 2_000, 10));
    assert_eq!(claimed, Ok(Vec::new()));
}

#[test]
fn a_commit_of_the_old_driver_loses_against_a_claim() {
    let (store, sqlite) = store();
    wait(store.insert_thread(&project(), &thread("thread_1"), &[])).unwrap();
    let run = wait(begin(&store, "run_1", "thread_1", &[]));
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        let claimed = wait(other.claim_runs(1_000, "host_2", 2_000, 10)).unwrap();
        assert_eq!(claimed.len(), 1);
    });
    let committed = wait(store.commit_run(&project(), commit(&run, &[], Next::Ended)));
    assert_eq!(committed, Ok(false));
    // The thread is still the run's.
    let added = wait(store.insert_message(&project(), &message("msg_1", "thread_1")));
    assert_eq!(added, Ok(Added::Busy(run_id("run_1"))));
}

#[test]
fn a_message_that_a_client_deletes_meanwhile_stays_deleted() {
    let (store, sqlite) = store();
    let (project, thread_1) = (project(), thread_id("thread_1"));
    wait(store.insert_thread(&project, &thread("thread_1"), &[])).unwrap();
    let writes = [
        Write::Message(Box::new(message_of_run("msg_1", "thread_1", "run_1"))),
        Write::Step(Box::new(step("step_1", "thread_1", "run_1", "msg_1"))),
    ];
    let run = wait(begin(&store, "run_1", "thread_1", &writes));
    let other = over(&sqlite);
    sqlite.before_next_batch(move || {
        let (project, thread) = (crate::objects::project(), thread_id("thread_1"));
        let id = "msg_1".into();
        let deleted = other.delete_message(&project, &thread, &id);
        assert_eq!(wait(deleted), Ok(true));
    });
    let committed = wait(store.commit_run(&project, commit(&run, &writes, DRIVEN)));
    assert_eq!(committed, Ok(true));
    assert_eq!(
        wait(store.message(&project, &thread_1, &"msg_1".into())),
        Ok(None)
    );
    let stored = wait(store.run(&project, &thread_1, &run.id))
        .unwrap()
        .unwrap();
    let open = stored.open.unwrap();
    assert_eq!(open.step.id.as_str(), "step_1");
    assert_eq!(open.message, None);
}

#[test]
fn a_change_loses_against_another_one() {
    let (store, sqlite) = store();
    let first = thread("thread_1");
    wait(store.insert_thread(&project(), &first, &[])).unwrap();
    let read = Versioned {
        value: first,
        version: 1,
    };
    let (other, same) = (over(&sqlite), read.clone());
    sqlite.before_next_batch(move || {
        assert_eq!(wait(other.update_thread(&project(), &same)), Ok(true));
    });
    assert_eq!(wait(store.update_thread(&project(), &read)), Ok(false));
}
