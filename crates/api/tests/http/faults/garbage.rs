//! Something comes that is no answer, or never ends.

use locum_testkit::Fault;

use super::{
    DIALECTS,
    Form::{Plain, Streamed},
    Scene, check,
};

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
