//! Which provider serves which name.

use locum_testkit::{Dialect, Fault};

use crate::bench::{Bench, says};

/// Asks for `requested` and answers who served it with which model, and whether that was a fallback.
fn served(set: &[(&str, &str)], requested: &str) -> (String, String, bool) {
    let bench = Bench::new(set);
    match bench.ask(requested, says("hi")) {
        Ok(reply) => {
            let path = bench
                .handles
                .upstream
                .requests()
                .last()
                .map(|seen| seen.path.clone());
            let asked = match path {
                Some(path) if path.contains("/models/") => {
                    let name = path.split("/models/").nth(1).unwrap_or_default();
                    name.split(':').next().unwrap_or_default().to_owned()
                }
                Some(_) => bench.handles.upstream.last(Dialect::OpenAi).json()["model"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                None => reply.served.model.clone(),
            };
            (
                reply.served.provider.to_owned(),
                asked,
                reply.served.fallback,
            )
        }
        Err(error) => (
            error.status.to_string(),
            error.code.unwrap_or_default().into_owned(),
            false,
        ),
    }
}

#[track_caller]
fn check(set: &[(&str, &str)], requested: &str, provider: &str, model: &str, fallback: bool) {
    assert_eq!(
        served(set, requested),
        (provider.to_owned(), model.to_owned(), fallback),
        "{requested}"
    );
}

#[test]
fn names_go_to_the_provider_they_look_like() {
    check(&[], "gemini-3.8-flash", "gemini", "gemini-3.8-flash", false);
    check(
        &[],
        "models/gemini-3.8-flash",
        "gemini",
        "gemini-3.8-flash",
        false,
    );
    check(&[], "gpt-4.1-mini", "openai", "gpt-4.1-mini", false);
    check(&[], "openai/gpt-4.1-mini", "openai", "gpt-4.1-mini", false);
    check(
        &[],
        "gemini/gemini-3.8-flash",
        "gemini",
        "gemini-3.8-flash",
        false,
    );
}

#[test]
fn dead_names_are_aliases_of_living_ones() {
    check(&[], "gemini-pro", "gemini", "gemini-pro-latest", false);
    check(
        &[],
        "gemini/gemini-1.5-flash-002",
        "gemini",
        "gemini-flash-latest",
        false,
    );
    let mine = [(
        "MODEL_ALIASES",
        "gemini-pro=gemini-3.8-flash,fast*=gpt-4.1-mini",
    )];
    check(&mine, "gemini-pro", "gemini", "gemini-3.8-flash", false);
    check(&mine, "fast-and-cheap", "openai", "gpt-4.1-mini", false);
}

#[test]
fn a_name_that_nobody_lists_is_not_found() {
    check(&[], "no-such-model", "404", "model_not_found", false);
}

#[test]
fn a_name_of_a_disabled_provider_falls_to_the_others() {
    let gemini_only = [("PROVIDER_OPENAI_ENABLED", "false")];
    check(
        &gemini_only,
        "gpt-4o",
        "gemini",
        "gemini-flash-latest",
        true,
    );
    check(
        &gemini_only,
        "openai/gpt-4o",
        "gemini",
        "gemini-flash-latest",
        true,
    );
    let pinned = [
        ("PROVIDER_OPENAI_ENABLED", "false"),
        ("PROVIDER_FALLBACK_ENABLED", "false"),
    ];
    check(&pinned, "gpt-4o", "404", "model_not_found", false);
}

#[test]
fn nothing_falls_back_to_the_rehearsal_while_a_real_provider_is_on() {
    let bench = Bench::new(&[
        ("PROVIDER_REHEARSAL_ENABLED", "true"),
        ("PROVIDER_MAX_RETRIES", "0"),
    ]);
    bench.handles.upstream.gemini([Fault::Status(500)]);
    bench.handles.upstream.openai([Fault::Status(500)]);
    let error = bench.ask("gemini-3.8-flash", says("hi")).err().unwrap();
    assert_eq!(error.status, 502);
    assert_eq!(
        bench
            .ask("rehearsal-1", says("hi"))
            .unwrap()
            .served
            .provider,
        "rehearsal"
    );
}

#[test]
fn alone_the_rehearsal_serves_every_known_name() {
    let demo = [
        ("PROVIDER_GEMINI_ENABLED", "false"),
        ("PROVIDER_OPENAI_ENABLED", "false"),
        ("PROVIDER_REHEARSAL_ENABLED", "true"),
    ];
    let bench = Bench::new(&demo);
    let reply = bench.ask("gpt-4o", says("hi")).unwrap();
    assert_eq!(
        (reply.served.provider, reply.served.fallback),
        ("rehearsal", true)
    );
}
