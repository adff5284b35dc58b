//! The native host: everything of Locum that touches the machine, and no decision.
//!
//! Read in this order: [`server`], the ports ([`transport`], [`clock`], [`entropy`]), [`telemetry`] (logs and traces).

pub mod clock;
pub mod entropy;
pub mod server;
pub mod telemetry;
pub mod transport;
