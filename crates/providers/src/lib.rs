//! Translation between Locum's objects and each provider's wire format, and the policy of failing over.
//!
//! Everything here is pure: a request becomes an [`http::Request`], bytes become events, a status becomes a
//! [`Failure`]. Nothing is sent, awaited, timed or drawn at random: time and entropy come in as arguments. Only a
//! provider's own file knows that provider's JSON, and nothing outside [`TABLE`] names a provider.
//!
//! Read in this order: [`Provider`] (what a provider must answer), [`TABLE`] (who there is), [`policy`] (what follows a
//! failure), [`breaker`], [`sse`], then the providers: `openai`, `gemini`, `rehearsal`.

pub mod breaker;
mod gemini;
mod openai;
pub mod policy;
mod provider;
mod rehearsal;
pub mod sse;
mod table;

pub use provider::{
    ChatDecoder, Ended, Hop, Native, Operation, Performance, Prepared, Provider, ProviderConfig,
    Relayed, StreamRelay, WholeFacts,
};
pub use table::{Key, Row, TABLE};
