//! Messages.

use locum_domain::{
    id::ThreadId,
    message::{Content, Message},
    metadata::Metadata,
    page::PageQuery,
    run::{Run, Write},
};
use locum_engine::store::{Added, Versioned};

use super::{
    bench::{self, Bench, DRIVEN, all, step},
    sample,
};

async fn insert(bench: &Bench, message: &Message) -> Added {
    let added = bench.store.insert_message(&bench.project, message);
    added.await.unwrap()
}

async fn find(bench: &Bench, message: &Message) -> Option<Versioned<Message>> {
    let found = bench
        .store
        .message(&bench.project, &message.thread_id, &message.id);
    found.await.unwrap()
}

async fn update(bench: &Bench, message: &Versioned<Message>) -> bool {
    let updated = bench.store.update_message(&bench.project, message);
    updated.await.unwrap()
}

async fn delete(bench: &Bench, message: &Message) -> bool {
    let deleted = bench
        .store
        .delete_message(&bench.project, &message.thread_id, &message.id);
    deleted.await.unwrap()
}

fn marked(of: &Versioned<Message>, mark: &str) -> Versioned<Message> {
    let mut new = of.clone();
    new.value.metadata = Metadata(vec![("mark".to_owned(), mark.to_owned())]);
    new
}

/// A run at work that writes message 1.
async fn writing(bench: &Bench) -> (Run, Message) {
    let run = bench.begin(1, DRIVEN).await;
    let begun = sample::begun_message(&run, 1);
    let writing = sample::writing_step(&run, 1, &begun);
    bench
        .write(&run, &[step(&writing), bench::message(&begun)])
        .await;
    (run, begun)
}

pub(super) async fn they_come_back_as_they_were_stored(bench: Bench) {
    let thread = bench.thread(1).await;
    let stored = [
        sample::message(&thread, 1),
        sample::full_message(&thread, 2),
    ];
    for message in &stored {
        assert_eq!(insert(&bench, message).await, Added::Added);
        assert_eq!(find(&bench, message).await.unwrap().value, *message);
    }
    assert_eq!(bench.messages(&thread).await, stored);
}

pub(super) async fn long_and_strange_texts_come_back_to_the_letter(bench: Bench) {
    let thread = bench.thread(1).await;
    let long: String = ["a", "ß", "中", "🙂"]
        .iter()
        .cycle()
        .take(256_000)
        .copied()
        .collect();
    let strange = "\u{0}\u{1}\u{7f}\u{feff}\u{202e}\u{e000}\u{10ffff} e\u{301} \r\n '\"\\?1 %_";
    for (n, text) in [long.as_str(), strange, " ", ""].into_iter().enumerate() {
        let message = Message {
            content: vec![Content::Text(text.to_owned())],
            ..sample::message(&thread, n as u64)
        };
        assert_eq!(insert(&bench, &message).await, Added::Added);
        let found = find(&bench, &message).await.unwrap();
        assert!(found.value == message, "text {n} came back as another");
    }
}

pub(super) async fn a_thread_that_is_not_there_takes_none(bench: Bench) {
    let thread = bench.stranger().thread(1).await;
    for thread in [thread, ThreadId::from("thread_2"), ThreadId::from("")] {
        let message = sample::message(&thread, 1);
        assert_eq!(insert(&bench, &message).await, Added::NoThread);
        assert_eq!(find(&bench, &message).await, None);
    }
    assert_eq!(bench.store.deleted_rows().await.unwrap().total(), 0);
}

pub(super) async fn none_is_added_while_a_run_is_at_work(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let message = sample::message(&run.thread_id, 1);
    assert_eq!(insert(&bench, &message).await, Added::Busy(run.id.clone()));
    assert_eq!(find(&bench, &message).await, None);
    let elsewhere = sample::message(&bench.thread(2).await, 2);
    assert_eq!(insert(&bench, &elsewhere).await, Added::Added);
    bench.end(&run).await;
    assert_eq!(insert(&bench, &message).await, Added::Added);
}

pub(super) async fn they_are_found_in_their_own_thread_alone(bench: Bench) {
    let (thread, another) = (bench.thread(1).await, bench.thread(2).await);
    let message = sample::message(&thread, 1);
    insert(&bench, &message).await;
    let stored = find(&bench, &message).await.unwrap();
    let elsewhere = Message {
        thread_id: another.clone(),
        ..message.clone()
    };
    for (bench, message) in [(&bench, &elsewhere), (&bench.stranger(), &message)] {
        assert_eq!(find(bench, message).await, None);
        assert!(!delete(bench, message).await);
        let stolen = Versioned {
            value: message.clone(),
            version: stored.version,
        };
        assert!(!update(bench, &stolen).await);
        assert_eq!(bench.messages(&message.thread_id).await, []);
    }
    assert_eq!(find(&bench, &message).await.unwrap(), stored);
}

pub(super) async fn a_change_needs_the_version_that_it_was_read_with(bench: Bench) {
    let message = sample::full_message(&bench.thread(1).await, 1);
    insert(&bench, &message).await;
    let first = find(&bench, &message).await.unwrap();
    assert!(update(&bench, &marked(&first, "second")).await);
    let second = find(&bench, &message).await.unwrap();
    assert_eq!(second.value, marked(&first, "second").value);
    assert!(!update(&bench, &marked(&first, "late")).await);
    assert_eq!(find(&bench, &message).await.unwrap(), second);
    assert_eq!(
        bench.messages(&message.thread_id).await,
        std::slice::from_ref(&second.value)
    );
}

pub(super) async fn what_was_deleted_is_gone(bench: Bench) {
    let thread = bench.thread(1).await;
    let (goes, stays) = (sample::message(&thread, 1), sample::message(&thread, 2));
    insert(&bench, &goes).await;
    insert(&bench, &stays).await;
    let before = find(&bench, &goes).await.unwrap();
    assert!(delete(&bench, &goes).await);
    assert!(!delete(&bench, &goes).await);
    assert!(!update(&bench, &before).await);
    assert_eq!(find(&bench, &goes).await, None);
    assert_eq!(bench.messages(&thread).await, [stays]);
}

pub(super) async fn those_of_one_run_can_be_listed(bench: Bench) {
    let thread = bench.thread(1).await;
    insert(&bench, &sample::message(&thread, 10)).await;
    let mut written = Vec::new();
    for n in 1..3 {
        let run = sample::run(&thread, n);
        let messages = [n * 2, n * 2 + 1].map(|n| sample::begun_message(&run, n));
        let writes: Vec<_> = messages.iter().map(bench::message).collect();
        assert_eq!(bench.insert(&run, &writes, DRIVEN).await, Added::Added);
        bench.end(&run).await;
        written.push((run, messages));
    }
    let list = async |run| {
        let page = bench
            .store
            .messages(&bench.project, &thread, Some(&run), &all())
            .await;
        page.unwrap().unwrap().items
    };
    for (run, messages) in written {
        assert_eq!(list(run.id).await, messages);
    }
    assert_eq!(list("run_3".into()).await, []);
    assert_eq!(bench.messages(&thread).await.len(), 5);
}

pub(super) async fn a_runs_write_is_a_change_of_its_message(bench: Bench) {
    let (run, begun) = writing(&bench).await;
    let seen = find(&bench, &begun).await.unwrap();
    let whole = sample::whole(begun.clone());
    bench.write(&run, &[bench::message(&whole)]).await;
    // Else the message would be in progress again.
    assert!(!update(&bench, &marked(&seen, "late")).await);
    assert_eq!(find(&bench, &begun).await.unwrap().value, whole);
}

pub(super) async fn one_that_was_deleted_under_a_run_stays_deleted(bench: Bench) {
    let (run, begun) = writing(&bench).await;
    assert!(delete(&bench, &begun).await);
    let whole = sample::whole(begun.clone());
    bench.write(&run, &[bench::message(&whole)]).await;
    assert_eq!(find(&bench, &begun).await, None);
    assert_eq!(bench.messages(&run.thread_id).await, []);
    assert!(!delete(&bench, &begun).await);
    assert_eq!(bench.store.deleted_rows().await.unwrap().messages, 1);
}

pub(super) async fn one_that_was_taken_back_still_serves_as_a_cursor(bench: Bench) {
    // Whoever asks for what is new, behind the last message that they have seen, may have seen this one.
    let (run, begun) = writing(&bench).await;
    let again = sample::begun_message(&run, 2);
    let writes = [Write::DropMessage(begun.id.clone()), bench::message(&again)];
    bench.write(&run, &writes).await;
    let query = PageQuery {
        after: Some(begun.id.to_string()),
        ..all()
    };
    let page = bench
        .store
        .messages(&bench.project, &run.thread_id, None, &query)
        .await;
    let page = page.unwrap().expect("a page behind the cursor");
    assert_eq!(page.items, [again]);
}
