//! The native host: everything of Locum that touches the machine, and no decision.
//!
//! Read in this order: [`commands`] (what the program can be asked), [`variables`] (where settings come from), [`server`],
//! the ports ([`transport`], [`clock`], [`entropy`]), [`telemetry`] (logs and traces), [`signals`], [`exit`].

pub mod clock;
pub mod commands;
pub mod entropy;
pub mod exit;
pub mod server;
pub mod signals;
pub mod telemetry;
pub mod transport;
pub mod variables;
