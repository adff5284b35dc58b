//! The rate limit over all processes that share a database: a row for each client address, for PostgreSQL alone. A database that one
//! process has for itself need not count for others.
//!
//! The database's own clock tells the time, because those of several machines differ.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use locum_engine::{
    limit::{Counter, Grant, SHARE},
    ports::{LimitsError, PortFuture},
};

use crate::{
    connection::{SqlConnection, Statement},
    row::Cells,
};

/// After how many requests windows that are over are taken away.
const SWEEP: u64 = 1000;

/// Milliseconds since 1970.
macro_rules! now {
    () => {
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"
    };
}

/// Whether a client's window is over.
macro_rules! is_over {
    () => {
        "w.ends_at <= excluded.ends_at - ?2"
    };
}

/// What is granted of a window that is not over; see [`SHARE`].
macro_rules! share {
    () => {
        "CASE WHEN w.used >= ?4 THEN 0 WHEN ?4 - w.used < ?5 THEN 1 ELSE (?4 - w.used) / ?5 END"
    };
}

/// `?1`: the client, `?2`: the window's length in milliseconds, `?3`: what is granted of a new window, `?4`: the limit, `?5`: [`SHARE`].
const GRANT: &str = concat!(
    "INSERT INTO rate_windows AS w (client, ends_at, used, granted) VALUES (?1, ",
    now!(),
    " + ?2, ?3, ?3) ON CONFLICT (client) DO UPDATE SET ends_at = CASE WHEN ",
    is_over!(),
    " THEN excluded.ends_at ELSE w.ends_at END, used = CASE WHEN ",
    is_over!(),
    " THEN excluded.used ELSE w.used + ",
    share!(),
    " END, granted = CASE WHEN ",
    is_over!(),
    " THEN excluded.granted ELSE ",
    share!(),
    " END RETURNING granted, used, GREATEST(ends_at - ",
    now!(),
    ", 1)"
);

/// Counts requests in a table.
#[derive(Clone)]
pub struct SqlCounter<C> {
    inner: Arc<Inner<C>>,
}

struct Inner<C> {
    connection: C,
    limit: u64,
    window: Duration,
    counted: AtomicU64,
}

impl<C: SqlConnection> SqlCounter<C> {
    /// Counts `limit` requests in each `window`, over a connection whose tables are up to date.
    pub fn new(connection: C, limit: u64, window: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                connection,
                limit,
                window,
                counted: AtomicU64::new(0),
            }),
        }
    }
}

impl<C: SqlConnection + 'static> Counter for SqlCounter<C> {
    fn grant(&self, client: IpAddr) -> PortFuture<'static, Result<Grant, LimitsError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.grant(client).await })
    }
}

impl<C: SqlConnection> Inner<C> {
    async fn grant(&self, client: IpAddr) -> Result<Grant, LimitsError> {
        let failed = |error: &dyn ToString| LimitsError(error.to_string());
        if self.counted.fetch_add(1, Relaxed) % SWEEP == SWEEP - 1 {
            let sweep = concat!("DELETE FROM rate_windows WHERE ends_at <= ", now!());
            let swept = self.connection.batch(vec![Statement::new(sweep)]).await;
            swept.map_err(|error| failed(&error))?;
        }
        let statement = Statement::new(GRANT)
            .bind(client.to_string())
            .bind(u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX))
            .bind((self.limit / SHARE).max(1))
            .bind(self.limit)
            .bind(SHARE);
        let rows = self.connection.query(statement).await;
        let row = rows.map_err(|error| failed(&error))?.into_iter().next();
        let mut cells = Cells::of(row.unwrap_or_default());
        let mut next = || cells.whole().map_err(|error| failed(&error));
        let (permits, used, reset_ms) = (next()?, next()?, next()?);
        Ok(Grant {
            permits,
            limit: self.limit,
            left: self.limit.saturating_sub(used),
            reset: Duration::from_millis(reset_ms),
        })
    }
}
