//! What all requests share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use locum_engine::{
    assistants::Assistants, gateway::Gateway, limit::Limiter, metrics::Metrics, ports::World,
    settings::Settings,
};

use crate::{auth::Keys, routes::health::StorageProbe};

/// One running Locum: what the handlers and the edge reach for.
pub struct App {
    /// What the operator has set.
    pub settings: Settings,
    /// The gateway's use cases.
    pub gateway: Arc<Gateway>,
    /// The use cases of the Assistants API.
    pub assistants: Arc<Assistants>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The ports.
    pub world: World,
    /// Of the program, as `/health` tells it.
    pub version: &'static str,
    /// When it started, on the clock port.
    pub started: Duration,
    pub(crate) keys: Keys,
    /// `None` where the operator has switched it off.
    pub(crate) limiter: Option<Limiter>,
    pub(crate) storage: StorageProbe,
    draining: AtomicBool,
}

impl App {
    /// An app that is ready to serve.
    ///
    /// # Errors
    /// What is wrong with the settings of a provider, in a sentence.
    pub fn new(settings: Settings, world: World) -> Result<Self, String> {
        let metrics = Arc::new(Metrics::new());
        let gateway = Gateway::new(world.clone(), &settings, Arc::clone(&metrics))?;
        let gateway = Arc::new(gateway);
        let assistants = Assistants::new(
            world.clone(),
            Arc::clone(&gateway),
            Arc::clone(&metrics),
            &settings,
        );
        Ok(Self {
            assistants,
            keys: Keys::new(&settings),
            limiter: settings
                .enable_rate_limit
                .then(|| Limiter::new(settings.rate_limit_requests, settings.rate_limit_window)),
            gateway,
            metrics,
            version: env!("CARGO_PKG_VERSION"),
            started: world.clock.now(),
            storage: StorageProbe::default(),
            draining: AtomicBool::new(false),
            settings,
            world,
        })
    }

    /// The same app for a host on which no request may wait for what another one has begun.
    #[must_use]
    pub fn with_requests_apart(mut self) -> Self {
        self.storage = StorageProbe::unshared();
        self
    }

    /// Whether storage can be read and written, as `/health` tells it.
    pub async fn storage_is_fine(&self) -> bool {
        self.storage.is_fine(&self.world).await
    }

    /// Says that no more requests should be sent here: `/health/ready` answers 503 from now on. Requests that come all
    /// the same are answered.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`App::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
