//! The Assistants API: files, assistants, threads, messages and runs, over the store and the gateway.
//!
//! Read in this order: this page (what there is), `profiles`, `threads`, `messages`, `files` (the use cases of each noun),
//! `runs` (runs as clients ask for them), [`audience`] (who watches a run), `drive` (the loop that carries a run through its
//! life), `context` (what a model is shown of a thread), `follow` (watching a run that another process drives), `lease` (for how long a claim holds), `attend` (runs that nobody
//! drives, leases, stopping), [`garbage`].

mod attend;
pub mod audience;
mod context;
mod drive;
mod files;
mod follow;
pub mod garbage;
mod lease;
mod messages;
mod paging;
mod profiles;
mod runs;
mod threads;

use std::{fmt, sync::Arc, time::Duration};

use locum_domain::{error::ApiError, run::Run};

use self::drive::drivers::Drivers;
pub use self::{audience::RunEvents, files::FileContent};
use crate::{
    gateway::Gateway,
    metrics::Metrics,
    ports::{BlobError, World},
    settings::Settings,
    store::StoreError,
};

/// The use cases of the Assistants API, and the runs that this process drives.
pub struct Assistants {
    world: World,
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    /// This process's name in leases.
    owner: String,
    run_expiry: Duration,
    /// How long a process may be silent before others take its runs over.
    lease: Duration,
    max_file_bytes: u64,
    /// The runs that this process drives.
    drivers: Arc<Drivers>,
}

/// A run that was begun, or goes on.
pub struct StartedRun {
    /// The run, queued.
    pub run: Run,
    /// What happens to it, where the client wants to watch.
    pub events: Option<RunEvents>,
}

impl Assistants {
    /// The use cases over `world`.
    pub fn new(
        world: World,
        gateway: Arc<Gateway>,
        metrics: Arc<Metrics>,
        settings: &Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            owner: world.ids().next("host_"),
            gateway,
            drivers: Arc::new(Drivers::new(Arc::clone(&metrics))),
            metrics,
            run_expiry: settings.run_expiry,
            lease: settings.run_lease,
            max_file_bytes: settings.max_file_bytes,
            world,
        })
    }
}

impl fmt::Debug for Assistants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assistants")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// When to come again to a store that is away, or to a process that stops.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What a client is told when the store could not do what it was asked.
pub(crate) fn store_failed(error: StoreError) -> ApiError {
    tracing::error!(%error, "the store could not do what it was asked");
    match error {
        StoreError::Unavailable(_) => {
            ApiError::busy("Storage is not available right now.", COME_AGAIN)
        }
        StoreError::TooLarge(_) => {
            ApiError::invalid("What is to be stored is larger than this server can store.")
        }
        StoreError::Full(_) | StoreError::Failed(_) => ApiError::internal(),
    }
}

/// What a client is told when bytes could not be stored or read.
pub(crate) fn blob_failed(error: BlobError) -> ApiError {
    match error {
        BlobError::Refused(error) => *error,
        BlobError::Full(_) | BlobError::Failed(_) => {
            tracing::error!(%error, "bytes could not be stored or read");
            ApiError::internal()
        }
    }
}

/// How often a change is tried again because the object was changed by somebody else meanwhile.
const CHANGE_TRIES: u32 = 16;

/// What a client is told when others changed an object each time that its own change was to be stored.
fn changes_too_often(noun: &str) -> ApiError {
    ApiError::busy(
        format!("The {noun} is being changed by too many requests at once."),
        Duration::from_secs(1),
    )
}
