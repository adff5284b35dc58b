//! What a collection of garbage costs.

use locum_engine::store::{Housekeeping, MessageStore, ThreadStore};

use crate::{
    objects::{message, project, thread, thread_id},
    sqlite::{store, wait},
};

#[test]
fn a_purge_takes_no_more_than_its_limit() {
    let (store, _) = store();
    for n in 0..20 {
        let id = format!("thread_{n}");
        let messages: Vec<_> = (0..7)
            .map(|m| message(&format!("msg_{n}_{m}"), &id))
            .collect();
        wait(store.insert_thread(&project(), &thread(&id), &messages)).unwrap();
        let gone = format!("msg_{n}_3").as_str().into();
        wait(store.delete_message(&project(), &thread_id(&id), &gone)).unwrap();
        wait(store.delete_thread(&project(), &thread_id(&id))).unwrap();
    }
    let mut left = wait(store.deleted_rows()).unwrap().total();
    assert_eq!(left, 20 * 8);
    for _ in 0..20 * 8 {
        let purged = wait(store.purge(9)).unwrap().total();
        assert!(purged <= 9, "{purged}");
        left -= purged;
        assert_eq!(wait(store.deleted_rows()).unwrap().total(), left);
        if purged == 0 {
            break;
        }
    }
    assert_eq!(left, 0);
}
