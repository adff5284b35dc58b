//! Scripted upstreams, fault injection and in-memory ports for tests. Never shipped.
//!
//! A test holds a [`Scripted`] upstream, says what it does to the coming requests, lets the code under test run against
//! it, and looks at what was asked:
//!
//! ```
//! use locum_testkit::{Dialect, Fault, world};
//!
//! let (world, handles) = world(7);
//! handles.upstream.openai([Fault::Status(500), Fault::Good]);
//! let answer = handles.clock.run(async { /* the code under test, given `world` */ });
//! assert_eq!(handles.upstream.asked(Dialect::OpenAi), 0);
//! # let _ = (world, answer);
//! ```
//!
//! Where nothing is scripted, the upstream answers well, but is as strict as the real ones: what they refuse, it refuses,
//! in their words.
//!
//! Read in this order: [`dialect`] and [`reply`] (the words), [`fault`] and [`behaviour`] (what can be scripted), [`script`] (the upstream),
//! [`seen`] (what it remembers of a request),
//! `openai` and `gemini` (their good answers and their strictness), [`clock`], [`tasks`], [`entropy`], [`memory`],
//! [`store`] and [`blobs`] (the engine's ports), [`flaky`] (a store that fails and kills), [`contract`] (what
//! every store has to do), [`server`] (the same upstream on a socket).

pub mod behaviour;
pub mod blobs;
pub mod clock;
pub mod contract;
pub mod dialect;
mod echo;
pub mod entropy;
pub mod fault;
pub mod flaky;
mod gemini;
pub mod memory;
mod openai;
pub mod reply;
mod sample;
pub mod script;
pub mod seen;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod tasks;
mod vector;

use std::sync::Arc;

use locum_engine::ports::World;

pub use behaviour::Behaviour;
pub use blobs::MemoryBlobs;
pub use clock::VirtualClock;
pub use dialect::Dialect;
pub use entropy::SeededEntropy;
pub use fault::Fault;
pub use flaky::{FlakyStore, Odds, Tally, Weather};
pub use gemini::signature;
pub use memory::MemoryTransport;
pub use script::Scripted;
pub use seen::{Ending, Seen};
pub use store::MemoryStore;
pub use tasks::Tasks;

/// The keys that scripted upstreams accept.
pub const UPSTREAM_KEY: &str = "upstream-key";

/// What a test holds of a [`world`].
#[derive(Debug, Clone)]
pub struct Handles {
    /// All upstreams: whatever is sent anywhere comes here.
    pub upstream: Scripted,
    /// The time, which passes only inside of [`VirtualClock::run`].
    pub clock: VirtualClock,
    /// What was spawned: goes on inside of [`VirtualClock::run`], and is gone where the process is killed.
    pub tasks: Tasks,
    /// The objects.
    pub store: MemoryStore,
    /// The bytes.
    pub blobs: MemoryBlobs,
}

/// A world in memory. The same `seed` gives the same ids and the same jitter.
pub fn world(seed: u64) -> (World, Handles) {
    let upstream = Scripted::new();
    let clock = VirtualClock::new();
    let handles = Handles {
        tasks: clock.tasks(),
        store: MemoryStore::new(),
        blobs: MemoryBlobs::new(Arc::new(clock.clone())),
        upstream,
        clock,
    };
    let world = World {
        transport: Arc::new(MemoryTransport::new(
            handles.upstream.clone(),
            Arc::new(handles.clock.clone()),
        )),
        clock: Arc::new(handles.clock.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
        spawn: Arc::new(handles.tasks.clone()),
        store: Arc::new(handles.store.clone()),
        blobs: Arc::new(handles.blobs.clone()),
        limits: None,
        analytics: None,
    };
    (world, handles)
}
