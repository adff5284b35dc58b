//! OpenAI's JSON, in both directions.
//!
//! Requests become the domain's validated objects, and the domain's answers become JSON: nothing outside this module and
//! [`stream`](crate::stream) knows how OpenAI spells things. It refuses to guess: a request that OpenAI's document does
//! not allow is answered with OpenAI's own sentence, `param` naming the field at fault. Fields that the document does
//! not know are ignored, because clients of other servers send them to every server.
//!
//! Read in this order: [`peek`] (what routing needs, found without reading the rest), [`chat`], [`completions`],
//! [`embeddings`], [`models`], [`error`]; then what is stored: `assistant`, `thread`, `message`, `run`, `step`, `files`, and what
//! they share: `metadata`, `tool`, `tool_resources`, `answer_format`, `page`, `deleted`; below them [`signature`] (thought
//! signatures in fields that clients keep), `guard` (limits on JSON itself), `json` and `at` (a parsed body and a place in
//! it), `query` and `id` (what a URL holds), `fault` (the sentences).

pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error;
pub mod models;
pub mod peek;
pub mod signature;

pub(crate) mod assistant;
pub(crate) mod deleted;
pub(crate) mod files;
pub(crate) mod id;
pub(crate) mod message;
pub(crate) mod metadata;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod step;
pub(crate) mod thread;
pub(crate) mod tool;
pub(crate) mod usage;

mod answer_format;
mod at;
mod fault;
mod guard;
mod json;
mod tool_resources;

pub(crate) use json::encode;

/// What an answer, or all chunks of a streamed one, begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHead {
    /// The answer's id, prefix included.
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answers, as far as it is known. What the answer itself says goes first.
    pub model: String,
    /// Whether the client speaks of `functions` instead of `tools`: then a call is told as `function_call`.
    pub functions: bool,
}

impl AnswerHead {
    /// A head for a client that speaks of tools.
    pub fn new(id: String, created: u64, model: String) -> Self {
        Self {
            id,
            created,
            model,
            functions: false,
        }
    }
}

#[cfg(test)]
mod arbitrary;
