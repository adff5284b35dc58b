//! A run's events as server-sent events: their spelling, their order, and what OpenAI's SDKs demand of them.

pub mod watcher;

mod events;
mod golden;
mod pauses;
mod spelling;
