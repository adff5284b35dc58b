//! Assistants.

use futures_util::future::join_all;
use locum_domain::assistant::Assistant;
use locum_engine::store::Versioned;

use super::{
    bench::{Bench, all},
    sample,
};

async fn insert(bench: &Bench, assistant: &Assistant) {
    let inserted = bench.store.insert_assistant(&bench.project, assistant);
    inserted.await.unwrap();
}

async fn find(bench: &Bench, assistant: &Assistant) -> Option<Versioned<Assistant>> {
    let found = bench.store.assistant(&bench.project, &assistant.id);
    found.await.unwrap()
}

async fn update(bench: &Bench, assistant: &Versioned<Assistant>) -> bool {
    let updated = bench.store.update_assistant(&bench.project, assistant);
    updated.await.unwrap()
}

async fn delete(bench: &Bench, assistant: &Assistant) -> bool {
    let deleted = bench.store.delete_assistant(&bench.project, &assistant.id);
    deleted.await.unwrap()
}

async fn list(bench: &Bench) -> Vec<Assistant> {
    let page = bench.store.assistants(&bench.project, &all()).await;
    page.unwrap().unwrap().items
}

/// The same assistant under another name.
fn renamed(of: &Versioned<Assistant>, name: &str) -> Versioned<Assistant> {
    let mut new = of.clone();
    new.value.profile.name = Some(name.to_owned());
    new
}

pub(super) async fn they_come_back_as_they_were_stored(bench: Bench) {
    let stored = [sample::assistant(1), sample::full_assistant(2)];
    for assistant in &stored {
        insert(&bench, assistant).await;
        assert_eq!(find(&bench, assistant).await.unwrap().value, *assistant);
    }
    assert_eq!(list(&bench).await, stored);
}

pub(super) async fn an_unknown_one_is_not_there(bench: Bench) {
    let unknown = sample::assistant(1);
    assert_eq!(find(&bench, &unknown).await, None);
    assert!(!delete(&bench, &unknown).await);
    let unknown = Versioned {
        value: unknown,
        version: 1,
    };
    assert!(!update(&bench, &unknown).await);
    assert_eq!(list(&bench).await, []);
}

pub(super) async fn a_change_needs_the_version_that_it_was_read_with(bench: Bench) {
    insert(&bench, &sample::full_assistant(1)).await;
    let first = find(&bench, &sample::assistant(1)).await.unwrap();
    assert!(update(&bench, &renamed(&first, "second")).await);
    let second = find(&bench, &first.value).await.unwrap();
    assert_eq!(second.value, renamed(&first, "second").value);
    assert_ne!(second.version, first.version);
    assert!(!update(&bench, &renamed(&first, "late")).await);
    assert_eq!(find(&bench, &first.value).await.unwrap(), second);
    assert_eq!(list(&bench).await, std::slice::from_ref(&second.value));
    assert!(update(&bench, &renamed(&second, "third")).await);
    // Nobody may take the third state for the first.
    let third = find(&bench, &first.value).await.unwrap();
    assert_ne!(third.version, first.version);
}

pub(super) async fn of_racing_changes_one_wins(bench: Bench) {
    insert(&bench, &sample::assistant(1)).await;
    let first = find(&bench, &sample::assistant(1)).await.unwrap();
    let changes: Vec<_> = (0..16).map(|n| renamed(&first, &format!("{n}"))).collect();
    let won = join_all(changes.iter().map(|change| update(&bench, change))).await;
    let winners: Vec<_> = changes.iter().zip(won).filter(|(_, won)| *won).collect();
    assert_eq!(winners.len(), 1);
    let now = find(&bench, &first.value).await.unwrap();
    assert_eq!(now.value, winners[0].0.value);
}

pub(super) async fn what_was_deleted_is_gone(bench: Bench) {
    let (stays, goes) = (sample::assistant(1), sample::assistant(2));
    insert(&bench, &stays).await;
    insert(&bench, &goes).await;
    let before = find(&bench, &goes).await.unwrap();
    assert!(delete(&bench, &goes).await);
    assert!(!delete(&bench, &goes).await);
    assert!(!update(&bench, &before).await);
    assert_eq!(find(&bench, &goes).await, None);
    assert_eq!(list(&bench).await, [stays]);
}

pub(super) async fn other_projects_have_their_own(bench: Bench) {
    let stranger = bench.stranger();
    let (ours, theirs) = (sample::assistant(1), sample::assistant(2));
    insert(&bench, &ours).await;
    insert(&stranger, &theirs).await;
    assert_eq!(find(&stranger, &ours).await, None);
    assert_eq!(list(&stranger).await, [theirs]);
    let found = find(&bench, &ours).await.unwrap();
    assert!(!update(&stranger, &renamed(&found, "stolen")).await);
    assert!(!delete(&stranger, &ours).await);
    assert_eq!(find(&bench, &ours).await.unwrap(), found);
    assert_eq!(list(&bench).await, [ours]);
}
