//! `metadata`: the client's own pairs.

use locum_domain::{error::ApiError, metadata::Metadata};
use serde::{Serialize, Serializer};

use super::{at::At, fault};

/// Reads pairs. Their order is kept; of a name that comes twice the last value counts.
pub(super) fn metadata(at: &At<'_, '_>) -> Result<Metadata, ApiError> {
    let count = at.members()?.count();
    if count > Metadata::MAX_PAIRS {
        return Err(fault::large_object(at.path(), Metadata::MAX_PAIRS, count));
    }
    let mut pairs: Vec<(String, String)> = Vec::with_capacity(count);
    for (key, value) in at.members()? {
        let length = key.chars().count();
        if length > Metadata::MAX_KEY {
            // The name itself is not repeated: it may be of any length.
            return Err(fault::long_name(at.path(), Metadata::MAX_KEY, length));
        }
        let text = value.short_string(Metadata::MAX_VALUE)?.to_owned();
        match pairs.iter_mut().find(|(known, _)| known == key) {
            Some((_, earlier)) => *earlier = text,
            None => pairs.push((key.to_owned(), text)),
        }
    }
    Ok(Metadata(pairs))
}

/// The pairs of a new object: none where `metadata` is absent or null.
pub(super) fn new(body: &At<'_, '_>) -> Result<Metadata, ApiError> {
    let given = body.get("metadata").map(|at| metadata(&at)).transpose()?;
    Ok(given.unwrap_or_default())
}

/// What replaces an object's pairs: nothing where `metadata` is absent, no pairs where it is null.
pub(super) fn change(body: &At<'_, '_>) -> Result<Option<Metadata>, ApiError> {
    let change = body.change("metadata", |at| metadata(&at))?;
    Ok(change.map(Option::unwrap_or_default))
}

/// Pairs, as an object's members.
pub(crate) struct MetadataObject<'a>(pub &'a Metadata);

impl Serialize for MetadataObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.0.iter().map(|(key, value)| (key, value)))
    }
}
