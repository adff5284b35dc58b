//! A disk without room: what does not fit is refused, what was stored stays, and it goes on once there is room.

use futures_util::future::join_all;
use locum::sqlite::Sqlite;
use locum_domain::project::Project;
use locum_engine::store::{Added, MessageStore, StoreError, ThreadStore};
use locum_store_sql::{SqlConnection, SqlStore};

use crate::support::{check_integrity, database, message, statement, thread};

/// As many pages as the database may have.
async fn allow(database: &Sqlite, pages: &'static str) {
    database.batch(vec![statement(pages, &[])]).await.unwrap();
}

#[tokio::test]
async fn a_full_database_says_so_and_recovers() {
    let (database, folder) = database();
    let store = SqlStore::open(database.clone()).await.unwrap();
    let project = Project::default();
    store
        .insert_thread(&project, &thread("thread_a"), &[])
        .await
        .unwrap();
    allow(&database, "PRAGMA max_page_count = 200").await;

    // Large ones fill it up; among those that wait together, small ones may still fit.
    let messages: Vec<_> = (0..80)
        .map(|number| {
            message(
                "thread_a",
                &format!("msg_{number:03}"),
                &"x".repeat(16 << 10),
            )
        })
        .collect();
    let inserts = messages.iter().map(|it| store.insert_message(&project, it));
    let inserted = join_all(inserts).await;
    let stored: Vec<_> = messages
        .iter()
        .zip(&inserted)
        .filter(|(_, inserted)| **inserted == Ok(Added::Added))
        .map(|(message, _)| message)
        .collect();
    let refused = inserted
        .iter()
        .filter(|it| matches!(it, Err(StoreError::Full(_))))
        .count();
    assert_eq!(stored.len() + refused, messages.len(), "{inserted:?}");
    assert!(!stored.is_empty() && refused > 0);
    for message in &stored {
        let found = store
            .message(&project, &message.thread_id, &message.id)
            .await;
        assert_eq!(found.unwrap().unwrap().value, **message);
    }

    allow(&database, "PRAGMA max_page_count = 100000").await;
    let late = message("thread_a", "msg_late", &"x".repeat(16 << 10));
    assert_eq!(
        store.insert_message(&project, &late).await,
        Ok(Added::Added)
    );
    database.close().await;
    check_integrity(&folder.path().join("locum.db"));
}
