//! The upstream says what is wrong: limits, quotas, keys, errors of its own.

use std::time::Duration;

use locum_testkit::Fault;

use super::{
    DIALECTS,
    Form::{Plain, Streamed},
    Scene, check,
};
use crate::support::{Locum, chat};

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
