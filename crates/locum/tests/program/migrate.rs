//! Moving from one place to another.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Output, Stdio},
};

use rusqlite::Connection;

use crate::{
    keeping::{ask, conversation, id, serve, stop},
    support::{SERVABLE, check_refusal, locum, run, run_in, text},
};

const TO: [&str; 5] = [
    "migrate",
    "--to",
    "sqlite:new/locum.db",
    "--blobs-to",
    "file:new/files",
];
const OBJECTS: [&str; 3] = ["migrate", "--to", "sqlite:new/locum.db"];
const BLOBS: [&str; 3] = ["migrate", "--blobs-to", "file:new/files"];

/// Uploads a file; its id.
fn upload(address: &str, content: &str) -> String {
    let body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n\
         --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n{content}\r\n--b--\r\n"
    );
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "POST /v1/files HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer sk-test\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    id(&answer)
}

#[track_caller]
fn done(output: &Output) -> String {
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    said
}

/// A folder with something in its database and among its blobs: a thread, and a file's id.
fn used(folder: &Path) -> (String, String) {
    let (running, address) = serve(folder);
    let thread = conversation(&address);
    let file = upload(&address, "some bytes");
    upload(&address, "");
    stop(running);
    (thread, file)
}

/// Adds many messages to what is kept in `folder`.
fn add_messages(folder: &Path, count: u32) {
    let database = Connection::open(folder.join("data/locum.db")).unwrap();
    let add = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
               INSERT INTO messages (id, project, created_at, thread_id, version, deleted, data) \
               SELECT 'msg_more' || n, project, created_at, thread_id, version, deleted, data \
               FROM n, (SELECT * FROM messages LIMIT 1)";
    database.execute(add, [count]).unwrap();
}

fn messages(database: &Path) -> i64 {
    let database = Connection::open(database).unwrap();
    let count = "SELECT COUNT(*) FROM messages";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn all_that_is_kept_moves_and_is_served_there() {
    let folder = tempfile::tempdir().unwrap();
    let (thread, file) = used(folder.path());
    let show = |settings: &[(&str, &str)]| {
        let shown = run_in(folder.path(), &["threads", "show", &thread], settings);
        done(&shown)
    };

    let moved = run_in(folder.path(), &TO, &[]);
    let said = done(&moved);
    assert_eq!(said.matches("  ok").count(), 7, "{said}");
    assert!(said.contains("10 bytes"), "{said}");
    let told = text(&moved.stderr);
    assert!(told.contains("copying messages: 2 rows\n"), "{told}");

    // All of it is there already, and the same.
    let again = run_in(folder.path(), &TO, &[]);
    assert_eq!(done(&again), said);
    let told = text(&again.stderr);
    assert!(!told.contains("copying messages"), "{told}");
    assert!(told.contains("2 of them are there already"), "{told}");
    let verified = run_in(folder.path(), &[&TO[..], &["--verify-only"]].concat(), &[]);
    assert_eq!(done(&verified), said);

    assert_eq!(show(&[]), show(&[("DATA_DIR", "new")]));
    let new = tempfile::tempdir().unwrap();
    fs::rename(folder.path().join("new"), new.path().join("data")).unwrap();
    let (running, address) = serve(new.path());
    let content = ask(&address, "GET", &format!("/v1/files/{file}/content"), "");
    assert!(content.ends_with("some bytes"), "{content}");
    conversation(&address);
    stop(running);
}

#[test]
fn a_copy_that_was_killed_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    used(folder.path());
    add_messages(folder.path(), 20_000);
    for line in [
        "copying assistants",
        "copying messages",
        "copying runs",
        "comparing messages",
        "copying blobs",
    ] {
        let mut child = locum(&TO, &[])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(told.any(|it| it.unwrap().starts_with(line)), "{line}");
        child.kill().unwrap();
        child.wait().unwrap();
        let target = folder.path().join("new/locum.db");
        if line == "copying messages" {
            let half = messages(&target);
            assert!(half < 20_002, "{half}");
            let to_target = [&SERVABLE[..], &[("DATA_DIR", "new")]].concat();
            let refused = run_in(folder.path(), &["serve"], &to_target);
            check_refusal(&refused, 1, &["new/locum.db", "`locum migrate` again"]);
        }
        if line != "copying runs" {
            // The next one goes on with what this one has left.
            continue;
        }
        done(&run_in(folder.path(), &TO, &[]));
        assert_eq!(messages(&target), 20_002);
        fs::remove_dir_all(folder.path().join("new")).unwrap();
    }
    done(&run_in(folder.path(), &TO, &[]));
    assert_eq!(messages(&folder.path().join("new/locum.db")), 20_002);
}

#[test]
fn what_is_served_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _) = serve(folder.path());
    for (arguments, lock) in [(OBJECTS, "locum.db.lock"), (BLOBS, "files/.lock")] {
        let refused = run_in(folder.path(), &arguments, &[]);
        check_refusal(&refused, 1, &["another locum serves", lock]);
    }
    stop(running);
    // Nor is anything copied into it.
    done(&run_in(folder.path(), &TO, &[]));
    let elsewhere = tempfile::tempdir().unwrap();
    stop(serve(elsewhere.path()).0);
    let (running, _) = serve(folder.path());
    let target = format!("sqlite:{}", folder.path().join("data/locum.db").display());
    let refused = run_in(elsewhere.path(), &["migrate", "--to", &target], &[]);
    check_refusal(&refused, 1, &["another locum serves"]);
    stop(running);
}

#[test]
fn a_target_that_holds_something_else_is_1() {
    let folder = tempfile::tempdir().unwrap();
    used(folder.path());
    let other = tempfile::tempdir().unwrap();
    used(other.path());
    fs::rename(other.path().join("data"), folder.path().join("new")).unwrap();
    let objects = run_in(folder.path(), &OBJECTS, &[]);
    check_refusal(&objects, 1, &["the target holds other assistants"]);
    let blobs = run_in(folder.path(), &BLOBS, &[]);
    check_refusal(&blobs, 1, &["the target holds a blob file-"]);
    let there = tempfile::tempdir().unwrap();
    let missing = run_in(there.path(), &TO, &[]);
    check_refusal(&missing, 1, &["there is no database at ./data/locum.db"]);
    let missing = run_in(there.path(), &BLOBS, &[]);
    check_refusal(&missing, 1, &["there is no folder at ./data/files"]);
    assert_eq!(there.path().read_dir().unwrap().count(), 0);
}

#[test]
fn what_differs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = used(folder.path());
    done(&run_in(folder.path(), &TO, &[]));
    let database = Connection::open(folder.path().join("new/locum.db")).unwrap();
    database
        .execute("UPDATE messages SET created_at = 1", [])
        .unwrap();
    drop(database);
    let blob = folder.path().join("new/files").join(&file[..9]).join(&file);
    fs::write(blob, "same bytes").unwrap();
    for more in [&[][..], &["--verify-only"]] {
        let output = run_in(folder.path(), &[&TO[..], more].concat(), &[]);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        let last = told.lines().last().unwrap();
        let names = format!("differs from the source: table messages, blob {file}. ");
        assert!(last.contains(&names), "{told}");
        let said = text(&output.stdout);
        assert_eq!(said.matches("DIFFERS").count(), 2, "{said}");
    }
}

#[test]
fn what_cannot_be_meant_is_2() {
    for arguments in [
        &["migrate"][..],
        &["migrate", "--from", "sqlite:a"],
        &["migrate", "--from", "sqlite:a", "--blobs-to", "file:b"],
        &["migrate", "--verify-only"],
    ] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    for (arguments, parts) in [
        (["--to", "mysql://a"], ["--to holds", "sqlite:PATH"]),
        (["--to", "postgres://db/a"], ["--to holds", "no user"]),
        (["--to", "env:NONE"], ["the variable NONE", "not set"]),
        (["--blobs-to", "ftp://a"], ["--blobs-to holds", "file:PATH"]),
        (["--to", "sqlite:./data/locum.db"], ["--to names", "--from"]),
        (
            ["--blobs-to", "file:./data/files"],
            ["--blobs-to names", "--blobs-from"],
        ),
    ] {
        let output = run(&[&["migrate"], &arguments[..]].concat(), &[]);
        check_refusal(&output, 2, &parts);
    }
    let from = ["migrate", "--from", "a.db", "--to", "sqlite:b"];
    check_refusal(&run(&from, &[]), 2, &["--from holds"]);
}

#[test]
fn a_variable_can_name_the_target() {
    let folder = tempfile::tempdir().unwrap();
    used(folder.path());
    let to = ["migrate", "--to", "env:TARGET"];
    let variables = [("TARGET", "sqlite:new/locum.db")];
    done(&run_in(folder.path(), &to, &variables));
    let count = |database| messages(&folder.path().join(database));
    assert_eq!(count("new/locum.db"), count("data/locum.db"));
}
