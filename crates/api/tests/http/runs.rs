//! `/v1/threads/{thread_id}/runs`, polled and streamed, over scripted providers.

pub mod scene;

mod cancelling;
mod failures;
mod life;
mod refusals;
mod streams;
mod tools;
