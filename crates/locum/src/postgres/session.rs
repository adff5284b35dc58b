//! One connection at work: a statement, or several as one.
//!
//! Statements are prepared once for each connection. Those of a batch are sent together, so that it waits for the server twice: for
//! what it did, and for the commit; once, where whatever it does is right.

use deadpool_postgres::Client;
use futures_util::{
    future::{OptionFuture, join, join_all},
    stream::{StreamExt, TryStreamExt},
};
use locum_store_sql::connection::{Expect, Outcome, Row, Statement};
use tokio_postgres::{Error, SimpleQueryMessage, Statement as Prepared};

use super::value::{Parameter, row};

/// How many statements are sent together at most.
const TOGETHER: usize = 24;

/// What a connection is asked.
pub(super) trait Request: Sync {
    /// What it answers.
    type Answer: Send;

    /// Whether it may be asked again where the connection broke.
    const AGAIN: bool;

    /// Asks it.
    fn run(&self, client: &Client) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// A statement, for its rows.
pub(super) struct Query(pub Statement);

/// Statements that are run as one.
pub(super) struct Batch(pub Vec<Statement>);

impl Request for Query {
    type Answer = Vec<Row>;

    const AGAIN: bool = true;

    async fn run(&self, client: &Client) -> Result<Vec<Row>, Error> {
        let Self(statement) = self;
        let prepared = client.prepare_cached(&text(&statement.sql)).await?;
        let found = client.query_raw(&prepared, parameters(statement)).await?;
        found.map(|found| row(&found?)).try_collect().await
    }
}

impl Request for Batch {
    type Answer = Outcome;

    const AGAIN: bool = false;

    async fn run(&self, client: &Client) -> Result<Outcome, Error> {
        batch(client, &self.0).await
    }
}

async fn batch(client: &Client, statements: &[Statement]) -> Result<Outcome, Error> {
    let mut prepared = Vec::with_capacity(statements.len());
    for statement in statements {
        prepared.push((statement, prepare(client, statement).await?));
    }
    if let [(statement, prepared)] = prepared.as_slice() {
        // Nothing has to be taken back of one that changed nothing, and none changes more than the row that it names.
        let count = execute(client, statement, prepared.as_ref()).await?;
        return Ok(match is_met(statement, count) {
            true => Outcome::Done(vec![count]),
            false => Outcome::Unmet(0),
        });
    }
    let is_sure = statements.len() <= TOGETHER
        && statements
            .iter()
            .all(|statement| statement.expect == Expect::Anything);
    if is_sure {
        // Where a statement fails, the server takes the commit for the end of a transaction that has failed.
        let committing = client.batch_execute("COMMIT");
        let (outcome, committed) = join(all(client, &prepared), committing).await;
        let outcome = outcome?;
        return committed.map(|()| outcome);
    }
    let outcome = all(client, &prepared).await;
    let end = match outcome {
        Ok(Outcome::Done(_)) => "COMMIT",
        _ => "ROLLBACK",
    };
    client.batch_execute(end).await?;
    outcome
}

/// Runs statements in a transaction, and leaves its end to the caller.
async fn all(
    client: &Client,
    statements: &[(&Statement, Option<Prepared>)],
) -> Result<Outcome, Error> {
    let mut begin = Some(client.batch_execute("BEGIN"));
    let mut counts = Vec::with_capacity(statements.len());
    for part in statements.chunks(TOGETHER) {
        let part_is_running = part
            .iter()
            .map(|(statement, prepared)| execute(client, statement, prepared.as_ref()));
        // Each is sent when it is first polled, and they are polled in their order.
        let part_is_running = join_all(part_is_running.collect::<Vec<_>>());
        let (begun, done) = join(OptionFuture::from(begin.take()), part_is_running).await;
        begun.transpose()?;
        for ((statement, _), count) in part.iter().zip(done) {
            let count = count?;
            if !is_met(statement, count) {
                return Ok(Outcome::Unmet(counts.len()));
            }
            counts.push(count);
        }
    }
    Ok(Outcome::Done(counts))
}

fn is_met(statement: &Statement, count: u64) -> bool {
    match statement.expect {
        Expect::Anything => true,
        Expect::Changes(expected) => expected == count,
    }
}

/// One without parameters may name what a statement before it makes, so that it is not prepared ahead.
async fn prepare(client: &Client, statement: &Statement) -> Result<Option<Prepared>, Error> {
    if statement.params.is_empty() {
        return Ok(None);
    }
    client.prepare_cached(&text(&statement.sql)).await.map(Some)
}

/// Runs a statement and says how many rows it changed.
async fn execute(
    client: &Client,
    statement: &Statement,
    prepared: Option<&Prepared>,
) -> Result<u64, Error> {
    if let Some(prepared) = prepared {
        return client.execute_raw(prepared, parameters(statement)).await;
    }
    let said = client.simple_query(&statement.sql).await?;
    let count = said.iter().find_map(|message| match message {
        SimpleQueryMessage::CommandComplete(count) => Some(*count),
        _ => None,
    });
    Ok(count.unwrap_or(0))
}

fn parameters(statement: &Statement) -> impl ExactSizeIterator<Item = Parameter<'_>> {
    statement.params.iter().map(Parameter)
}

/// A statement's text with its parameters named in PostgreSQL's way: `$1` for `?1`.
fn text(sql: &str) -> String {
    sql.replace('?', "$")
}
