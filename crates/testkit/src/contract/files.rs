//! Files.

use locum_domain::{
    file::{File, Purpose},
    id::FileId,
    page::{Order, PageQuery},
    time::Timestamp,
};

use super::{
    bench::{Bench, all},
    sample::{self, SECOND},
};

async fn insert(bench: &Bench, files: &[File]) {
    for file in files {
        let inserted = bench.store.insert_file(&bench.project, file);
        inserted.await.unwrap();
    }
}

async fn find(bench: &Bench, id: &FileId) -> Option<File> {
    let found = bench.store.file(&bench.project, id);
    found.await.unwrap()
}

async fn delete(bench: &Bench, id: &FileId) -> bool {
    let deleted = bench.store.delete_file(&bench.project, id);
    deleted.await.unwrap()
}

async fn list(bench: &Bench, purpose: Option<Purpose>, query: &PageQuery) -> (Vec<File>, bool) {
    let page = bench.store.files(&bench.project, purpose, query).await;
    let page = page.unwrap().unwrap();
    (page.items, page.has_more)
}

pub(super) async fn they_come_back_as_they_were_stored(bench: Bench) {
    let stored = [sample::file(1), sample::full_file(2)];
    insert(&bench, &stored).await;
    for file in &stored {
        assert_eq!(find(&bench, &file.id).await.unwrap(), *file);
    }
    assert_eq!(list(&bench, None, &all()).await, (stored.into(), false));
    assert_eq!(find(&bench, &"file-3".into()).await, None);
}

pub(super) async fn what_was_deleted_is_gone(bench: Bench) {
    let [goes, stays] = [1, 2].map(sample::file);
    insert(&bench, &[goes.clone(), stays.clone()]).await;
    assert!(delete(&bench, &goes.id).await);
    assert!(!delete(&bench, &goes.id).await);
    assert_eq!(find(&bench, &goes.id).await, None);
    assert_eq!(list(&bench, None, &all()).await.0, [stays]);
}

pub(super) async fn other_projects_have_their_own(bench: Bench) {
    let stranger = bench.stranger();
    let [ours, theirs] = [1, 2].map(sample::file);
    insert(&bench, std::slice::from_ref(&ours)).await;
    insert(&stranger, std::slice::from_ref(&theirs)).await;
    assert_eq!(find(&stranger, &ours.id).await, None);
    assert!(!delete(&stranger, &ours.id).await);
    assert_eq!(list(&stranger, None, &all()).await.0, [theirs]);
    assert_eq!(list(&bench, None, &all()).await.0, [ours]);
}

pub(super) async fn those_of_one_purpose_can_be_listed(bench: Bench) {
    let purposes = [Purpose::Vision, Purpose::FineTune, Purpose::Batch];
    let files: Vec<_> = (0..9)
        .map(|n| File {
            purpose: purposes[n as usize % 3],
            ..sample::file(n)
        })
        .collect();
    insert(&bench, &files).await;
    let of = |ids: &[usize]| -> Vec<File> { ids.iter().map(|n| files[*n].clone()).collect() };
    for (n, purpose) in purposes.into_iter().enumerate() {
        let (listed, more) = list(&bench, Some(purpose), &all()).await;
        assert_eq!((listed, more), (of(&[n, n + 3, n + 6]), false));
    }
    let (listed, _) = list(&bench, Some(Purpose::Evals), &all()).await;
    assert_eq!(listed, []);
    let mut query = PageQuery {
        limit: 2,
        order: Order::Descending,
        ..PageQuery::default()
    };
    let (listed, more) = list(&bench, Some(Purpose::FineTune), &query).await;
    assert_eq!((listed, more), (of(&[7, 4]), true));
    query.after = Some("file-4".to_owned());
    let (listed, more) = list(&bench, Some(Purpose::FineTune), &query).await;
    assert_eq!((listed, more), (of(&[1]), false));
}

pub(super) async fn those_that_have_expired_are_told(bench: Bench) {
    let stranger = bench.stranger();
    let expiring = |n, seconds| File {
        expires_at: Some(Timestamp(SECOND + seconds)),
        ..sample::file(n)
    };
    let ours = [
        expiring(1, 10),
        expiring(2, 20),
        expiring(3, 10),
        sample::file(4),
    ];
    insert(&bench, &ours).await;
    insert(&stranger, &[expiring(5, 10)]).await;
    assert!(delete(&bench, &ours[2].id).await);
    let expired = async |seconds, limit| {
        let expired = bench.store.expired_files(SECOND + seconds, limit).await;
        let mut expired = expired.unwrap();
        expired.sort_by(|a, b| a.1.id.cmp(&b.1.id));
        expired
    };
    assert_eq!(expired(9, 100).await, []);
    let first = (bench.project.clone(), ours[0].clone());
    let other = (stranger.project.clone(), expiring(5, 10));
    assert_eq!(expired(10, 100).await, [first.clone(), other.clone()]);
    assert_eq!(expired(10, 1).await.len(), 1);
    let second = (bench.project.clone(), ours[1].clone());
    assert_eq!(expired(99, 100).await, [first, second, other]);
}

pub(super) async fn those_that_are_known_are_told(bench: Bench) {
    let stranger = bench.stranger();
    let files: Vec<_> = (0..120).map(sample::file).collect();
    insert(&bench, &files[..60]).await;
    insert(&stranger, &files[60..]).await;
    assert!(delete(&bench, &files[7].id).await);
    let known = async |ids: Vec<String>| {
        let known = bench.store.known_files(&ids).await;
        let mut known = known.unwrap();
        known.sort();
        known
    };
    assert!(known(Vec::new()).await.is_empty());
    let names =
        |numbers: &[u64]| -> Vec<String> { numbers.iter().map(|n| format!("file-{n}")).collect() };
    let some = known(names(&[3, 7, 64, 500])).await;
    assert_eq!(some, names(&[3, 64]));
    let hundred: Vec<_> = (0..100).collect();
    assert_eq!(known(names(&hundred)).await.len(), 99);
}
