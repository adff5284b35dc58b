//! Locum's HTTP face: OpenAI's routes, JSON and errors over the engine's use cases.
//!
//! What it refuses: business rules (they are the engine's), a runtime, a socket, the wall clock. It turns an
//! [`http::Request`] into an [`http::Response`] and reaches the world through the engine's ports, so that every host can
//! serve it. A host calls [`App::new`] and [`router`], and puts a [`ClientAddr`] into each request's extensions. One that keeps
//! each project's objects in a place of its own asks [`owner`] where a request belongs.
//!
//! Read in this order: [`router`] (every route in one list), `edge` (what happens to each request around its handler),
//! `guard` (who gets in: `auth`, `limit`, `beta`), `routes` (the handlers), `path_ids`, `body`, `error`, [`wire`] (OpenAI's
//! JSON), [`stream`] (server-sent events), `visit` (a request's end).

mod app;
mod auth;
mod beta;
mod body;
mod client;
mod cors;
mod edge;
mod error;
mod guard;
mod limit;
mod path_ids;
mod router;
mod routes;
pub mod stream;
mod visit;
pub mod wire;

pub use app::App;
pub use client::{ClientAddr, OverTls};
pub use edge::refuse;
pub use guard::Access;
pub use router::{ROUTES, Route, owner, router};
