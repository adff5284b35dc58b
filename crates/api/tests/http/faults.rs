//! What a client gets, and how often each upstream is asked, for everything that an upstream can do.
//!
//! Each fault is met in eight scenes: from either provider, plain and streamed, alone and with the other provider to fall
//! back to. The expectation is a sentence, so that a test reads as the row of a table.

use std::time::Duration;

use locum_testkit::{Behaviour, Dialect, Fault};
use serde_json::Value;

use crate::support::{Answer, Locum, chat, error_of, next_bytes, post, streamed_chat};

const DIALECTS: [Dialect; 2] = [Dialect::Gemini, Dialect::OpenAi];

/// Whether the answer is wanted whole or as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Streamed,
}

use Form::{Plain, Streamed};

/// A Locum whose preferred provider speaks `dialect`.
struct Scene {
    locum: Locum,
    dialect: Dialect,
}

impl Scene {
    /// That provider is the only one.
    fn alone(dialect: Dialect) -> Self {
        let other = match dialect {
            Dialect::Gemini => "PROVIDER_OPENAI_ENABLED",
            Dialect::OpenAi => "PROVIDER_GEMINI_ENABLED",
        };
        Self {
            locum: Locum::with(&[(other, "false")]),
            dialect,
        }
    }

    /// There is another one, and it is well.
    fn with_another(dialect: Dialect) -> Self {
        Self {
            locum: Locum::new(),
            dialect,
        }
    }

    fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        let own = behaviours.into_iter().map(|it| it.of(self.dialect));
        self.locum.world.upstream.script(own);
    }

    fn model(&self) -> &'static str {
        match self.dialect {
            Dialect::Gemini => "gemini-2.5-flash",
            Dialect::OpenAi => "gpt-4.1-mini",
        }
    }

    fn name(&self) -> &'static str {
        match self.dialect {
            Dialect::Gemini => "gemini",
            Dialect::OpenAi => "openai",
        }
    }

    fn chat(&self, form: Form) -> Answer {
        let body = match form {
            Plain => chat(self.model()),
            Streamed => streamed_chat(self.model()),
        };
        self.locum.post("/v1/chat/completions", &body)
    }

    /// How often the preferred provider and the other one were asked.
    fn asked(&self) -> (usize, usize) {
        let own = self.locum.world.upstream.asked(self.dialect);
        (own, self.locum.world.upstream.requests().len() - own)
    }

    /// The sentence of the table: what the client got, from whom, and how often each upstream was asked.
    fn tell(&self, form: Form) -> String {
        let answer = self.chat(form);
        let told = self.tell_answer(&answer, form);
        let (own, other) = self.asked();
        format!("{told}; asked {own}+{other}")
    }

    fn tell_answer(&self, answer: &Answer, form: Form) -> String {
        if answer.status != 200 {
            let code = answer.error().code.unwrap_or_default();
            let mut told = format!("{} {code}", answer.status.as_u16());
            if !answer.header("retry-after").is_empty() {
                told.push_str(&format!(", retry after {} s", answer.header("retry-after")));
            }
            if !answer.header("x-should-retry").is_empty() {
                told.push_str(&format!(
                    ", should retry: {}",
                    answer.header("x-should-retry")
                ));
            }
            return told;
        }
        let (whole, told) = match form {
            Plain => tell_whole(&answer.json()),
            Streamed => tell_events(answer),
        };
        if !whole {
            return told;
        }
        let provider = answer.header("x-locum-provider");
        let fallback = answer.header("x-locum-fallback") == "true";
        assert_eq!(fallback, provider != self.name());
        if fallback {
            "answered by the other".to_owned()
        } else {
            "answered".to_owned()
        }
    }
}

fn tell_whole(body: &Value) -> (bool, String) {
    assert!(
        !body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    (true, String::new())
}

/// Whether the stream is whole; where it is not, it must say so by an error and not end properly.
fn tell_events(answer: &Answer) -> (bool, String) {
    let (events, done) = answer.events();
    let broken = events.iter().find(|event| event.get("error").is_some());
    let texts = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .filter(|text| !text.is_empty())
        .count();
    let finished = events
        .iter()
        .any(|event| event["choices"][0]["finish_reason"] == "stop");
    if let Some(broken) = broken {
        assert!(!done, "a broken stream ends as if it were whole");
        assert_eq!(
            events.last(),
            Some(broken),
            "something comes after the error"
        );
        let code = error_of(broken).code.unwrap_or_default();
        return (false, format!("{texts} texts, then an error event {code}"));
    }
    assert!(done && finished && texts > 0, "{}", answer.text());
    assert!(
        events
            .iter()
            .any(|event| event["usage"]["total_tokens"].is_u64())
    );
    (true, String::new())
}

/// `fault` for ever: what is told where there is no other provider, and where there is.
#[track_caller]
fn check(fault: &Fault, form: Form, alone: &str, with_another: &str) {
    for dialect in DIALECTS {
        let scene = Scene::alone(dialect);
        scene.script([fault.clone().times(1000)]);
        assert_eq!(
            scene.tell(form),
            alone,
            "{fault:?} of {dialect:?} alone, {form:?}"
        );
        let scene = Scene::with_another(dialect);
        scene.script([fault.clone().times(1000)]);
        assert_eq!(
            scene.tell(form),
            with_another,
            "{fault:?} of {dialect:?}, {form:?}"
        );
    }
}

#[test]
fn refused() {
    for form in [Plain, Streamed] {
        let alone = "502 upstream_unreachable; asked 4+0";
        check(
            &Fault::Refuse,
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn reset_before_the_head() {
    for form in [Plain, Streamed] {
        let alone = "502 upstream_unreachable; asked 4+0";
        check(
            &Fault::Reset,
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn silent_for_ever() {
    for form in [Plain, Streamed] {
        let alone = "504 upstream_timeout; asked 4+0";
        check(
            &Fault::Silent,
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn a_page_of_html() {
    for form in [Plain, Streamed] {
        let alone = "502 upstream_garbage; asked 1+0";
        check(
            &Fault::Html,
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn broken_json() {
    for form in [Plain, Streamed] {
        let alone = "502 upstream_garbage; asked 1+0";
        check(
            &Fault::BrokenJson,
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn cut_before_any_content() {
    check(
        &Fault::Cut(0),
        Plain,
        "502 upstream_cut; asked 4+0",
        "answered by the other; asked 4+1",
    );
    check(
        &Fault::Cut(1),
        Plain,
        "502 upstream_cut; asked 4+0",
        "answered by the other; asked 4+1",
    );
    check(
        &Fault::Cut(0),
        Streamed,
        "502 upstream_cut; asked 4+0",
        "answered by the other; asked 4+1",
    );
}

#[test]
fn cut_in_the_middle_of_the_answer() {
    let told = "2 texts, then an error event upstream_cut; asked 1+0";
    check_streamed(|content| Fault::Cut(content + 2), told, told);
}

#[test]
fn ended_in_the_middle_of_the_answer_as_if_that_were_all() {
    let told = "2 texts, then an error event upstream_cut; asked 1+0";
    check_streamed(|content| Fault::Truncate(content + 2), told, told);
}

#[test]
fn stalled_in_the_middle_of_the_answer() {
    let told = "2 texts, then an error event upstream_stalled; asked 1+0";
    check_streamed(|content| Fault::Stall(content + 2), told, told);
}

#[test]
fn stalled_before_any_content() {
    let other = "answered by the other; asked 4+1";
    check(
        &Fault::Stall(0),
        Plain,
        "504 upstream_stalled; asked 4+0",
        other,
    );
    check(
        &Fault::Stall(0),
        Streamed,
        "504 upstream_stalled; asked 4+0",
        other,
    );
}

#[test]
fn one_malformed_chunk_in_the_middle_of_the_answer() {
    let told = "2 texts, then an error event upstream_garbage; asked 1+0";
    check_streamed(|content| Fault::MalformedChunk(content + 2), told, told);
}

#[test]
fn a_malformed_chunk_before_any_content() {
    let other = "answered by the other; asked 1+1";
    check(
        &Fault::MalformedChunk(0),
        Streamed,
        "502 upstream_garbage; asked 1+0",
        other,
    );
}

/// As [`check`], for streams that break at a place which is told by the number of chunks before the first content.
#[track_caller]
fn check_streamed(fault: impl Fn(usize) -> Fault, alone: &str, with_another: &str) {
    for dialect in DIALECTS {
        // OpenAI's first chunk tells the role alone.
        let before = match dialect {
            Dialect::Gemini => 0,
            Dialect::OpenAi => 1,
        };
        for (scene, told) in [
            (Scene::alone(dialect), alone),
            (Scene::with_another(dialect), with_another),
        ] {
            scene.script([fault(before).times(1000)]);
            assert_eq!(scene.tell(Streamed), told, "{dialect:?}");
        }
    }
}

#[test]
fn an_error_in_the_middle_of_the_answer() {
    for (dialect, before, code) in [
        (Dialect::Gemini, 0, "upstream_overloaded"),
        (Dialect::OpenAi, 1, "upstream_error"),
    ] {
        let scene = Scene::with_another(dialect);
        scene.script([Fault::ErrorChunk(before + 2).into()]);
        let told = format!("2 texts, then an error event {code}; asked 1+0");
        assert_eq!(scene.tell(Streamed), told);
    }
}

#[test]
fn an_error_before_any_content() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.script([Fault::ErrorChunk(0).into()]);
        assert_eq!(scene.tell(Streamed), "answered; asked 2+0");
    }
}

#[test]
fn a_missing_done_after_a_finished_answer_is_no_fault() {
    let answered = "answered; asked 1+0";
    check(&Fault::NoDone, Streamed, answered, answered);
}

#[test]
fn bytes_one_by_one_are_no_fault() {
    for form in [Plain, Streamed] {
        let answered = "answered; asked 1+0";
        check(&Fault::Dribble(1), form, answered, answered);
    }
}

#[test]
fn an_endless_whole_answer_is_given_up() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.script([Fault::Endless.into()]);
        let told = scene.tell(Plain);
        assert_eq!(told, "answered by the other; asked 1+1");
        assert!(scene.locum.world.upstream.requests()[0].is_cancelled());
    }
}

#[test]
fn an_endless_stream_ends_when_the_client_leaves() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.script([Fault::Endless.into()]);
        scene.locum.world.clock.run(async {
            let request = post("/v1/chat/completions", &streamed_chat(scene.model()));
            let mut body = scene.locum.begin(request).await.into_body();
            for _ in 0..1000 {
                assert!(next_bytes(&mut body).await.is_some());
            }
        });
        assert!(scene.locum.world.upstream.requests()[0].is_cancelled());
        assert_eq!(scene.asked(), (1, 0));
    }
}

#[test]
fn too_many_requests_without_a_hint() {
    for form in [Plain, Streamed] {
        let alone = "429 rate_limit_exceeded; asked 4+0";
        check(
            &Fault::Status(429),
            form,
            alone,
            "answered by the other; asked 4+1",
        );
    }
}

#[test]
fn too_many_requests_with_a_short_hint() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.script([Fault::RetryAfter(3).into()]);
        let before = scene.locum.now();
        assert_eq!(scene.tell(Plain), "answered; asked 2+0");
        assert!(scene.locum.now() - before >= Duration::from_secs(3));
    }
}

#[test]
fn too_many_requests_with_a_long_hint() {
    for form in [Plain, Streamed] {
        let alone = "429 rate_limit_exceeded, retry after 50 s; asked 1+0";
        check(
            &Fault::RetryAfter(50),
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn a_quota_that_is_used_up() {
    for dialect in DIALECTS {
        let scene = Scene::alone(dialect);
        scene.script([Fault::OutOfQuota.times(1000)]);
        let told = scene.tell(Plain);
        assert!(told.starts_with("429 insufficient_quota"), "{told}");
        assert!(told.ends_with("should retry: false; asked 1+0"), "{told}");
        let scene = Scene::with_another(dialect);
        scene.script([Fault::OutOfQuota.times(1000)]);
        assert_eq!(scene.tell(Plain), "answered by the other; asked 1+1");
    }
}

#[test]
fn a_key_that_the_upstream_refuses() {
    for form in [Plain, Streamed] {
        let alone = "503 upstream_authentication, should retry: false; asked 1+0";
        check(
            &Fault::BadKey,
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn a_request_that_the_upstream_refuses_goes_nowhere_else() {
    for form in [Plain, Streamed] {
        let refused = "400 ; asked 1+0";
        check(&Fault::Status(400), form, refused, refused);
    }
}

#[test]
fn a_model_that_the_upstream_does_not_have() {
    for form in [Plain, Streamed] {
        let alone = "404 model_not_found; asked 1+0";
        check(
            &Fault::Status(404),
            form,
            alone,
            "answered by the other; asked 1+1",
        );
    }
}

#[test]
fn one_internal_error() {
    for dialect in DIALECTS {
        for form in [Plain, Streamed] {
            let scene = Scene::with_another(dialect);
            scene.script([Fault::Status(500).into()]);
            assert_eq!(scene.tell(form), "answered; asked 2+0");
        }
    }
}

#[test]
fn internal_errors_for_ever() {
    for form in [Plain, Streamed] {
        let alone = "502 upstream_error; asked 4+0";
        check(
            &Fault::Status(500),
            form,
            alone,
            "answered by the other; asked 4+1",
        );
    }
}

/// A request each second: the circuit opens, the provider is left alone but for probes, and comes back by itself.
#[test]
fn overloaded_for_a_minute() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.script([Fault::Status(503).times(1000)]);
        let start = scene.locum.now();
        let mut requests = 0;
        while scene.locum.now() - start < Duration::from_secs(60) {
            let answer = scene.chat(Plain);
            assert_eq!(scene.tell_answer(&answer, Plain), "answered by the other");
            requests += 1;
            scene.locum.wait(Duration::from_secs(1));
        }
        let (own, other) = scene.asked();
        assert_eq!(other, requests);
        assert!(own <= 12, "{own} times for {requests} requests");

        scene.locum.world.upstream.clear();
        scene.locum.wait(Duration::from_secs(120));
        assert_eq!(scene.tell(Plain), "answered; asked 1+0");
    }
}

/// Alone, the same provider's clients are told at once while the circuit is open.
#[test]
fn overloaded_with_nobody_else() {
    for dialect in DIALECTS {
        let scene = Scene::alone(dialect);
        scene.script([Fault::Status(503).times(1000)]);
        assert_eq!(scene.tell(Plain), "503 upstream_overloaded; asked 4+0");
        scene.chat(Plain);
        let (asked, _) = scene.asked();
        let before = scene.locum.now();
        let answer = scene.chat(Streamed);
        assert_eq!(answer.error().code.as_deref(), Some("upstream_overloaded"));
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(scene.locum.now(), before);
        assert_eq!(scene.asked().0, asked);
    }
}

/// A client that can wait gets the answer of the provider that recovers in between.
#[test]
fn both_refused_at_first() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.locum.world.upstream.script([Fault::Refuse.times(2)]);
        assert_eq!(scene.tell(Plain), "answered; asked 2+1");
    }
}

/// In production, what an upstream says about its own fault stays inside.
#[test]
fn an_upstreams_own_words_are_not_told_in_production() {
    let said = |environment: &str| {
        let settings = [
            ("NODE_ENV", environment),
            ("PROVIDER_GEMINI_ENABLED", "false"),
        ];
        let locum = Locum::with(&settings);
        let fault = Fault::Exactly {
            status: 500,
            headers: Vec::new(),
            body: serde_json::json!({"error": {"message": "host db-7 is on fire", "type": "server_error"}}),
        };
        locum.world.upstream.openai([fault.times(4)]);
        let answer = locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
        assert_eq!(answer.status, 502);
        answer.error().message
    };
    assert!(said("development").contains("host db-7 is on fire"));
    assert_eq!(said("production"), "The provider openai had an error.");
}
