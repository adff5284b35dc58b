//! Locum's use cases, over ports.
//!
//! The engine decides; it reaches the world through [`ports`] alone. It knows no runtime, no HTTP server, no database and
//! no wire format. Read in this order: [`ports`] (what a host must provide), [`settings`] (what an operator may set),
//! [`gateway`] (chat completions and embeddings over several providers), [`store`] (where objects are kept), [`assistants`]
//! (the Assistants API over the two), [`limit`] (the rate limit), [`trail`] (what is noted about one request), [`metrics`],
//! [`analytics`].

pub mod analytics;
pub mod assistants;
pub mod gateway;
pub mod limit;
pub mod metrics;
pub mod ports;
pub mod settings;
pub mod store;
pub mod trail;
