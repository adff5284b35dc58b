//! `/v1/threads/{thread_id}/messages`.
//!
//! Read in this order: `request` (what makes and changes a message), `content` (its pieces, both ways), `object` (what it
//! looks like).

mod content;
mod object;
mod request;

pub(crate) use {
    object::MessageObject,
    request::{parse_change, parse_new},
};

pub(super) use request::new_message;

#[cfg(test)]
mod tests;
