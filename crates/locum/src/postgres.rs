//! The store's connection on PostgreSQL: a pool of connections, shared by all that ask.
//!
//! It runs statements and knows none. Read in this order: [`Postgres`], `address` (what the URL says, and TLS), `session` (one
//! connection at work), `value` (values and errors), `patience` (how long it is waited for), `bell` (what other processes say).
//!
//! Whoever holds a lock and falls silent is cut off by the server after [`SILENCE`], so that a process that is stopped in the
//! middle of a batch keeps nobody waiting for longer than its lease.

mod address;
mod bell;
mod patience;
mod session;
#[cfg(test)]
mod tests;
mod value;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, PoolError,
    RecyclingMethod, Runtime,
};
use locum_store_sql::{
    OpenError,
    connection::{Dialect, Outcome, Row, SqlConnection, SqlError, Statement},
    migrations::{make_tables, migrate},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::SimpleQueryMessage;

pub use self::{
    address::{Address, WrongAddress},
    bell::Heard,
};
use self::{
    patience::Patience,
    session::{Batch, Query, Request},
    value::error,
};

/// The oldest version that is spoken to: 13.0.
const OLDEST_VERSION: u32 = 130_000;
/// How long an answer may take, waiting for a free connection included.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for migrations, which may rewrite large tables.
const PATIENCE_OF_MIGRATIONS: Duration = Duration::from_secs(60 * 60);
/// The same for copies of whole databases, whose pieces are large and may have a long way.
const PATIENCE_OF_COPIES: Duration = Duration::from_secs(10 * 60);
/// How long the server waits for the next word of an unfinished batch.
const SILENCE: Duration = Duration::from_secs(4);
/// How long the server lets a statement wait for a lock: less than we wait for its answer.
const LOCKED: Duration = Duration::from_secs(4);
/// How often a batch is tried that the server gave up because batches waited for each other in a circle.
const TRIES: u32 = 4;
/// The pause ahead of the next try.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a server is waited for that is just starting.
const STARTING: Duration = Duration::from_secs(30);

/// What the server's list of sessions calls those of a Locum that works with a database.
pub const SESSION: &str = "locum";
/// What it calls those of a copy.
const SESSION_OF_COPY: &str = "locum migrate";

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    address: Arc<Address>,
    pool: Pool,
    patience: Arc<Patience>,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server cannot be reached, or refuses us.
    #[error("{server}: {why}")]
    Refused {
        /// Where it is, without the password.
        server: String,
        /// What it, or the network, said.
        why: String,
    },
    /// It is too old.
    #[error("{server} is PostgreSQL {found}; Locum needs 13 or newer")]
    TooOld {
        /// Where it is.
        server: String,
        /// Its version, as it says it.
        found: String,
    },
    /// The database's tables cannot be used.
    #[error(transparent)]
    Tables(#[from] OpenError),
}

impl Postgres {
    /// Connects to the database, and brings its tables up to date. `connections`: how many are kept at most.
    ///
    /// # Errors
    /// It cannot be used.
    pub async fn open(address: Address, connections: usize) -> Result<Self, PostgresError> {
        let address = Arc::new(address);
        let patient = Self::over(&address, 1, PATIENCE_OF_MIGRATIONS, SILENCE)?;
        patient.greet().await?;
        migrate(&patient).await?;
        patient.close();
        Self::over(&address, connections, PATIENCE, SILENCE)
    }

    /// Connects to a database to copy all of it, or into it, and brings its tables up to date. It may be half of a copy.
    ///
    /// # Errors
    /// It cannot be used.
    pub async fn open_to_copy(address: Address) -> Result<Self, PostgresError> {
        let address = Arc::new(address.named(SESSION_OF_COPY));
        let this = Self::over(&address, 1, PATIENCE_OF_COPIES, PATIENCE_OF_COPIES)?;
        this.greet().await?;
        make_tables(&this).await?;
        Ok(this)
    }

    /// The same database, with `connections` of its own: for what must not wait for the others.
    ///
    /// # Errors
    /// The pool cannot be made.
    pub fn beside(&self, connections: usize) -> Result<Self, PostgresError> {
        Self::over(&self.address, connections, self.patience.usual(), SILENCE)
    }

    /// Lets go of all connections. Nothing can be asked from then on.
    pub fn close(&self) {
        self.pool.close();
    }

    fn over(
        address: &Arc<Address>,
        connections: usize,
        patience: Duration,
        silence: Duration,
    ) -> Result<Self, PostgresError> {
        let config = ManagerConfig {
            // A connection that has broken is noticed when it is used.
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(address.config.clone(), address.tls.clone(), config);
        let locked = patience.min(LOCKED).as_millis();
        let set_up = format!(
            "SET idle_in_transaction_session_timeout = {}; SET lock_timeout = {}",
            silence.as_millis(),
            if patience > PATIENCE { 0 } else { locked },
        );
        let hook = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let set_up = set_up.clone();
            Box::pin(async move {
                client
                    .batch_execute(&set_up)
                    .await
                    .map_err(HookError::Backend)
            })
        });
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .post_create(hook)
            .build();
        let pool = pool.map_err(|why| address.refused(why.to_string()))?;
        Ok(Self {
            address: Arc::clone(address),
            pool,
            patience: Arc::new(Patience::new(patience)),
        })
    }

    /// Waits for the server, and looks whether it is one that we know how to speak with.
    async fn greet(&self) -> Result<(), PostgresError> {
        let mut waited = Duration::ZERO;
        let client = loop {
            match timeout(PATIENCE, self.pool.get()).await {
                Ok(Ok(client)) => break client,
                Ok(Err(PoolError::Backend(failed)))
                    if value::is_starting(&failed) && waited < STARTING =>
                {
                    tracing::info!("the database is starting; waiting for it");
                    sleep(Duration::from_secs(1)).await;
                    waited += Duration::from_secs(1);
                }
                Ok(Err(failed)) => {
                    return Err(self.address.refused(pool_error(failed).to_string()));
                }
                Err(_) => return Err(self.address.refused(NO_ANSWER.to_owned())),
            }
        };
        let show = async |name: &str| {
            let said = client.simple_query(&format!("SHOW {name}")).await;
            let said = said.map_err(|why| self.address.refused(error(&why).to_string()))?;
            let value = said.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            Ok::<_, PostgresError>(value.unwrap_or_default().to_owned())
        };
        let (number, found) = (
            show("server_version_num").await?,
            show("server_version").await?,
        );
        let is_standby = show("transaction_read_only").await? == "on";
        if number
            .parse()
            .is_ok_and(|number: u32| number < OLDEST_VERSION)
        {
            let server = self.address.shown();
            return Err(PostgresError::TooOld { server, found });
        }
        if is_standby {
            let why = "it can only be read, as a standby; DATABASE_URL must name the primary";
            return Err(self.address.refused(why.to_owned()));
        }
        Ok(())
    }

    /// Asks on a connection of the pool; in time, or not at all.
    ///
    /// Whoever leaves while a connection is at work leaves it to the others, who wait until it is done.
    async fn ask<R: Request>(&self, request: &R) -> Result<R::Answer, SqlError> {
        let waiting = self.patience.wait(Instant::now());
        let in_vain = |error| {
            waiting.was_in_vain();
            error
        };
        let no_answer = || in_vain(SqlError::Unavailable(NO_ANSWER.to_owned()));
        let mut round = 0;
        loop {
            round += 1;
            let client = timeout_at(waiting.end, self.pool.get()).await;
            let client = client.map_err(|_| no_answer())?;
            let client = client.map_err(|failed| in_vain(pool_error(failed)))?;
            let Ok(answered) = timeout_at(waiting.end, request.run(&client)).await else {
                // What it is in the middle of nobody knows.
                drop(Client::take(client));
                return Err(no_answer());
            };
            waiting.was_answered();
            let failed = match answered {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let is_worth_another = match failed.code() {
                Some(code) => value::is_circle(code) && round < TRIES,
                None => {
                    drop(Client::take(client));
                    failed.is_closed() && R::AGAIN && round == 1
                }
            };
            if !is_worth_another {
                return Err(error(&failed));
            }
            sleep(PAUSE * round).await;
        }
    }
}

const NO_ANSWER: &str = "the database does not answer";

#[async_trait]
impl SqlConnection for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        self.ask(&Query(statement)).await
    }

    /// What a batch has begun is done to its end, also where whoever asked for it leaves.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        let this = self.clone();
        let done = tokio::spawn(async move { this.ask(&Batch(statements)).await });
        let failed = |error: tokio::task::JoinError| SqlError::Failed(error.to_string());
        done.await.map_err(failed)?
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("server", &self.address.shown())
            .finish_non_exhaustive()
    }
}

/// Why there is no connection.
fn pool_error(failed: PoolError) -> SqlError {
    match failed {
        PoolError::Backend(failed) => match error(&failed) {
            // Whatever keeps us from connecting now, others may mend it.
            SqlError::Failed(why) => SqlError::Unavailable(why),
            other => other,
        },
        PoolError::PostCreateHook(failed) => SqlError::Unavailable(failed.to_string()),
        PoolError::Closed => SqlError::Unavailable("the database is closed".to_owned()),
        PoolError::Timeout(_) | PoolError::NoRuntimeSpecified => {
            SqlError::Unavailable(NO_ANSWER.to_owned())
        }
    }
}
