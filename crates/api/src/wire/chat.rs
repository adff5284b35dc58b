//! `POST /v1/chat/completions`: OpenAI's request into the domain's, and the domain's answer into OpenAI's.
//!
//! Everything that OpenAI's document bounds is checked. Members that it knows and that no provider needs from us
//! (`user`, `metadata`, `logit_bias`, …) are checked for their type and left; members that it does not know are ignored.
//! What would change the answer and cannot be had (sound, custom tools) is refused.
//!
//! Read in this order: `request` (the body's members), `history` (the messages and what must follow what), `message`,
//! `content` (parts), `media`, `tools`, `answer`.

mod answer;
mod content;
mod history;
mod media;
mod message;
mod request;
mod tools;

pub use answer::encode;
pub use request::parse;

pub(crate) use answer::{Logprobs, finish_word};

pub(super) use {
    media::address,
    request::{EFFORTS, Sampling, check_ignored, count, response_format, sampling, streaming},
    tools::{function, list as functions},
};

#[cfg(test)]
mod tests;
