//! The store's contract suite, asked of the object's own store inside the object. Part of no release: the feature
//! `contract-suite` alone has it.

use std::sync::Arc;

use locum_engine::ports::Store;
use locum_testkit::contract::QUESTIONS;
use worker::{Response, send::SendFuture};

/// What comes behind this in a path is the name of a question; nothing: all names are told, a line each.
const PATH: &str = "/.object/contract/";

/// Asks the question of `target`, of a store that is empty; `None` where it is none.
///
/// # Panics
/// Where the answer is wrong.
pub(crate) async fn answer(
    store: &Arc<dyn Store>,
    target: &str,
) -> Option<worker::Result<Response>> {
    let name = target.strip_prefix(PATH)?;
    if name.is_empty() {
        let names: Vec<_> = QUESTIONS.iter().map(|question| question.name).collect();
        return Some(Response::ok(names.join("\n")));
    }
    let question = QUESTIONS.iter().find(|question| question.name == name)?;
    SendFuture::new((question.ask)(Arc::clone(store))).await;
    Some(Response::ok("answered right"))
}
