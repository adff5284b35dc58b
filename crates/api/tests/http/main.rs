//! Locum's HTTP face, called as a service: no sockets, no waiting, time that a test turns by hand.
//!
//! The modules mirror the URLs; what holds for all of them comes first.

#[cfg(test)]
mod support;

#[cfg(test)]
mod every_route;

#[cfg(test)]
mod analytics;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod document;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod rate_limit;
#[cfg(test)]
mod storage;

#[cfg(test)]
mod admin;
#[cfg(test)]
mod assistants;
#[cfg(test)]
mod chat_completions;
#[cfg(test)]
mod completions;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod health;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod models;
#[cfg(test)]
mod run_steps;
#[cfg(test)]
mod run_stream;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod threads;
