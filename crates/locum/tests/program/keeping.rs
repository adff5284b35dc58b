//! What is kept from one start to the next, and how a person looks at it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rustix::process::Signal;

use crate::support::{Running, SERVABLE, address, check_refusal, run, run_in, text};

/// Asks a running program; the answer with its head.
pub fn ask(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer sk-test\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// The id in an answer, which is its first field.
pub fn id(answer: &str) -> String {
    let (_, rest) = answer.split_once("\"id\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

pub fn serve(folder: &Path) -> (Running, String) {
    let mut running = Running::start_in(folder, &["serve"], &SERVABLE);
    let (line, _) = running.line_with("listening on");
    (running, address(&line))
}

pub fn stop(running: Running) {
    running.signal(Signal::TERM);
    let (code, rest) = running.end();
    assert_eq!(code, Some(0), "{rest}");
}

/// A thread on which a run has answered.
pub fn conversation(address: &str) -> String {
    let assistant = id(&ask(
        address,
        "POST",
        "/v1/assistants",
        r#"{"model":"rehearsal-1"}"#,
    ));
    let thread =
        r#"{"messages":[{"role":"user","content":"Hello\nthere \u001b[2J"}],"metadata":{"a":"b"}}"#;
    let thread = id(&ask(address, "POST", "/v1/threads", thread));
    // The stream ends with the run.
    let run = format!(r#"{{"assistant_id":"{assistant}","stream":true}}"#);
    let events = ask(address, "POST", &format!("/v1/threads/{thread}/runs"), &run);
    assert!(events.contains("event: thread.run.completed"), "{events}");
    thread
}

#[test]
fn a_conversation_outlives_the_program_and_can_be_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (running, address) = serve(folder.path());
    let thread = conversation(&address);
    // Beside the one that serves, and without any key.
    let look = |arguments: &[&str]| {
        let output = run_in(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let listed = look(&["threads", "list"]);
    assert!(
        listed.starts_with(&thread) && listed.lines().count() == 1,
        "{listed}"
    );
    assert!(
        listed.contains("completed") && listed.contains("Hello there"),
        "{listed}"
    );
    let shown = look(&["threads", "show", &thread]);
    for part in [
        "a=b",
        "    Hello\n    there \\u{1b}[2J\n",
        "rehearsal-1 of",
        "wrote msg_",
        "\nassistant  ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains('\u{1b}'));
    stop(running);

    assert_eq!(look(&["threads", "show", &thread]), shown);
    let (running, address) = serve(folder.path());
    ask(&address, "GET", &format!("/v1/threads/{thread}"), "");
    stop(running);
    let data = folder.path().join("data");
    assert_eq!(
        fs::metadata(&data).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(
        fs::metadata(data.join("locum.db"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
}

#[test]
fn as_many_threads_are_listed_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (running, address) = serve(folder.path());
    let threads: Vec<_> = (0..3)
        .map(|_| id(&ask(&address, "POST", "/v1/threads", "{}")))
        .collect();
    stop(running);
    let output = run_in(folder.path(), &["threads", "list", "--limit", "2"], &[]);
    let listed = text(&output.stdout);
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].starts_with(&threads[2]) && lines[1].starts_with(&threads[1]),
        "{listed}"
    );
    assert_eq!(lines[2..], ["There are more: --limit shows them."]);
}

#[test]
fn a_thread_that_is_not_there_is_1() {
    let folder = tempfile::tempdir().unwrap();
    stop(serve(folder.path()).0);
    let output = run_in(folder.path(), &["threads", "show", "thread_x"], &[]);
    check_refusal(&output, 1, &["No thread found with id 'thread_x'."]);
    let output = run_in(folder.path(), &["threads", "list"], &[]);
    assert_eq!(text(&output.stdout), "There are no threads.\n");
}

#[test]
fn where_nothing_is_kept_there_is_nothing_to_look_at() {
    for arguments in [["threads", "list"], ["gc", "--dry-run"]] {
        let folder = tempfile::tempdir().unwrap();
        let output = run_in(folder.path(), &arguments, &[]);
        check_refusal(&output, 1, &["there is no database at ./data/locum.db"]);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn garbage_is_collected_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let (running, address) = serve(folder.path());
    let thread = conversation(&address);
    ask(&address, "DELETE", &format!("/v1/threads/{thread}"), "");
    let orphan = folder.path().join("data/files/file-0Vbm");
    fs::create_dir(&orphan).unwrap();
    let file = fs::File::create(orphan.join("file-0Vbm")).unwrap();
    file.set_len(12_345).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();

    let collect = |arguments: &[&str]| {
        let output = run_in(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let counts = ["blobs without a file", "bytes of both", "rows of threads"].map(|what| {
            let line = said.lines().find(|line| line.starts_with(what)).unwrap();
            line.split_whitespace()
                .last()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        });
        (counts, said.contains("Nothing was removed"))
    };
    assert_eq!(collect(&["gc", "--dry-run"]), ([1, 12_345, 1], true));
    assert_eq!(collect(&["gc"]), ([1, 12_345, 1], false));
    assert_eq!(collect(&["gc"]), ([0, 0, 0], false));
    ask(&address, "POST", "/v1/threads", "{}");
    stop(running);
}

#[test]
fn two_do_not_serve_one_database() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _) = serve(folder.path());
    let output = run_in(folder.path(), &["serve"], &SERVABLE);
    check_refusal(&output, 1, &["another locum serves", "data/locum.db.lock"]);
    // Nor one folder of blobs, whose garbage the other would be.
    let elsewhere = [&SERVABLE[..], &[("DATABASE_URL", "sqlite:other.db")]].concat();
    let output = run_in(folder.path(), &["serve"], &elsewhere);
    check_refusal(&output, 1, &["another locum serves", "data/files/.lock"]);
    stop(running);
    stop(serve(folder.path()).0);
}

#[test]
fn a_killed_one_does_not_keep_the_next_from_serving() {
    let folder = tempfile::tempdir().unwrap();
    let (running, address) = serve(folder.path());
    let thread = id(&ask(&address, "POST", "/v1/threads", "{}"));
    running.signal(Signal::KILL);
    running.end();
    let (running, address) = serve(folder.path());
    ask(&address, "GET", &format!("/v1/threads/{thread}"), "");
    stop(running);
}

#[test]
fn a_newer_database_is_1() {
    let folder = tempfile::tempdir().unwrap();
    stop(serve(folder.path()).0);
    let database = rusqlite::Connection::open(folder.path().join("data/locum.db")).unwrap();
    database
        .execute("UPDATE schema_version SET version = 999", [])
        .unwrap();
    drop(database);
    for arguments in [&["serve"][..], &["gc"], &["threads", "list"]] {
        let output = run_in(folder.path(), arguments, &SERVABLE);
        check_refusal(
            &output,
            1,
            &["./data/locum.db", "schema 999", "newer version"],
        );
    }
}

#[test]
fn places_that_cannot_be_are_2() {
    let served = |name, value| run(&["serve"], &[&SERVABLE[..], &[(name, value)]].concat());
    let postgres = served("DATABASE_URL", "postgres://db/locum");
    check_refusal(
        &postgres,
        2,
        &[
            "DATABASE_URL holds \"postgres://db/locum\"",
            "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            "no user",
        ],
    );
    let with_password = served("DATABASE_URL", "postgres://user:hush@db:port/locum");
    check_refusal(&with_password, 2, &["DATABASE_URL"]);
    assert!(!text(&with_password.stderr).contains("hush"));
    let away = served("DATABASE_URL", "postgres://user:hush@127.0.0.1:1/chats");
    check_refusal(&away, 1, &["\"chats\" at 127.0.0.1:1", "refused"]);
    assert!(!text(&away.stderr).contains("hush"));
    check_refusal(
        &served("STORAGE_URL", "s3:bucket"),
        2,
        &["STORAGE_URL holds \"s3:bucket\"", "s3://"],
    );
    check_refusal(
        &served("DATA_DIR", "/dev/null/a"),
        2,
        &["DATA_DIR holds \"/dev/null/a\""],
    );
}

#[test]
fn what_is_no_database_is_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.db"),
        "no database at all. ".repeat(99),
    )
    .unwrap();
    let settings = [&SERVABLE[..], &[("DATABASE_URL", "sqlite:a.db")]].concat();
    let output = run_in(folder.path(), &["serve"], &settings);
    check_refusal(&output, 1, &["a.db", "not a database"]);
}
