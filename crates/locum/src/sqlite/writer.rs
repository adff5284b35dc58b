//! The one thread that writes. All batches that wait when it is free are one transaction, so that they share what is slow
//! about a commit: waiting for the disk. Nothing waits for company.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use locum_store_sql::connection::{Expect, Outcome, SqlError, Statement};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    closed,
    value::{changes, error},
};

/// The most batches of one transaction.
const GROUP: usize = 256;
/// How many orders may wait; whoever comes then waits to be let in.
const WAITING: usize = 1024;

type Answer = Result<Outcome, SqlError>;

/// A batch and whoever waits for it.
struct Job {
    statements: Vec<Statement>,
    answer: oneshot::Sender<Answer>,
}

enum Order {
    Batch(Job),
    Close(oneshot::Sender<()>),
}

/// The way to the thread, which ends with the last clone.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub fn start(connection: Connection) -> Result<Self, SqlError> {
        let (orders, waiting) = mpsc::channel(WAITING);
        let commits = Arc::new(AtomicU64::new(0));
        let desk = Desk {
            connection,
            commits: Arc::clone(&commits),
        };
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || desk.work(waiting))
            .map_err(|error| SqlError::Failed(format!("no thread to write: {error}")))?;
        Ok(Self { orders, commits })
    }

    pub fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    pub async fn batch(&self, statements: Vec<Statement>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let job = Job { statements, answer };
        let sent = self.orders.send(Order::Batch(job)).await;
        sent.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    pub async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Close(done)).await.is_ok() {
            // No answer: it has ended already.
            let _ = is_done.await;
        }
    }
}

/// Where the thread works.
struct Desk {
    connection: Connection,
    commits: Arc<AtomicU64>,
}

/// Why a transaction came to nothing.
enum Lost {
    /// The batch at this place took it down; it might do without.
    By(usize, SqlError),
    /// All of it failed.
    Whole(SqlError),
}

impl Desk {
    fn work(self, mut waiting: mpsc::Receiver<Order>) {
        let mut group = Vec::new();
        let mut closing = None;
        while closing.is_none() {
            let mut order = waiting.blocking_recv();
            if order.is_none() {
                break;
            }
            while let Some(it) = order {
                match it {
                    Order::Batch(job) => group.push(job),
                    Order::Close(done) => closing = Some(done),
                }
                let is_enough = closing.is_some() || group.len() == GROUP;
                order = if is_enough {
                    None
                } else {
                    waiting.try_recv().ok()
                };
            }
            self.serve(&mut group);
        }
        // Another process may be at work on the same file; it will do the rest then.
        let _ = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        drop(self.connection);
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    /// Does all batches of `group`, tells everybody what came of it, and leaves it empty.
    fn serve(&self, group: &mut Vec<Job>) {
        while !group.is_empty() {
            match self.transaction(group) {
                Ok(answers) => {
                    for (job, answer) in group.drain(..).zip(answers) {
                        let _ = job.answer.send(answer);
                    }
                }
                Err(Lost::By(place, error)) => {
                    let job = group.remove(place);
                    let _ = job.answer.send(Err(error));
                }
                Err(Lost::Whole(error)) => {
                    for job in group.drain(..) {
                        let _ = job.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    fn transaction(&self, group: &[Job]) -> Result<Vec<Answer>, Lost> {
        // One that could not be rolled back then may be now.
        self.roll_back();
        self.run("BEGIN IMMEDIATE").map_err(Lost::Whole)?;
        let mut answers = Vec::with_capacity(group.len());
        for (place, job) in group.iter().enumerate() {
            let answer = self.batch(&job.statements);
            answers.push(answer.map_err(|error| {
                self.roll_back();
                Lost::By(place, error)
            })?);
        }
        if let Err(error) = self.run("COMMIT") {
            self.roll_back();
            return Err(Lost::Whole(error));
        }
        self.commits.fetch_add(1, Relaxed);
        Ok(answers)
    }

    /// One batch within the transaction. What the batch itself comes to is the answer; the error is the transaction's.
    fn batch(&self, statements: &[Statement]) -> Result<Answer, SqlError> {
        self.run("SAVEPOINT batch")?;
        let answer = self.statements(statements).map_err(error);
        if self.connection.is_autocommit() {
            // Errors such as a full disk take the whole transaction down.
            return Err(answer.err().unwrap_or_else(|| {
                SqlError::Failed("a batch ended the transaction that it is part of".to_owned())
            }));
        }
        if !matches!(answer, Ok(Outcome::Done(_))) {
            self.run("ROLLBACK TO batch")?;
        }
        self.run("RELEASE batch")?;
        Ok(answer)
    }

    fn statements(&self, statements: &[Statement]) -> rusqlite::Result<Outcome> {
        let mut counts = Vec::with_capacity(statements.len());
        for (place, statement) in statements.iter().enumerate() {
            let count = changes(&self.connection, statement)?;
            match statement.expect {
                Expect::Changes(expected) if expected != count => return Ok(Outcome::Unmet(place)),
                Expect::Changes(_) | Expect::Anything => counts.push(count),
            }
        }
        Ok(Outcome::Done(counts))
    }

    fn run(&self, sql: &str) -> Result<(), SqlError> {
        let prepared = self.connection.prepare_cached(sql);
        prepared
            .and_then(|mut prepared| prepared.execute([]))
            .map(drop)
            .map_err(error)
    }

    /// Ends a transaction that has not ended by itself.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // Where even that fails, the next transaction tries again.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}
