//! Long threads.

use locum_domain::page::{Order, PageQuery};
use locum_engine::store::{MessageStore, ThreadStore};

use crate::{
    objects::{message, project, thread, thread_id},
    sqlite::{store, wait},
};

#[test]
fn ten_thousand_messages_are_paged_through_both_ways() {
    let (store, sqlite) = store();
    let messages: Vec<_> = (0..10_000)
        .map(|n| message(&format!("msg_{n}"), "thread_1"))
        .collect();
    let (project, thread_id) = (project(), thread_id("thread_1"));
    wait(store.insert_thread(&project, &thread("thread_1"), &messages)).unwrap();
    sqlite.asked();

    let ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
    for order in [Order::Ascending, Order::Descending] {
        let mut seen = Vec::new();
        let mut query = PageQuery {
            limit: 100,
            order,
            ..PageQuery::default()
        };
        for _ in 0..100 {
            let page = wait(store.messages(&project, &thread_id, None, &query));
            let page = page.unwrap().unwrap();
            assert_eq!(page.items.len(), 100);
            seen.extend(page.items.into_iter().map(|message| message.id.to_string()));
            assert_eq!(page.has_more, seen.len() < 10_000);
            query.after = seen.last().cloned();
        }
        if order == Order::Descending {
            seen.reverse();
        }
        assert_eq!(seen, ids);
        let end = wait(store.messages(&project, &thread_id, None, &query));
        assert_eq!(end.unwrap().unwrap().items, []);
    }
    // A page is one statement, but for the empty one at the end, whose cursor is looked up.
    assert_eq!(sqlite.asked().len(), 2 * (100 + 2));
}
