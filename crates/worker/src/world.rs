//! The ports, put together.

use std::sync::Arc;

use locum_engine::{
    limit::SharedLimits,
    ports::{Blobs, Store, World},
};
use worker::Env;

use crate::{
    analytics::Dataset, clock::PlatformClock, entropy::PlatformEntropy, limits::Objects,
    tasks::Tasks, transport::FetchTransport,
};

/// The world as the platform has it.
pub(crate) fn world(
    env: &Env,
    tasks: Tasks,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
) -> World {
    World {
        transport: Arc::new(FetchTransport),
        clock: Arc::new(PlatformClock),
        entropy: Arc::new(PlatformEntropy),
        spawn: Arc::new(tasks),
        store,
        blobs,
        limits: Some(Arc::new(SharedLimits::new(
            Objects::new(env.clone()),
            Arc::new(PlatformClock),
        ))),
        analytics: Dataset::of(env).map(|dataset| Arc::new(dataset) as _),
    }
}
