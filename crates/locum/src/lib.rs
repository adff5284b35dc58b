//! The native host: everything of Locum that touches the machine, and no decision.
//!
//! Read in this order: [`commands`] (what the program can be asked), [`variables`] (where settings come from), [`server`],
//! [`world`] and the ports that it puts together ([`transport`], [`clock`], [`entropy`], [`tasks`], and [`storage`] over
//! [`sqlite`] and [`blobs`]), [`telemetry`] (logs and traces), [`signals`], [`exit`].

pub mod blobs;
pub mod clock;
pub mod commands;
pub mod entropy;
pub mod exit;
pub mod postgres;
pub mod redis;
pub mod server;
pub mod signals;
pub mod sqlite;
pub mod storage;
pub mod tasks;
pub mod telemetry;
pub mod transport;
pub mod variables;
pub mod world;
