//! Whole scenarios out of seeds: processes die, the store loses answers, upstreams fail, clients change their minds, and in
//! the end every run has come to one end and nothing that a client was told is lost.
//!
//! `SIMULATION_SEEDS` says how many seeds are played (`0..n`); `SIMULATION_SEED` plays one and prints what happened.
//!
//! Read in this order: `stage` (the world), `upstream`, `ledger` (what clients were told), `client` and `follow` (what they
//! do), `watch` (what they may see), `audit` (what must be true at every moment), `settle` (what must be true in the end).

#[cfg(test)]
mod audit;
#[cfg(test)]
mod client;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod settle;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod watch;

#[cfg(test)]
mod scenario;
