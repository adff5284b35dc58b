//! The gateway: chat and embeddings over several providers, with automatic fallback, and without stored state.
//!
//! Read in this order: [`call`] (what is asked and answered), `route` (which providers, in which order), `fail_over` (the
//! loop over the policy's steps), `chat` and `embed` (one try), `answering` (an answer in the making), `upstream`
//! (sending, with time limits), `slot` (a provider with its circuit and its health), `models`.

pub mod call;

pub use call::{
    ChatBody, ChatCall, ChatReply, ChatSource, EmbedBody, EmbedCall, EmbedReply, EmbedSource,
    EventStream, RawBody, RawStream, Served,
};
