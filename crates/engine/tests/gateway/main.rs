//! The gateway against scripted upstreams, in virtual time.

mod answers;
mod bench;
mod circuit;
mod embeddings;
mod listing;
mod routing;
