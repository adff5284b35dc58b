//! Runs: OpenAI's requests into the domain's, and the domain's runs into OpenAI's.
//!
//! Everything that OpenAI's document bounds is checked; what an assistant must know about (whether it has the function
//! that `tool_choice` names) is the engine's to say. Tools that are built in are refused by name.
//!
//! Read in this order: `request` (what makes a run), `outputs` (what lets it go on), `object` (what it looks like).

mod object;
mod outputs;
mod request;

pub(crate) use object::RunObject;
pub(crate) use outputs::parse_outputs;
pub(crate) use request::{parse, parse_change, parse_with_thread};

#[cfg(test)]
mod tests;
