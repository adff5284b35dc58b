//! The questions that every store is asked.

use std::sync::Arc;

use locum_testkit::contract::ask_everything;

use crate::sqlite::{store, wait};

#[test]
fn every_question_is_answered() {
    wait(ask_everything(async || Arc::new(store().0) as _));
}
