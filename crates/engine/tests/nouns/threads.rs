//! Threads.

use std::time::Duration;

use locum_domain::{
    assistant::ToolResources,
    page::PageQuery,
    thread::{NewThread, Thread, ThreadChange},
};
use locum_testkit::{Dialect, Ending, Fault};

use crate::desk::{
    Desk, after, before, elsewhere, no_cursor, no_such, oldest_first, pairs, refused, says,
};

fn resources(store: &str) -> ToolResources {
    ToolResources {
        code_interpreter_file_ids: None,
        file_search_vector_store_ids: Some(vec![store.to_owned()]),
    }
}

#[test]
fn a_thread_begins_with_its_messages() {
    let desk = Desk::new();
    let new = NewThread {
        messages: vec![says("one"), says("two"), says("three")],
        metadata: pairs(&[("a", "b")]),
        tool_resources: Some(resources("vs_1")),
    };
    let use_cases = &desk.assistants;
    let made = desk
        .run(use_cases.create_thread(&desk.project, new))
        .unwrap();
    let expected = Thread {
        id: made.id.clone(),
        created_at: desk.world.timestamp(),
        metadata: pairs(&[("a", "b")]),
        tool_resources: Some(resources("vs_1")),
    };
    assert_eq!(made, expected);
    let found = desk.run(use_cases.retrieve_thread(&desk.project, &made.id));
    assert_eq!(found.unwrap(), made);
    let query = oldest_first(20);
    let messages = use_cases.list_messages(&desk.project, &made.id, None, &query);
    let messages = desk.run(messages).unwrap().items;
    let said: Vec<_> = messages.into_iter().map(|it| it.content).collect();
    assert_eq!(said, ["one", "two", "three"].map(|text| says(text).content));
}

#[test]
fn a_change_replaces_what_it_names() {
    let desk = Desk::new();
    let made = desk.thread(&[]);
    let modify = |change| {
        let changed = desk
            .assistants
            .modify_thread(&desk.project, &made.id, change);
        desk.run(changed).unwrap()
    };
    let changed = modify(ThreadChange {
        metadata: Some(pairs(&[("a", "b")])),
        tool_resources: None,
    });
    assert_eq!(changed.metadata, pairs(&[("a", "b")]));
    let changed = modify(ThreadChange {
        metadata: None,
        tool_resources: Some(Some(resources("vs_1"))),
    });
    assert_eq!(changed.metadata, pairs(&[("a", "b")]));
    assert_eq!(changed.tool_resources, Some(resources("vs_1")));
    assert_eq!(modify(ThreadChange::default()), changed);
    let changed = modify(ThreadChange {
        metadata: Some(pairs(&[])),
        tool_resources: Some(None),
    });
    assert_eq!(changed, made);
}

#[test]
fn a_deleted_thread_is_gone_with_everything_in_it() {
    let desk = Desk::new();
    let thread = desk.thread(&["one"]);
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    let query = PageQuery::default();
    let messages = use_cases.list_messages(ours, &thread.id, None, &query);
    let message = desk.run(messages).unwrap().items.remove(0).id;
    assert_eq!(
        refused(desk.run(use_cases.delete_thread(&elsewhere(), &thread.id))),
        no_such("thread", &thread.id)
    );
    desk.run(use_cases.delete_thread(ours, &thread.id)).unwrap();

    let gone = no_such("thread", &thread.id);
    let id = &thread.id;
    assert_eq!(refused(desk.run(use_cases.delete_thread(ours, id))), gone);
    assert_eq!(refused(desk.run(use_cases.retrieve_thread(ours, id))), gone);
    let change = ThreadChange::default();
    assert_eq!(
        refused(desk.run(use_cases.modify_thread(ours, id, change))),
        gone
    );
    assert_eq!(refused(desk.message(&thread, says("two"))), gone);
    for query in [PageQuery::default(), after(&message), after("msg_0")] {
        let list = use_cases.list_messages(ours, id, None, &query);
        assert_eq!(refused(desk.run(list)), gone);
    }
    assert_eq!(
        refused(desk.run(use_cases.retrieve_message(ours, id, &message))),
        gone
    );
    assert_eq!(
        refused(desk.run(use_cases.delete_message(ours, id, &message))),
        gone
    );
    for metadata in [None, Some(pairs(&[]))] {
        let modify = use_cases.modify_message(ours, id, &message, metadata);
        assert_eq!(refused(desk.run(modify)), gone);
    }
}

#[test]
fn threads_are_listed_newest_first() {
    let desk = Desk::new();
    let made: Vec<_> = (0..3).map(|_| desk.thread(&[]).id).collect();
    let list = |query: PageQuery| {
        let page = desk.list_threads(&query);
        page.map(|page| page.items.into_iter().map(|it| it.id).collect::<Vec<_>>())
    };
    let newest_first: Vec<_> = made.iter().rev().cloned().collect();
    assert_eq!(list(PageQuery::default()).unwrap(), newest_first);
    assert_eq!(list(oldest_first(2)).unwrap(), made[..2]);
    assert_eq!(list(before(&made[1])).unwrap(), made[2..]);
    assert_eq!(
        refused(list(before("thread_0"))),
        no_cursor("before", "thread", "thread_0")
    );
}

#[test]
fn a_run_at_work_ends_with_its_thread() {
    let desk = Desk::new();
    desk.handles.upstream.openai([Fault::Silent]);
    let thread = desk.thread(&["hello"]);
    let run = desk.begin_run(&thread);
    desk.wait(Duration::from_secs(1));
    let busy = format!(
        "Can't add messages to {} while a run {} is active.",
        thread.id, run.id
    );
    assert_eq!(
        refused(desk.message(&thread, says("more"))),
        (400, None, busy)
    );
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    desk.run(use_cases.delete_thread(ours, &thread.id)).unwrap();
    desk.wait(Duration::from_millis(1));
    assert_eq!(
        desk.handles.upstream.last(Dialect::OpenAi).ending,
        Ending::HungUp
    );
    assert_eq!(desk.handles.tasks.count(), 0);
    let found = use_cases.retrieve_run(ours, &thread.id, &run.id);
    assert_eq!(refused(desk.run(found)), no_such("thread", &thread.id));
    let rows = desk.collect(false).deleted_rows;
    assert_eq!((rows.threads, rows.messages, rows.runs), (1, 1, 1));
}
