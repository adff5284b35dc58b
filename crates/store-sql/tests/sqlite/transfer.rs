//! Copying one database into another.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use async_trait::async_trait;
use locum_domain::{page::PageQuery, run::Write};
use locum_engine::store::{AssistantStore, Housekeeping, MessageStore, RunStore, ThreadStore};
use locum_store_sql::{
    Dialect, OpenError, Outcome, Row, SqlConnection, SqlError, SqlStore, Statement, Value,
    migrations::make_tables,
    transfer::{Doing, PieceSize, Told, Transfer, TransferError, in_use},
};
use locum_testkit::contract::QUESTIONS;

use crate::{
    objects::{assistant, begin, message, message_of_run, project, run, step, thread, thread_id},
    sqlite::{Sqlite, Store, over, statement, store, wait},
};

/// All that a server looks at, but for leases.
const EVERYTHING: [&str; 6] = [
    "SELECT * FROM assistants ORDER BY seq",
    "SELECT * FROM threads ORDER BY seq",
    "SELECT * FROM messages ORDER BY seq",
    "SELECT seq, id, project, created_at, thread_id, version, token, expires_at, data FROM runs ORDER BY seq",
    "SELECT * FROM steps ORDER BY seq",
    "SELECT * FROM files ORDER BY seq",
];

/// Small enough that a few rows are several pieces.
const SMALL: PieceSize = PieceSize {
    rows: 3,
    bytes: 4000,
};

fn everything(sqlite: &Sqlite) -> Vec<Vec<Row>> {
    EVERYTHING
        .iter()
        .map(|sql| wait(sqlite.query(statement(sql))).unwrap())
        .collect()
}

fn empty() -> Arc<Sqlite> {
    let sqlite = Sqlite::empty();
    wait(make_tables(&sqlite)).unwrap();
    sqlite
}

/// Copies, and says how many tables are not the same.
fn transfer(from: &Sqlite, to: &dyn SqlConnection) -> Result<usize, TransferError> {
    let transfer = Transfer::new(from, to, &|_| ()).in_pieces_of(SMALL);
    let compared = wait(transfer.run())?;
    assert_eq!(compared.len(), EVERYTHING.len());
    Ok(compared.iter().filter(|table| !table.is_same()).count())
}

/// A database with some of everything, holes in its numbers among it.
fn filled() -> (Store, Arc<Sqlite>) {
    let (store, sqlite) = store();
    let project = project();
    for n in 0..10 {
        let assistant = assistant(&format!("asst_{n}"));
        wait(store.insert_assistant(&project, &assistant)).unwrap();
    }
    for n in [0, 3, 9] {
        let gone = format!("asst_{n}").as_str().into();
        assert!(wait(store.delete_assistant(&project, &gone)).unwrap());
    }
    wait(store.purge(100)).unwrap();
    for n in 0..7 {
        let id = format!("thread_{n}");
        let messages: Vec<_> = (0..4)
            .map(|m| message(&format!("msg_{n}_{m}"), &id))
            .collect();
        wait(store.insert_thread(&project, &thread(&id), &messages)).unwrap();
    }
    let gone = "msg_2_3".into();
    assert!(wait(store.delete_message(&project, &thread_id("thread_2"), &gone)).unwrap());
    let written = message_of_run("msg_written", "thread_1", "run_1");
    let writes = [
        Write::Message(Box::new(written)),
        Write::Step(Box::new(step("step_1", "thread_1", "run_1", "msg_written"))),
    ];
    wait(begin(&store, "run_1", "thread_1", &writes));
    (store, sqlite)
}

#[test]
fn whatever_a_store_holds_is_copied_as_it_is() {
    for question in QUESTIONS {
        let (store, from) = store();
        wait((question.ask)(Arc::new(store)));
        let to = empty();
        assert_eq!(transfer(&from, &to), Ok(0), "{}", question.name);
        assert_eq!(everything(&from), everything(&to), "{}", question.name);
    }
}

#[test]
fn a_copy_is_served_as_the_source_was() {
    let (_, from) = filled();
    let to = empty();
    assert_eq!(transfer(&from, &to), Ok(0));
    let store = over(&to);
    let project = project();
    // The run is claimed at once, although its lease has not ended at the source.
    let claimed = wait(store.claim_runs(1_795_000_000_000, "host_2", u64::from(u32::MAX), 9));
    let claimed = claimed.unwrap();
    assert_eq!(claimed[0].run, run("run_1", "thread_1"));
    assert_eq!((claimed.len(), claimed[0].token), (1, 2));
    assert!(claimed[0].open.as_ref().unwrap().message.is_some());
    // What is added comes behind what was copied.
    wait(store.insert_message(&project, &message("msg_new", "thread_0"))).unwrap();
    let query = PageQuery {
        limit: 100,
        ..PageQuery::default()
    };
    let page = wait(store.messages(&project, &thread_id("thread_0"), None, &query));
    let mut ids: Vec<_> = page.unwrap().unwrap().items;
    ids.sort_by_key(|message| message.id.as_str().to_owned());
    assert_eq!(ids.len(), 5);
}

/// Lets so many batches through and fails from then on; the last one is done although it fails.
struct Failing {
    inner: Arc<Sqlite>,
    left: AtomicI64,
    is_done: bool,
}

#[async_trait]
impl SqlConnection for Failing {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        self.inner.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        match self.left.fetch_sub(1, Relaxed) {
            1.. => return self.inner.batch(statements).await,
            0 if self.is_done => drop(self.inner.batch(statements).await?),
            _ => {}
        }
        Err(SqlError::Unavailable("the line is cut".to_owned()))
    }
}

#[test]
fn a_copy_that_broke_off_at_any_piece_is_finished_by_the_next_one() {
    let (_, from) = filled();
    for is_done in [false, true] {
        for batches in 0.. {
            let to = empty();
            let failing = Failing {
                inner: Arc::clone(&to),
                left: AtomicI64::new(batches),
                is_done,
            };
            let cut = SqlError::Unavailable("the line is cut".to_owned());
            match transfer(&from, &failing) {
                Ok(different) => {
                    assert_eq!(different, 0);
                    assert!(batches > 15, "{batches} batches are few pieces");
                    break;
                }
                Err(error) => assert_eq!(error, TransferError::Target(cut)),
            }
            // Nobody serves half a copy.
            match wait(SqlStore::open(Arc::clone(&to))) {
                Ok(_) => {
                    assert!([everything(&from), everything(&empty())].contains(&everything(&to)))
                }
                Err(refused) => assert_eq!(refused, OpenError::Unfinished),
            }
            assert_eq!(transfer(&from, &to), Ok(0), "after {batches} batches");
            assert_eq!(everything(&from), everything(&to));
            over(&to);
        }
    }
}

#[test]
fn what_is_there_is_not_written_again() {
    let (_, from) = filled();
    let to = empty();
    transfer(&from, &to).unwrap();
    to.asked();
    assert_eq!(transfer(&from, &to), Ok(0));
    let written = to.asked();
    assert!(written.iter().all(|it| !it.sql.starts_with("INSERT")));
}

#[test]
fn what_grew_meanwhile_is_not_added_to_a_copy_that_was_finished() {
    let (store, from) = filled();
    let to = empty();
    transfer(&from, &to).unwrap();
    wait(store.insert_assistant(&project(), &assistant("asst_new"))).unwrap();
    let before = everything(&to);
    assert_eq!(
        transfer(&from, &to),
        Err(TransferError::Foreign("assistants"))
    );
    assert_eq!(everything(&to), before);
}

#[test]
fn a_target_that_holds_something_else_is_refused_and_left_as_it_is() {
    let (_, from) = filled();
    for foreign in ["asst_1", "asst_x"] {
        let (other, to) = store();
        wait(other.insert_assistant(&project(), &assistant(foreign))).unwrap();
        let before = everything(&to);
        let refused = transfer(&from, &to);
        assert_eq!(refused, Err(TransferError::Foreign("assistants")));
        assert_eq!(everything(&to), before);
        over(&to);
    }
    // Nor is something else added to half a copy.
    let to = empty();
    let failing = Failing {
        inner: Arc::clone(&to),
        left: AtomicI64::new(3),
        is_done: false,
    };
    transfer(&from, &failing).unwrap_err();
    let (other, another) = store();
    wait(other.insert_assistant(&project(), &assistant("asst_x"))).unwrap();
    let refused = transfer(&another, &to);
    assert_eq!(refused, Err(TransferError::Foreign("assistants")));
    assert_eq!(transfer(&to, &empty()), Err(TransferError::HalfASource));
}

#[test]
fn one_letter_that_differs_is_found() {
    let (_, from) = filled();
    let to = empty();
    let failing = Failing {
        inner: Arc::clone(&to),
        left: AtomicI64::new(16),
        is_done: false,
    };
    transfer(&from, &failing).unwrap_err();
    to.raw("UPDATE messages SET data = replace(data, 'says msg_1_1', 'says msg_1_0')");
    let compared = wait(Transfer::new(&from, &to, &|_| ()).run()).unwrap();
    let different: Vec<_> = compared.iter().filter(|it| !it.is_same()).collect();
    assert_eq!(different.len(), 1);
    assert_eq!(different[0].table, "messages");
    assert_eq!(different[0].from.rows, different[0].to.rows);
    let opened = wait(SqlStore::open(Arc::clone(&to))).err();
    assert_eq!(opened, Some(OpenError::Unfinished));
}

#[test]
fn every_row_is_told_once_for_each_thing_that_is_done_with_it() {
    let (_, from) = filled();
    let to = empty();
    let told = Mutex::new(Vec::new());
    let tell = |it| told.lock().unwrap().push(it);
    wait(Transfer::new(&from, &to, &tell).in_pieces_of(SMALL).run()).unwrap();
    let (mut total, mut counted) = (Vec::new(), Vec::new());
    for it in told.into_inner().unwrap() {
        match it {
            Told::Table {
                table,
                doing,
                rows,
                done,
            } => {
                assert_eq!(done, 0);
                total.push((table, doing, rows));
                counted.push((table, doing, 0));
            }
            Told::Rows(more) => counted.last_mut().unwrap().2 += more,
        }
    }
    assert_eq!(total, counted);
    assert_eq!(total.len(), 12);
    assert!(total.contains(&("messages", Doing::Comparing, 29)));
}

#[test]
fn large_rows_are_copied_one_by_one() {
    let (store, from) = store();
    let long: Vec<_> = (0..5)
        .map(|n| {
            let mut message = message(&format!("msg_{n}"), "thread_1");
            message.content = vec![locum_domain::message::Content::Text("x".repeat(9000))];
            message
        })
        .collect();
    wait(store.insert_thread(&project(), &thread("thread_1"), &long)).unwrap();
    from.asked();
    let to = empty();
    assert_eq!(transfer(&from, &to), Ok(0));
    let reads = from.asked().into_iter();
    let reads = reads.filter(|it| it.sql.contains("data FROM messages WHERE seq > ?1 AND"));
    // Once to copy and once to compare.
    assert_eq!(reads.count(), 10);
}

#[test]
fn a_database_without_sessions_does_not_know_its_users() {
    let (_, from) = filled();
    assert_eq!(wait(in_use(&from, "locum", 0)), Ok(None));
    let value = from.value("SELECT owner FROM runs");
    assert_eq!(value, Value::Text("host_1".to_owned()));
}
