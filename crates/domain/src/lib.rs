//! Locum's objects, ids and errors.
//!
//! Nothing here does I/O, reads a clock, draws randomness or knows anybody's wire format: time and entropy come in as
//! arguments, and the JSON of OpenAI or of a provider is made elsewhere. What derives `serde` here does so for the form in
//! which a store keeps it, and for nothing else.
//!
//! Read in this order: [`chat`] (what is asked of a model and answered), [`failure`] (what an upstream can do to us),
//! [`error`] (what a client is told); then the objects that are stored: [`assistant`], [`thread`], [`message`], [`run`]
//! and its [`machine`](run::machine), [`mod@file`]; below them [`id`], [`metadata`], [`page`], [`project`], [`time`].

pub mod assistant;
pub mod chat;
pub mod embedding;
pub mod error;
pub mod failure;
pub mod file;
pub mod id;
pub mod message;
pub mod metadata;
pub mod model;
pub mod page;
pub mod project;
pub mod run;
pub mod thread;
pub mod time;
