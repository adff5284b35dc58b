//! Locum's HTTP face: OpenAI's routes, JSON and errors over the engine's use cases.
//!
//! What it refuses: business rules (they are the engine's), a runtime, a socket, the wall clock. It turns an
//! [`http::Request`] into an [`http::Response`] and reaches the world through the engine's ports, so that every host can
//! serve it.

pub mod stream;
pub mod wire;
