//! The store on this host's database answers what every store is asked.

use std::sync::{Arc, Mutex};

use locum_store_sql::SqlStore;
use locum_testkit::contract::ask_everything;

use crate::support::database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_is_answered() {
    let folders = Mutex::new(Vec::new());
    ask_everything(async || {
        let (database, folder) = database();
        folders.lock().unwrap().push(folder);
        Arc::new(SqlStore::open(database).await.unwrap()) as _
    })
    .await;
}
