//! The gateway: chat and embeddings over several providers, with automatic fallback, and without stored state.
//!
//! Read in this order: [`call`] (what is asked and answered), `route` (which providers, in which order), `fail_over` (the
//! loop over the policy's steps), `chat` and `embed` (one try), `answering` and `relaying` (an answer in the making),
//! `upstream` (sending, with time limits), `slot` and [`health`] (a provider's circuit and health), `witness` (what is noted
//! of an answer), `models`.

mod answering;
pub mod call;
mod chat;
mod embed;
mod fail_over;
pub mod health;
mod merged;
mod models;
mod relaying;
mod route;
mod slot;
mod upstream;
mod witness;

use std::{fmt, sync::Arc, time::Duration};

use locum_providers::{Provider, TABLE, breaker::Circuit, policy::Limits};

pub use call::{
    ChatBody, ChatCall, ChatReply, ChatSource, EmbedBody, EmbedCall, EmbedReply, EmbedSource,
    EventStream, RawBody, RawStream, Served,
};
pub use health::{Health, HealthStatus, ProviderHealth};

use self::{models::Listings, slot::Slot};
use crate::{metrics::Metrics, ports::World, settings::Settings};

/// The gateway over the enabled providers.
pub struct Gateway {
    shared: Arc<Shared>,
    /// The enabled providers, in the order in which a fallback tries them.
    slots: Vec<Arc<Slot>>,
    /// The others: they only say which names are theirs.
    disabled: Vec<Box<dyn Provider>>,
    aliases: Vec<(String, String)>,
    listings: Listings,
}

/// What every answer in the making needs.
struct Shared {
    world: World,
    metrics: Arc<Metrics>,
    limits: Limits,
    /// To the first byte of an answer, and between two bytes of it.
    patience: Duration,
}

impl Gateway {
    /// A gateway over the providers that `settings` enables.
    ///
    /// # Errors
    /// What is wrong with a provider's configuration, in a sentence.
    pub fn new(world: World, settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, String> {
        let mut slots = Vec::new();
        let mut disabled = Vec::new();
        for row in TABLE {
            let set = settings.providers.iter().find(|set| set.name == row.name);
            let config = set.map(|set| set.config.clone()).unwrap_or_default();
            if set.is_some_and(|set| set.enabled) {
                let provider =
                    (row.build)(config).map_err(|what| format!("{}: {what}", row.title))?;
                // From the start on, so that an alert can be written on it.
                metrics.circuit(provider.name(), Circuit::Closed);
                slots.push(Arc::new(Slot::new(provider)));
            } else if let Ok(provider) = (row.build)(config) {
                disabled.push(provider);
            }
        }
        Ok(Self {
            listings: Listings::new(slots.len()),
            shared: Arc::new(Shared {
                world,
                metrics,
                limits: Limits {
                    max_retries: settings.provider_max_retries,
                    fallback: settings.provider_fallback_enabled,
                },
                patience: settings.provider_timeout,
            }),
            slots,
            disabled,
            aliases: settings.model_aliases.clone(),
        })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers: Vec<_> = self.slots.iter().map(|slot| slot.name()).collect();
        f.debug_struct("Gateway")
            .field("providers", &providers)
            .finish_non_exhaustive()
    }
}
