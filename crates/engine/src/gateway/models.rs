//! The models of all enabled providers: listed when somebody asks, kept for a while, and still there when a provider is down.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use locum_domain::{error::ApiError, failure::Failure, model::ModelInfo};
use locum_providers::Prepared;
use tracing::warn;

use super::{Gateway, slot::Slot, upstream};

/// How long a listing is fresh.
const FRESH: Duration = Duration::from_secs(300);
/// How long a provider that could not list its models is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(15);
/// The most pages of one listing.
const MAX_PAGES: usize = 50;

/// What each provider listed last, by the provider's place.
pub(super) struct Listings(Vec<Mutex<Listing>>);

#[derive(Default)]
struct Listing {
    /// The newest success; kept until a newer one, however old it is.
    models: Option<Arc<Vec<ModelInfo>>>,
    /// When to ask again.
    due: Duration,
    /// The newest try's failure.
    failed: Option<Failure>,
}

impl Listings {
    pub fn new(providers: usize) -> Self {
        Self((0..providers).map(|_| Mutex::default()).collect())
    }
}

impl Gateway {
    /// The models of all enabled providers, each name once, the preferred provider's first.
    ///
    /// # Errors
    /// Where no provider at all could ever tell.
    pub async fn models(&self) -> Result<Vec<ModelInfo>, ApiError> {
        let listings = join_all((0..self.slots.len()).map(|place| self.listing(place))).await;
        if let Some(Err(failure)) = listings.first()
            && listings.iter().all(Result::is_err)
        {
            return Err(ApiError::from_failure(self.slots[0].name(), failure));
        }
        let mut seen = HashSet::new();
        let mut models = Vec::new();
        for model in listings.iter().flatten().flat_map(|models| models.iter()) {
            if seen.insert(&model.id) {
                models.push(model.clone());
            }
        }
        Ok(models)
    }

    /// The model of that name; an alias answers under its own name.
    ///
    /// # Errors
    /// 404 where nobody lists it; another error where that cannot be known.
    pub async fn model(&self, id: &str) -> Result<ModelInfo, ApiError> {
        let name = self.resolve_alias(id);
        let bare = name
            .split_once('/')
            .filter(|(prefix, _)| self.slots.iter().any(|slot| slot.name() == *prefix))
            .map_or(name, |(_, rest)| self.resolve_alias(rest));
        let models = self.models().await?;
        models
            .into_iter()
            .find(|model| {
                let named = |slot: &Arc<Slot>| model.id == slot.provider.bare_name(bare);
                model.id == name || self.slots.iter().any(named)
            })
            .map(|model| ModelInfo {
                id: id.to_owned(),
                ..model
            })
            .ok_or_else(|| ApiError::model_not_found(id))
    }

    /// The first provider that lists `model`.
    ///
    /// # Errors
    /// Where none lists it, but one could not tell.
    pub(super) async fn listed_by(&self, model: &str) -> Result<Option<Arc<Slot>>, ApiError> {
        let listings = join_all((0..self.slots.len()).map(|place| self.listing(place))).await;
        let mut unknown = None;
        for (slot, listing) in self.slots.iter().zip(listings) {
            match listing {
                Ok(models) if models.iter().any(|listed| listed.id == model) => {
                    return Ok(Some(Arc::clone(slot)));
                }
                Ok(_) => {}
                Err(failure) => {
                    unknown =
                        unknown.or_else(|| Some(ApiError::from_failure(slot.name(), &failure)));
                }
            }
        }
        unknown.map_or(Ok(None), Err)
    }

    async fn listing(&self, place: usize) -> Result<Arc<Vec<ModelInfo>>, Failure> {
        let cell = &self.listings.0[place];
        let lock = || cell.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &self.slots[place];
        let now = self.shared.world.clock.now();
        {
            let listing = lock();
            let rests = now < listing.due || slot.is_open(now);
            if rests && let Some(models) = &listing.models {
                return Ok(Arc::clone(models));
            }
            if rests && let Some(failure) = &listing.failed {
                return Err(failure.clone());
            }
        }
        let fetched = self.fetch_listing(slot).await;
        let now = self.shared.world.clock.now();
        let mut listing = lock();
        match fetched {
            Ok(models) => {
                let models = Arc::new(models);
                *listing = Listing {
                    models: Some(Arc::clone(&models)),
                    due: now + FRESH,
                    failed: None,
                };
                Ok(models)
            }
            Err(failure) => {
                warn!(
                    provider = slot.name(),
                    class = failure.class.as_str(),
                    "the models could not be listed"
                );
                listing.due = now + LEFT_ALONE;
                listing.failed = Some(failure.clone());
                listing.models.clone().ok_or(failure)
            }
        }
    }

    async fn fetch_listing(&self, slot: &Arc<Slot>) -> Result<Vec<ModelInfo>, Failure> {
        let mut models = Vec::new();
        let mut page = None;
        for _ in 0..MAX_PAGES {
            let listed = match slot.provider.models(page.as_deref()) {
                Prepared::Ready(listed) => listed,
                Prepared::Http(request) => {
                    let mut reply = upstream::send(&self.shared, slot, request).await?;
                    slot.provider.decode_models(&reply.body.whole().await?)?
                }
            };
            models.extend(listed.models);
            page = listed.next;
            if page.is_none() {
                break;
            }
        }
        Ok(models)
    }
}
