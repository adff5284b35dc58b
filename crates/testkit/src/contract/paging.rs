//! All lists, a page at a time.

use std::{ops::Range, sync::Arc};

use locum_domain::{
    id::ThreadId,
    page::{Order, Page, PageQuery},
    project::Project,
    run::Run,
    time::Timestamp,
};
use locum_engine::store::{Added, MaybePage};

use super::{
    bench::{self, Bench, DRIVEN, all},
    sample::{self, SECOND},
};

/// A kind of list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Assistants,
    Threads,
    Messages,
    Runs,
    Steps,
    Files,
}

const LISTS: [List; 6] = [
    List::Assistants,
    List::Threads,
    List::Messages,
    List::Runs,
    List::Steps,
    List::Files,
];

/// One list of a kind: of a bench's project, and where a thread or a run has it, of thread and run `n`.
struct Shelf<'a> {
    bench: &'a Bench,
    kind: List,
    n: u64,
}

impl<'a> Shelf<'a> {
    /// An empty list, made with what it needs to be there.
    async fn new(bench: &'a Bench, kind: List, n: u64) -> Self {
        let shelf = Self::unmade(bench, kind, n);
        let n = shelf.n;
        match kind {
            List::Assistants | List::Threads | List::Files => {}
            List::Messages | List::Runs => {
                bench.thread(n).await;
            }
            List::Steps => {
                bench.begin(n, DRIVEN).await;
            }
        }
        shelf
    }

    /// A list without what it needs to be there. Lists of two kinds have no thread and no run in common.
    fn unmade(bench: &'a Bench, kind: List, n: u64) -> Self {
        let n = 1000 * (1 + kind as u64) + n;
        Self { bench, kind, n }
    }

    fn thread(&self) -> ThreadId {
        sample::thread(self.n).id
    }

    fn run(&self) -> Run {
        sample::run(&self.thread(), self.n)
    }

    /// Adds object `n`, made in this second, and says its id.
    async fn add(&self, n: u64, second: u64) -> String {
        let (store, project) = (&self.bench.store, &self.bench.project);
        let created_at = Timestamp(second);
        match self.kind {
            List::Assistants => {
                let mut new = sample::assistant(n);
                new.created_at = created_at;
                store.insert_assistant(project, &new).await.unwrap();
                new.id.to_string()
            }
            List::Threads => {
                let mut new = sample::thread(n);
                new.created_at = created_at;
                store.insert_thread(project, &new, &[]).await.unwrap();
                new.id.to_string()
            }
            List::Messages => {
                let mut new = sample::message(&self.thread(), n);
                new.created_at = created_at;
                let added = store.insert_message(project, &new).await;
                assert_eq!(added, Ok(Added::Added));
                new.id.to_string()
            }
            List::Runs => {
                let mut new = sample::run(&self.thread(), n);
                new.created_at = created_at;
                assert_eq!(self.bench.insert(&new, &[], DRIVEN).await, Added::Added);
                self.bench.end(&new).await;
                new.id.to_string()
            }
            List::Steps => {
                let run = self.run();
                let mut new = sample::done(sample::calling_step(&run, n));
                new.created_at = created_at;
                self.bench.write(&run, &[bench::step(&new)]).await;
                new.id.to_string()
            }
            List::Files => {
                let mut new = sample::file(n);
                new.created_at = created_at;
                store.insert_file(project, &new).await.unwrap();
                new.id.to_string()
            }
        }
    }

    /// Adds objects of one second, the oldest with the highest number.
    async fn fill(&self, numbers: Range<u64>) -> Vec<String> {
        let mut ids = Vec::new();
        for n in numbers.rev() {
            ids.push(self.add(n, SECOND).await);
        }
        ids
    }

    /// Deletes one; false where objects of this kind cannot be deleted.
    async fn delete(&self, id: &str) -> bool {
        let (store, project) = (&self.bench.store, &self.bench.project);
        let deleted = match self.kind {
            List::Assistants => store.delete_assistant(project, &id.into()).await,
            List::Threads => store.delete_thread(project, &id.into()).await,
            List::Messages => {
                store
                    .delete_message(project, &self.thread(), &id.into())
                    .await
            }
            List::Runs | List::Steps => return false,
            List::Files => store.delete_file(project, &id.into()).await,
        };
        deleted.unwrap()
    }

    /// The ids of a page, and whether there are more.
    async fn ask(&self, query: &PageQuery) -> Option<(Vec<String>, bool)> {
        fn ids<T>(page: MaybePage<T>, id: impl Fn(&T) -> &str) -> Option<(Vec<String>, bool)> {
            page.map(|Page { items, has_more }| {
                (
                    items.iter().map(|item| id(item).to_owned()).collect(),
                    has_more,
                )
            })
        }
        let (store, project) = (&self.bench.store, &self.bench.project);
        let thread = self.thread();
        match self.kind {
            List::Assistants => {
                let page = store.assistants(project, query).await.unwrap();
                ids(page, |assistant| assistant.id.as_str())
            }
            List::Threads => {
                let page = store.threads(project, query).await.unwrap();
                ids(page, |thread| thread.id.as_str())
            }
            List::Messages => {
                let page = store.messages(project, &thread, None, query).await;
                ids(page.unwrap(), |message| message.id.as_str())
            }
            List::Runs => {
                let page = store.runs(project, &thread, query).await.unwrap();
                ids(page, |run| run.id.as_str())
            }
            List::Steps => {
                let page = store.steps(project, &thread, &self.run().id, query).await;
                ids(page.unwrap(), |step| step.id.as_str())
            }
            List::Files => {
                let page = store.files(project, None, query).await.unwrap();
                ids(page, |file| file.id.as_str())
            }
        }
    }

    /// Asks for a page that has to be there.
    async fn page(&self, query: &PageQuery) -> (Vec<String>, bool) {
        let page = self.ask(query).await;
        page.unwrap_or_else(|| panic!("{:?}: no page for {query:?}", self.kind))
    }
}

fn query(order: Order, limit: u32) -> PageQuery {
    PageQuery {
        limit,
        order,
        after: None,
        before: None,
    }
}

/// In the order that is asked for.
fn ordered(ids: &[String], order: Order) -> Vec<String> {
    let mut ids = ids.to_vec();
    if order == Order::Descending {
        ids.reverse();
    }
    ids
}

const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

pub(super) async fn an_empty_list_is_an_empty_page(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        for order in ORDERS {
            let page = shelf.page(&query(order, 20)).await;
            assert_eq!(page, (Vec::new(), false), "{kind:?}");
        }
    }
}

pub(super) async fn a_list_of_nothing_that_is_there_is_an_empty_page(bench: Bench) {
    for kind in [List::Messages, List::Runs, List::Steps] {
        let shelf = Shelf::unmade(&bench, kind, 1);
        let page = shelf.page(&query(Order::Ascending, 20)).await;
        assert_eq!(page, (Vec::new(), false), "{kind:?}");
    }
}

pub(super) async fn lists_are_in_the_order_in_which_they_were_stored(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let mut ids = shelf.fill(14..19).await;
        for (n, seconds) in [(11, 1), (13, 5), (12, 5), (10, 9)] {
            ids.push(shelf.add(n, SECOND + seconds).await);
        }
        for order in ORDERS {
            let (listed, _) = shelf.page(&query(order, 20)).await;
            assert_eq!(listed, ordered(&ids, order), "{kind:?}, {order:?}");
        }
    }
}

pub(super) async fn a_page_is_as_long_as_it_may_be(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let ids = shelf.fill(10..130).await;
        for (limit, length) in [
            (1, 1),
            (20, 20),
            (119, 119),
            (120, 120),
            (121, 120),
            (10_000, 120),
        ] {
            for order in ORDERS {
                let (listed, more) = shelf.page(&query(order, limit)).await;
                let expected = &ordered(&ids, order)[..length];
                assert_eq!(listed, expected, "{kind:?}, {order:?}, {limit}");
                assert_eq!(more, length < 120, "{kind:?}, {order:?}, {limit}");
            }
        }
    }
}

pub(super) async fn after_leads_through_the_whole_list(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let ids = shelf.fill(10..17).await;
        for (order, limit) in ORDERS.into_iter().flat_map(|o| [1, 3, 7].map(|n| (o, n))) {
            let mut query = query(order, limit);
            let mut seen = Vec::new();
            loop {
                let (listed, more) = shelf.page(&query).await;
                seen.extend(listed);
                assert_eq!(more, seen.len() < ids.len(), "{kind:?}, {query:?}");
                query.after = seen.last().cloned();
                if !more {
                    break;
                }
            }
            assert_eq!(seen, ordered(&ids, order), "{kind:?}, {order:?}, {limit}");
            let behind_the_last = shelf.page(&query).await;
            assert_eq!(behind_the_last, (Vec::new(), false), "{kind:?}");
        }
    }
}

pub(super) async fn before_leads_back_through_the_whole_list(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let ids = shelf.fill(10..17).await;
        for (order, limit) in ORDERS.into_iter().flat_map(|o| [1, 3, 6].map(|n| (o, n))) {
            let ids = ordered(&ids, order);
            let mut query = query(order, limit);
            let mut seen = ids[6..].to_vec();
            loop {
                query.before = seen.first().cloned();
                let (listed, more) = shelf.page(&query).await;
                seen.splice(..0, listed);
                assert_eq!(more, seen.len() < ids.len(), "{kind:?}, {query:?}");
                if !more {
                    break;
                }
            }
            assert_eq!(seen, ids, "{kind:?}, {order:?}, {limit}");
            query.before = ids.first().cloned();
            let ahead_of_the_first = shelf.page(&query).await;
            assert_eq!(ahead_of_the_first, (Vec::new(), false), "{kind:?}");
        }
    }
}

pub(super) async fn between_two_cursors_the_first_objects_come(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let ids = shelf.fill(10..17).await;
        for order in ORDERS {
            let ids = ordered(&ids, order);
            let between = |after: usize, before: usize, limit| PageQuery {
                after: Some(ids[after].clone()),
                before: Some(ids[before].clone()),
                ..query(order, limit)
            };
            for (after, before, limit, expected) in [
                (1, 5, 20, (2..5, false)),
                (1, 5, 3, (2..5, false)),
                (1, 5, 2, (2..4, true)),
                (1, 2, 20, (2..2, false)),
                (5, 1, 20, (2..2, false)),
                (3, 3, 20, (3..3, false)),
            ] {
                let page = shelf.page(&between(after, before, limit)).await;
                let expected = (ids[expected.0].to_vec(), expected.1);
                assert_eq!(page, expected, "{kind:?}, {order:?}, {after}, {before}");
            }
        }
    }
}

pub(super) async fn a_cursor_that_names_nothing_of_the_list_is_told(bench: Bench) {
    let stranger = bench.stranger();
    for kind in LISTS {
        let bench = project(&bench, kind);
        let stranger = project(&stranger, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let ids = shelf.fill(10..13).await;
        let theirs = Shelf::new(&stranger, kind, 2).await.fill(13..14).await;
        let mut strange = vec![String::new(), "unknown".to_owned(), theirs[0].clone()];
        if matches!(kind, List::Messages | List::Runs | List::Steps) {
            let beside = Shelf::new(&bench, kind, 3).await;
            strange.extend(beside.fill(15..16).await);
        }
        let good = Some(ids[1].clone());
        for n in 0..2 * strange.len() {
            let order = ORDERS[n % 2];
            let strange = Some(strange[n / 2].clone());
            for (after, before) in [
                (&strange, &None),
                (&None, &strange),
                (&strange, &good),
                (&good, &strange),
            ] {
                let query = PageQuery {
                    after: after.clone(),
                    before: before.clone(),
                    ..query(order, 20)
                };
                assert_eq!(shelf.ask(&query).await, None, "{kind:?}, {query:?}");
            }
        }
    }
}

pub(super) async fn what_was_deleted_serves_as_a_cursor_until_it_is_purged(bench: Bench) {
    for kind in LISTS {
        let bench = project(&bench, kind);
        let shelf = Shelf::new(&bench, kind, 1).await;
        let ids = shelf.fill(10..15).await;
        if !shelf.delete(&ids[2]).await {
            continue;
        }
        let (listed, _) = shelf.page(&all()).await;
        assert_eq!(listed.len(), 4, "{kind:?}");
        assert!(!listed.contains(&ids[2]), "{kind:?}");
        let after = |order| PageQuery {
            after: Some(ids[2].clone()),
            ..query(order, 20)
        };
        let before = |order| PageQuery {
            before: Some(ids[2].clone()),
            ..query(order, 20)
        };
        for (query, expected) in [
            (after(Order::Ascending), [&ids[3], &ids[4]]),
            (after(Order::Descending), [&ids[1], &ids[0]]),
            (before(Order::Ascending), [&ids[0], &ids[1]]),
            (before(Order::Descending), [&ids[4], &ids[3]]),
        ] {
            let expected = expected.map(Clone::clone).to_vec();
            let page = shelf.page(&query).await;
            assert_eq!(page, (expected, false), "{kind:?}, {query:?}");
        }
        while bench.store.purge(1000).await.unwrap().total() > 0 {}
        for order in ORDERS {
            assert_eq!(shelf.ask(&after(order)).await, None, "{kind:?}");
            assert_eq!(shelf.ask(&before(order)).await, None, "{kind:?}");
        }
        let (listed, _) = shelf.page(&all()).await;
        assert_eq!(listed.len(), 4, "{kind:?}");
    }
}

/// A project for each kind of list, so that the objects of one are not in the way of another's.
fn project(bench: &Bench, kind: List) -> Bench {
    Bench {
        store: Arc::clone(&bench.store),
        project: Project::named(format!("{}-{kind:?}", bench.project)),
    }
}
