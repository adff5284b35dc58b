//! The store on PostgreSQL.

use std::sync::Arc;

use futures_util::future::join_all;
use locum::postgres::{Address, Postgres, PostgresError};
use locum_store_sql::SqlStore;
use locum_testkit::contract::ask_everything;

use crate::databases::{new_database, open, plain, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_is_answered() {
    ask_everything(async || {
        let postgres = open(&new_database().await).await;
        Arc::new(SqlStore::open(postgres).await.unwrap()) as _
    })
    .await;
}

#[tokio::test]
async fn several_make_the_tables_at_once() {
    for _ in 0..3 {
        let url = new_database().await;
        let opened = join_all((0..6).map(|_| {
            let address = Address::of(&url).unwrap();
            Postgres::open(address, 1)
        }));
        for one in opened.await {
            SqlStore::open(one.unwrap()).await.unwrap();
        }
    }
}

async fn refusal(url: &str) -> String {
    let refused: PostgresError = Postgres::open(Address::of(url).unwrap(), 1)
        .await
        .unwrap_err();
    refused.to_string()
}

#[tokio::test]
async fn what_cannot_be_used_is_said() {
    let server = server();
    let (start, _) = server.rsplit_once('/').unwrap();
    let said = refusal(&format!("{start}/nowhere")).await;
    assert!(
        said.contains("\"nowhere\"") && said.contains("does not exist"),
        "{said}"
    );

    let said = refusal("postgres://locum:geheim@127.0.0.1:1/chats").await;
    assert!(
        said.contains("127.0.0.1:1") && !said.contains("geheim"),
        "{said}"
    );

    let client = plain(&server).await;
    client
        .batch_execute("DO $$ BEGIN CREATE ROLE stranger LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        .await
        .unwrap();
    let url = new_database().await.replace("//locum", "//stranger");
    let said = refusal(&url).await;
    assert!(said.contains("permission denied"), "{said}");
}
