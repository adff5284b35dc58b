//! Locum's objects, ids and errors.
//!
//! Nothing here does I/O, reads a clock, draws randomness or knows anybody's wire format: time and entropy come in as
//! arguments, and the JSON of OpenAI or of a provider is made elsewhere. Read in this order: [`chat`] (what is asked and
//! answered), [`failure`] (what an upstream can do to us), [`error`] (what a client is told), [`id`].

pub mod chat;
pub mod embedding;
pub mod error;
pub mod failure;
pub mod id;
pub mod model;
