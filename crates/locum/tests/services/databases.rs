//! Databases on the server that `LOCUM_TEST_POSTGRES` names, one for each who wants one.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use locum::postgres::{Address, Postgres};
use tokio_postgres::{Client, NoTls};

static MADE: AtomicU32 = AtomicU32::new(0);

/// The server's own database, from which others are made.
pub fn server() -> String {
    env::var("LOCUM_TEST_POSTGRES")
        .expect("LOCUM_TEST_POSTGRES names a server; `cargo xtask test --only services` does so")
}

/// A connection that knows nothing of Locum.
pub async fn plain(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The URL of a new database.
pub async fn new_database() -> String {
    let server = server();
    let name = format!("test_{}_{}", process::id(), MADE.fetch_add(1, Relaxed));
    let client = plain(&server).await;
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    let (start, _) = server.rsplit_once('/').unwrap();
    format!("{start}/{name}")
}

/// Opens a database as a process does.
pub async fn open(url: &str) -> Postgres {
    Postgres::open(Address::of(url).unwrap(), 4).await.unwrap()
}
