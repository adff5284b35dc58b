//! Messages.

use locum_domain::{
    id::{FileId, RunId},
    message::{Attachment, AttachmentTool, Content, Message, MessageStatus, NewMessage, Role},
    page::PageQuery,
    thread::NewThread,
};

use crate::desk::{Desk, after, elsewhere, no_cursor, no_such, oldest_first, pairs, refused, says};

fn shows(file: &str) -> NewMessage {
    let image = Content::ImageFile {
        file_id: file.to_owned(),
        detail: None,
    };
    let mut message = says("Look:");
    message.content.push(image);
    message
}

fn attaches(file: &str) -> NewMessage {
    NewMessage {
        attachments: vec![Attachment {
            file_id: file.to_owned(),
            tools: vec![AttachmentTool::FileSearch],
        }],
        ..says("Read:")
    }
}

#[test]
fn a_message_is_complete_at_once() {
    let desk = Desk::new();
    let thread = desk.thread(&[]);
    let new = NewMessage {
        role: Role::Assistant,
        metadata: pairs(&[("a", "b")]),
        ..says("hello")
    };
    let made = desk.message(&thread, new).unwrap();
    let now = desk.world.timestamp();
    let expected = Message {
        id: made.id.clone(),
        thread_id: thread.id.clone(),
        created_at: now,
        status: MessageStatus::Completed,
        incomplete: None,
        completed_at: Some(now),
        incomplete_at: None,
        role: Role::Assistant,
        content: says("hello").content,
        assistant_id: None,
        run_id: None,
        attachments: Vec::new(),
        metadata: pairs(&[("a", "b")]),
        signature: None,
    };
    assert_eq!(made, expected);
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    let found = desk.run(use_cases.retrieve_message(ours, &thread.id, &made.id));
    assert_eq!(found.unwrap(), made);

    let metadata = Some(pairs(&[("c", "d")]));
    let changed = desk.run(use_cases.modify_message(ours, &thread.id, &made.id, metadata));
    let changed = changed.unwrap();
    assert_eq!(changed.metadata, pairs(&[("c", "d")]));
    let same = desk.run(use_cases.modify_message(ours, &thread.id, &made.id, None));
    assert_eq!(same.unwrap(), changed);

    desk.run(use_cases.delete_message(ours, &thread.id, &made.id))
        .unwrap();
    let gone = no_such("message", &made.id);
    let found = desk.run(use_cases.retrieve_message(ours, &thread.id, &made.id));
    assert_eq!(refused(found), gone);
    let again = desk.run(use_cases.delete_message(ours, &thread.id, &made.id));
    assert_eq!(refused(again), gone);
}

#[test]
fn a_message_is_found_in_its_own_thread_alone() {
    let desk = Desk::new();
    let (thread, other) = (desk.thread(&[]), desk.thread(&[]));
    let made = desk.message(&thread, says("hello")).unwrap();
    let (use_cases, ours) = (&desk.assistants, &desk.project);
    let found = desk.run(use_cases.retrieve_message(ours, &other.id, &made.id));
    assert_eq!(refused(found), no_such("message", &made.id));
    let theirs = elsewhere();
    let found = desk.run(use_cases.retrieve_message(&theirs, &thread.id, &made.id));
    assert_eq!(refused(found), no_such("thread", &thread.id));
    let list = desk.run(use_cases.list_messages(ours, &other.id, None, &after(&made.id)));
    assert_eq!(refused(list), no_cursor("after", "message", &made.id));
}

#[test]
fn messages_are_listed_in_the_order_in_which_they_came() {
    let desk = Desk::new();
    let thread = desk.thread(&["0", "1"]);
    for text in ["2", "3"] {
        desk.message(&thread, says(text)).unwrap();
    }
    let list = |run: Option<&RunId>, query: PageQuery| {
        let page = desk
            .assistants
            .list_messages(&desk.project, &thread.id, run, &query);
        let page = desk.run(page).unwrap();
        let said: Vec<_> = page.items.into_iter().map(|it| it.content).collect();
        (said, page.has_more)
    };
    let said = |texts: &[&str]| -> Vec<_> { texts.iter().map(|it| says(it).content).collect() };
    let newest_first = list(None, PageQuery::default());
    assert_eq!(newest_first, (said(&["3", "2", "1", "0"]), false));
    assert_eq!(list(None, oldest_first(3)), (said(&["0", "1", "2"]), true));
    let run = RunId::from("run_0");
    assert_eq!(list(Some(&run), PageQuery::default()), (vec![], false));
}

#[test]
fn files_must_be_there() {
    let desk = Desk::new();
    let thread = desk.thread(&[]);
    let file = desk.file(Some(3600), "x").id;
    for good in [shows(file.as_str()), attaches(file.as_str())] {
        desk.message(&thread, good).unwrap();
    }
    let missing = |param: &str, id: &FileId| {
        let (status, _, sentence) = no_such("file", id);
        (status, Some(param.to_owned()), sentence)
    };
    let nothing = FileId::from("file-0");
    let shown = missing("content[1].image_file.file_id", &nothing);
    let attached = missing("attachments[0].file_id", &nothing);
    assert_eq!(refused(desk.message(&thread, shows("file-0"))), shown);
    assert_eq!(refused(desk.message(&thread, attaches("file-0"))), attached);
    let new = NewThread {
        messages: vec![shows(file.as_str()), attaches("file-0")],
        ..NewThread::default()
    };
    let made = desk.run(desk.assistants.create_thread(&desk.project, new));
    assert_eq!(
        refused(made),
        missing("messages[1].attachments[0].file_id", &nothing)
    );
    let threads = desk.list_threads(&PageQuery::default());
    assert_eq!(threads.unwrap().items, std::slice::from_ref(&thread));

    let theirs = NewThread {
        messages: vec![shows(file.as_str())],
        ..NewThread::default()
    };
    let made = desk.run(desk.assistants.create_thread(&elsewhere(), theirs));
    assert_eq!(
        refused(made),
        missing("messages[0].content[1].image_file.file_id", &file)
    );
    desk.wait(std::time::Duration::from_secs(3600));
    assert_eq!(
        refused(desk.message(&thread, shows(file.as_str()))),
        missing("content[1].image_file.file_id", &file)
    );
}
