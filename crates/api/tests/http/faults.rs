//! What a client gets, and how often each upstream is asked, for everything that an upstream can do.
//!
//! Each fault is met in eight scenes: from either provider, plain and streamed, alone and with the other provider to fall
//! back to. The expectation is a sentence, so that a test reads as the row of a table.

mod broken_off;
mod garbage;
mod no_answer;
mod stated;

use locum_testkit::{Behaviour, Dialect, Fault};
use serde_json::Value;

use crate::support::{Answer, Locum, chat, error_of, streamed_chat};

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
