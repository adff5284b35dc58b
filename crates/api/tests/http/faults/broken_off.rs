//! An answer begins and does not end as it should.

use locum_testkit::{Dialect, Fault};

use super::{
    DIALECTS,
    Form::{Plain, Streamed},
    Scene, check, check_streamed,
};
use crate::support::{next_bytes, post, streamed_chat};

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
fn stalled_in_the_middle_of_the_answer() {
    let told = "2 texts, then an error event upstream_stalled; asked 1+0";
    check_streamed(|content| Fault::Stall(content + 2), told, told);
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

#[test]
fn one_malformed_chunk_in_the_middle_of_the_answer() {
    let told = "2 texts, then an error event upstream_garbage; asked 1+0";
    check_streamed(|content| Fault::MalformedChunk(content + 2), told, told);
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
fn a_missing_done_after_a_finished_answer_is_no_fault() {
    let answered = "answered; asked 1+0";
    check(&Fault::NoDone, Streamed, answered, answered);
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
