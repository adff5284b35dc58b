//! Nothing comes: refused, reset, silent.

use locum_testkit::Fault;

use super::{
    DIALECTS,
    Form::{Plain, Streamed},
    Scene, check,
};

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

/// A client that can wait gets the answer of the provider that recovers in between.
#[test]
fn both_refused_at_first() {
    for dialect in DIALECTS {
        let scene = Scene::with_another(dialect);
        scene.locum.world.upstream.script([Fault::Refuse.times(2)]);
        assert_eq!(scene.tell(Plain), "answered; asked 2+1");
    }
}
