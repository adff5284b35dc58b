//! Which providers may serve a model, in which order.

use std::sync::Arc;

use locum_domain::error::ApiError;
use tracing::debug;

use super::{Gateway, slot::Slot};

/// A provider that may be asked, and what for.
pub(super) struct Target {
    pub slot: Arc<Slot>,
    /// The model's name at that provider.
    pub model: String,
    /// Whether this is not what the client asked for.
    pub fallback: bool,
}

/// What kind of model is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Chat,
    Embedding,
}

/// Whose a model is.
enum Owner {
    Enabled(Arc<Slot>, String),
    Disabled(&'static str),
    Unknown,
}

impl Gateway {
    /// The providers that may serve `requested`, the preferred one first; never empty.
    ///
    /// In this order: aliases; `provider/model`; the provider whose names look so; the provider that lists it. Behind that
    /// one, every other enabled provider with its default model. A name that belongs to a provider which is switched
    /// off goes to those alone.
    pub(super) async fn route(&self, requested: &str, kind: Kind) -> Result<Vec<Target>, ApiError> {
        let (first, owner_name) = match self.owner(requested).await? {
            Owner::Enabled(slot, model) => {
                let name = slot.name();
                (
                    Some(Target {
                        slot,
                        model,
                        fallback: false,
                    }),
                    name,
                )
            }
            Owner::Disabled(name) if self.shared.limits.fallback => (None, name),
            Owner::Disabled(_) | Owner::Unknown => {
                return Err(ApiError::model_not_found(requested));
            }
        };
        let real = self.slots.iter().any(|slot| !slot.provider.is_stand_in());
        let others = self
            .slots
            .iter()
            .filter(|slot| slot.name() != owner_name && (!real || !slot.provider.is_stand_in()));
        let targets: Vec<Target> = first
            .into_iter()
            .chain(others.filter_map(|slot| {
                let model = match kind {
                    Kind::Chat => slot.provider.default_model(),
                    Kind::Embedding => slot.provider.default_embedding_model()?,
                };
                Some(Target {
                    slot: Arc::clone(slot),
                    model: model.to_owned(),
                    fallback: true,
                })
            }))
            .collect();
        debug!(
            requested,
            targets = ?targets.iter().map(|t| (t.slot.name(), t.model.as_str())).collect::<Vec<_>>(),
            "routed"
        );
        if targets.is_empty() {
            return Err(ApiError::model_not_found(requested));
        }
        Ok(targets)
    }

    /// How many tokens of prompt and answer the model takes that `requested` means, where its provider's table tells. Of a
    /// name that nobody claims nothing is known without asking.
    pub(crate) fn context_window(&self, requested: &str) -> Option<u32> {
        let model = self.resolve_alias(requested);
        if let Some((prefix, rest)) = model.split_once('/')
            && let Some(slot) = self.slots.iter().find(|slot| slot.name() == prefix)
        {
            return slot.provider.context_window(self.resolve_alias(rest));
        }
        let claims = |slot: &&Arc<Slot>| slot.provider.claims(model);
        if let Some(slot) = self.slots.iter().find(claims) {
            return slot.provider.context_window(model);
        }
        if self.disabled.iter().any(|provider| provider.claims(model)) {
            let stand_in = self.slots.first()?;
            return stand_in
                .provider
                .context_window(stand_in.provider.default_model());
        }
        None
    }

    async fn owner(&self, requested: &str) -> Result<Owner, ApiError> {
        let model = self.resolve_alias(requested);
        if let Some((prefix, rest)) = model.split_once('/')
            && !rest.is_empty()
            && let Some(owner) = self.named(prefix, self.resolve_alias(rest))
        {
            return Ok(owner);
        }
        if let Some(slot) = self.slots.iter().find(|slot| slot.provider.claims(model)) {
            return Ok(Owner::Enabled(Arc::clone(slot), model.to_owned()));
        }
        let disabled = self.disabled.iter().find(|provider| provider.claims(model));
        // Boxed, because it is large and rare: every request would carry its size along.
        match (Box::pin(self.listed_by(model)).await, disabled) {
            (Ok(Some(slot)), _) => Ok(Owner::Enabled(slot, model.to_owned())),
            (_, Some(provider)) => Ok(Owner::Disabled(provider.name())),
            (Ok(None), None) => Ok(Owner::Unknown),
            (Err(error), None) => Err(error),
        }
    }

    /// The provider of that name.
    fn named(&self, name: &str, model: &str) -> Option<Owner> {
        if let Some(slot) = self.slots.iter().find(|slot| slot.name() == name) {
            return Some(Owner::Enabled(Arc::clone(slot), model.to_owned()));
        }
        let provider = self
            .disabled
            .iter()
            .find(|provider| provider.name() == name)?;
        Some(Owner::Disabled(provider.name()))
    }

    /// What `model` is an alias of, or `model` itself. A pattern may end in `*`.
    pub(super) fn resolve_alias<'a>(&'a self, model: &'a str) -> &'a str {
        let found = self
            .aliases
            .iter()
            .find(|(pattern, _)| match pattern.strip_suffix('*') {
                Some(start) => model.starts_with(start),
                None => model == pattern,
            });
        found.map_or(model, |(_, target)| target)
    }
}
