//! What the program prints, and how it ends.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
};

use rustix::process::Signal;

use crate::support::{Running, SERVABLE, address, check_refusal, locum, run, text};

#[test]
fn without_a_command_it_explains_itself() {
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("locum demo"));
}

#[test]
fn help_has_examples() {
    let output = run(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("curl http://127.0.0.1:8787/v1/chat/completions"));
}

#[test]
fn a_wrong_setting_is_2() {
    check_refusal(&run(&["serve"], &[("PORT", "x")]), 2, &["PORT holds \"x\""]);
    check_refusal(&run(&["serve"], &[]), 2, &["API_KEY is not set"]);
    check_refusal(&run(&["demo"], &[("LOG_LEVEL", "x")]), 2, &["LOG_LEVEL"]);
}

#[test]
fn nothing_to_serve_is_2() {
    let output = run(&["serve"], &[("API_KEY", "sk-test")]);
    check_refusal(
        &output,
        2,
        &["PROVIDER_GEMINI_ENABLED", "PROVIDER_REHEARSAL_ENABLED"],
    );
}

#[test]
fn a_script_that_is_none_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.json");
    std::fs::write(&script, "nonsense").unwrap();
    let settings = [
        SERVABLE[0],
        SERVABLE[1],
        ("REHEARSAL_SCRIPT", script.to_str().unwrap()),
    ];
    check_refusal(&run(&["serve"], &settings), 2, &[]);
}

#[test]
fn a_taken_port_is_1() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    for command in ["serve", "demo"] {
        let settings = [SERVABLE[0], SERVABLE[1], ("PORT", &port)];
        let output = run(&[command], &settings);
        check_refusal(&output, 1, &[&port, "is taken", command]);
    }
}

#[test]
fn config_shows_where_values_are_from_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "PORT=4321\nAPI_KEY=hush\n").unwrap();
    let output = locum(
        &["config"],
        &[("GEMINI_API_KEY", "hush"), ("LOG_LEVEL", "warn")],
    )
    .current_dir(folder.path())
    .output()
    .unwrap();
    let shown = text(&output.stdout);
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line("PORT=").starts_with("PORT=4321 ") && line("PORT=").ends_with("# from .env"));
    assert_eq!(line("LOG_LEVEL="), "LOG_LEVEL=warn");
    assert_eq!(line("GEMINI_API_KEY="), "GEMINI_API_KEY=***");
    assert!(line("HOST=").ends_with("# default"));
    assert!(!shown.contains("hush") && !text(&output.stderr).contains("hush"));
}

#[test]
fn the_documents_are_printed() {
    let output = run(&["config", "--env-example"], &[]);
    assert_eq!(text(&output.stdout), locum_engine::settings::env_example());
    let output = run(&["config", "--markdown"], &[]);
    assert_eq!(text(&output.stdout), locum_engine::settings::markdown());
}

#[test]
fn it_stops_when_asked() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::start(&["serve"], &SERVABLE);
        let (line, _) = running.line_with("listening on");
        assert!(
            line.contains("providers=rehearsal") && line.contains("authentication=on"),
            "{line}"
        );
        running.signal(signal);
        let (code, rest) = running.end();
        assert_eq!(code, Some(0));
        assert!(rest.contains("stopped"), "{rest}");
    }
}

#[test]
fn a_client_that_is_still_being_answered_makes_it_3() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", silent.local_addr().unwrap());
    let settings = [
        SERVABLE[0],
        SERVABLE[2],
        ("PROVIDER_OPENAI_ENABLED", "true"),
        ("OPENAI_API_KEY", "none"),
        ("OPENAI_BASE_URL", &base_url),
    ];
    let mut running = Running::start(&["serve"], &settings);
    let (line, _) = running.line_with("listening on");
    let mut client = TcpStream::connect(address(&line)).unwrap();
    let body = r#"{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"a"}]}"#;
    write!(
        client,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer sk-test\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let _asked = silent.accept().unwrap();
    running.signal(Signal::TERM);
    running.line_with("stopping");
    running.signal(Signal::TERM);
    let (code, rest) = running.end();
    assert_eq!(code, Some(3), "{rest}");
    assert!(rest.contains("answers=1"), "{rest}");
}

#[test]
fn what_is_set_but_off_is_said_at_start_and_what_is_in_env_counts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "NODE_ENV=production\n").unwrap();
    let settings = [
        SERVABLE[0],
        SERVABLE[1],
        SERVABLE[2],
        ("GEMINI_API_KEY", "hush"),
    ];
    let mut running = Running::start_in(folder.path(), &["serve"], &settings);
    let (line, before) = running.line_with("GEMINI_API_KEY");
    assert!(
        line.starts_with('{') && line.contains("\"level\":\"WARN\""),
        "{line}"
    );
    assert!(!format!("{before}{line}").contains("hush"));
}

#[test]
fn the_demo_needs_no_key_and_makes_one() {
    let settings = [("PORT", "0"), ("PROVIDER_GEMINI_ENABLED", "true")];
    let mut running = Running::start(&["demo"], &settings);
    let (line, greeting) = running.line_with("listening on");
    let address = address(&line);
    assert!(greeting.contains(&format!("curl http://{address}/v1/chat/completions")));
    assert!(greeting.contains(&format!(
        "OpenAI(base_url=\"http://{address}/v1\", api_key=\"sk-locum-"
    )));
    assert!(greeting.contains("kept in ./data/locum.db"));
    assert!(line.contains("providers=rehearsal"), "{line}");
}

#[test]
fn the_demo_does_not_show_the_operators_own_key() {
    let settings = [("PORT", "0"), ("API_KEY", "hush")];
    let mut running = Running::start(&["demo"], &settings);
    let (_, greeting) = running.line_with("listening on");
    assert!(!greeting.contains("hush") && greeting.contains("Bearer $API_KEY"));
}
