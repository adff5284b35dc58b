//! Logs: one line per request at its end, the request id on every line, and never a prompt or a key.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use locum_testkit::{Fault, UPSTREAM_KEY};
use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{
    BYPASS_KEY, KEY, Locum, METRICS_KEY, chat, from, get, next_bytes, post, request, streamed_chat,
    with,
};

/// The lines that `scene` logs, as production writes them.
fn lines(level: Level, scene: impl FnOnce()) -> Vec<Value> {
    let buffer = Buffer::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(level)
        .with_writer(buffer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, scene);
    let bytes = buffer.0.lock().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fields of the one line that tells of a request's end.
fn end(lines: &[Value]) -> &Value {
    let ends: Vec<_> = lines
        .iter()
        .map(|line| &line["fields"])
        .filter(|fields| fields["message"] == "request")
        .collect();
    assert_eq!(ends.len(), 1, "{lines:#?}");
    ends[0]
}

fn request_id(line: &Value) -> &str {
    line["span"]["request_id"].as_str().unwrap_or_default()
}

#[test]
fn a_request_ends_with_one_line_that_tells_all() {
    let locum = Locum::new();
    let lines = lines(Level::INFO, || {
        let body = chat("gpt-4.1-mini");
        let request = with(
            "x-client-request-id",
            "mine-1",
            post("/v1/chat/completions?a=b", &body),
        );
        let answer = locum.ask(request);
        assert!(answer.header("x-request-id").len() > 4);
    });
    let end = end(&lines);
    for (field, value) in [
        ("method", json!("POST")),
        ("route", json!("/v1/chat/completions")),
        ("path", json!("/v1/chat/completions")),
        ("status", json!(200)),
        ("provider", json!("openai")),
        ("requested_model", json!("gpt-4.1-mini")),
        ("tries", json!(1)),
        ("streamed", json!(false)),
        ("client", json!("192.0.2.1")),
        ("client_request_id", json!("mine-1")),
        ("operation", json!("chat")),
    ] {
        assert_eq!(end[field], value, "{field}");
    }
    assert!(end["tokens_in"].as_u64().unwrap() > 0);
    assert!(end["tokens_out"].as_u64().unwrap() > 0);
    assert!(end["elapsed_ms"].is_f64());
    assert!(end["first_token_ms"].is_f64());
    assert!(end.get("error").is_none() && end.get("fallback").is_none());
}

#[test]
fn every_line_carries_the_request_id() {
    let locum = Locum::new();
    locum
        .world
        .upstream
        .openai([Fault::Status(500), Fault::BadKey]);
    let mut id = String::new();
    let lines = lines(Level::TRACE, || {
        let answer = locum.post("/v1/chat/completions", &streamed_chat("gpt-4.1-mini"));
        id.push_str(answer.header("x-request-id"));
        assert!(answer.events().1);
    });
    assert!(lines.len() > 3, "{lines:#?}");
    for line in &lines {
        let spans = line["spans"].to_string();
        assert!(request_id(line) == id || spans.contains(&id), "{line}");
    }
    assert_eq!(end(&lines)["fallback"], true);
    assert_eq!(end(&lines)["tries"], 3);
}

#[test]
fn the_request_id_is_there_at_every_level() {
    let locum = Locum::with(&[("PROVIDER_GEMINI_ENABLED", "false")]);
    locum.world.upstream.openai([Fault::BadKey]);
    let lines = lines(Level::WARN, || {
        locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
    });
    assert!(lines.len() >= 2, "{lines:#?}");
    for line in &lines {
        assert!(line["spans"].to_string().contains("req_"), "{line}");
    }
}

#[test]
fn a_client_that_leaves_is_noted_and_its_upstream_request_given_up() {
    let locum = Locum::new();
    locum.world.upstream.pace(Duration::from_secs(1));
    let lines = lines(Level::INFO, || {
        locum.world.clock.run(async {
            let request = post("/v1/chat/completions", &streamed_chat("gpt-4.1-mini"));
            let mut body = locum.begin(request).await.into_body();
            next_bytes(&mut body).await.unwrap();
        });
    });
    assert_eq!(end(&lines)["status"], 499);
    assert!(locum.world.upstream.requests()[0].is_cancelled());
    let series =
        "locum_requests_total{route=\"/v1/chat/completions\",method=\"POST\",status=\"499\"}";
    assert_eq!(locum.metric(series), 1.0);
    assert_eq!(locum.metric("locum_requests_in_flight"), 0.0);
}

#[test]
fn a_client_that_leaves_before_the_answer_is_noted_too() {
    let locum = Locum::new();
    locum.world.upstream.openai([Fault::Silent]);
    let lines = lines(Level::INFO, || {
        let request = post("/v1/chat/completions", &chat("gpt-4.1-mini"));
        let left = locum
            .world
            .clock
            .run_for(Duration::from_secs(1), locum.begin(request));
        assert!(left.is_none());
    });
    assert_eq!(end(&lines)["status"], 499);
    assert_eq!(request_id(&lines[0]).get(..4), Some("req_"));
    assert!(locum.world.upstream.requests()[0].is_cancelled());
}

#[test]
fn what_is_our_or_the_providers_fault_is_a_warning() {
    let locum = Locum::with(&[
        ("PROVIDER_FALLBACK_ENABLED", "false"),
        ("PROVIDER_MAX_RETRIES", "0"),
    ]);
    let level_and_error = |scene: &dyn Fn()| {
        let lines = lines(Level::INFO, scene);
        let error = end(&lines)["error"].as_str().unwrap_or_default().to_owned();
        let line = lines
            .into_iter()
            .find(|line| line["fields"]["message"] == "request");
        (line.unwrap()["level"].as_str().unwrap().to_owned(), error)
    };
    locum.world.upstream.openai([Fault::Status(500)]);
    let plain = || drop(locum.post("/v1/chat/completions", &chat("gpt-4.1-mini")));
    assert_eq!(
        level_and_error(&plain),
        ("WARN".to_owned(), "server".to_owned())
    );
    locum.world.upstream.openai([Fault::Cut(3)]);
    let streamed = || drop(locum.post("/v1/chat/completions", &streamed_chat("gpt-4.1-mini")));
    assert_eq!(
        level_and_error(&streamed),
        ("WARN".to_owned(), "cut".to_owned())
    );
    let wrong = || drop(locum.ask(with("authorization", "Bearer wrong", get("/v1/models"))));
    assert_eq!(
        level_and_error(&wrong),
        ("INFO".to_owned(), "invalid_api_key".to_owned())
    );
    let unknown = || drop(locum.get("/unknown"));
    assert_eq!(
        level_and_error(&unknown),
        ("INFO".to_owned(), "unknown_url".to_owned())
    );
}

#[test]
fn no_prompt_and_no_key_is_logged() {
    const PROMPT: &str = "the recipe of my grandmother";
    let locum = Locum::with(&[("RATE_LIMIT_REQUESTS", "12")]);
    let faults = [
        Fault::Good,
        Fault::BadKey,
        Fault::Status(400),
        Fault::Html,
        Fault::BrokenJson,
        Fault::Cut(3),
        Fault::MalformedChunk(3),
        Fault::OutOfQuota,
    ];
    let lines = lines(Level::TRACE, || {
        for (number, fault) in faults.into_iter().enumerate() {
            locum.world.upstream.script([fault]);
            let mut body = if number % 2 == 0 {
                chat("gpt-4.1-mini")
            } else {
                streamed_chat("gemini-2.5-flash")
            };
            body["messages"][0]["content"] = PROMPT.into();
            locum.post("/v1/chat/completions", &body);
        }
        locum.post(
            "/v1/completions",
            &json!({"model": "gpt-4.1-mini", "prompt": PROMPT}),
        );
        locum.post(
            "/v1/embeddings",
            &json!({"model": "text-embedding-3-small", "input": PROMPT}),
        );
        locum.post(
            "/v1/chat/completions",
            &json!({"model": "gpt-4.1-mini", "messages": PROMPT}),
        );
        locum.ask(with("x-ratelimit-bypass-key", BYPASS_KEY, get("/metrics")));
        locum.ask(with(
            "authorization",
            &format!("Bearer {METRICS_KEY}"),
            get("/v1/models"),
        ));
        locum.get(&format!("/unknown?key={KEY}"));
    });
    assert!(lines.len() > 20);
    for line in lines {
        let line = line.to_string();
        for secret in [
            PROMPT,
            "grandmother",
            KEY,
            UPSTREAM_KEY,
            METRICS_KEY,
            BYPASS_KEY,
        ] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[test]
fn what_clients_make_up_is_kept_short() {
    let locum = Locum::new();
    let lines = lines(Level::INFO, || {
        let path = format!("/{}", "ü".repeat(500));
        let request = request(http::Method::GET, "/", "");
        let (mut head, body) = request.into_parts();
        head.uri = http::Uri::try_from(path).unwrap();
        let request = http::Request::from_parts(head, body);
        let id = "x".repeat(513);
        locum.ask(from(
            "2001:db8::1",
            with("x-client-request-id", &id, request),
        ));
    });
    let end = end(&lines);
    assert_eq!(end["path"].as_str().unwrap().len(), 255);
    assert_eq!(end["client"], "2001:db8::1");
    assert!(end.get("client_request_id").is_none());
}
