//! The program, started as a test in another language starts it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// The running program, and the first line that it prints.
fn start(stdin: Stdio) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scripted-upstream"))
        .args(["--port", "0"])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    (child, line)
}

fn is_serving(line: &str) -> bool {
    let address = line.trim_end().strip_prefix("listening on ").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /__requests HTTP/1.1\r\nhost: upstream\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.ends_with("\r\n\r\n[]")
}

#[test]
fn serves_until_its_starter_lets_go() {
    let (mut child, line) = start(Stdio::piped());
    assert!(is_serving(&line));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_empty_input_does_not_end_it() {
    let (mut child, line) = start(Stdio::null());
    assert!(is_serving(&line));
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_arguments_are_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_scripted-upstream"))
        .args(["--port", "many"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--port takes a number"));
}
