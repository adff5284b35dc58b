//! The ports, put together.

use std::sync::Arc;

use locum_engine::ports::{Limits, World};

use crate::{
    clock::SystemClock, entropy::SystemEntropy, storage::Storage, tasks::Tasks,
    transport::HttpTransport,
};

/// The world as the machine has it. `limits`: who counts for all processes, if anybody does.
pub fn world(
    transport: HttpTransport,
    storage: &Storage,
    tasks: &Tasks,
    limits: Option<Arc<dyn Limits>>,
) -> World {
    World {
        transport: Arc::new(transport),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        spawn: Arc::new(tasks.clone()),
        store: Arc::clone(&storage.store),
        blobs: Arc::clone(&storage.blobs),
        limits,
        analytics: None,
    }
}
