//! Blobs in memory.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use locum_engine::ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs, Clock};

/// How large the pieces are in which a blob is read.
const PIECE_BYTES: usize = 64 * 1024;

/// Keeps blobs in a map. Clones are the same map.
#[derive(Clone)]
pub struct MemoryBlobs {
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
}

struct Kept {
    bytes: Bytes,
    modified: Duration,
}

impl MemoryBlobs {
    /// None yet; `clock` tells when one is stored.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Arc::default(),
        }
    }

    /// The names of all.
    pub fn names(&self) -> Vec<String> {
        self.kept().keys().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, name: &str, mut bytes: BlobStream) -> Result<u64, BlobError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = bytes.try_next().await? {
            whole.extend_from_slice(&piece);
        }
        let size_bytes = whole.len() as u64;
        let kept = Kept {
            bytes: whole.freeze(),
            modified: self.clock.unix(),
        };
        self.kept().insert(name.to_owned(), kept);
        Ok(size_bytes)
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, BlobError> {
        Ok(self.kept().get(name).map(|kept| Blob {
            size_bytes: kept.bytes.len() as u64,
            bytes: Box::pin(stream::unfold(kept.bytes.clone(), |mut rest| async move {
                let piece = rest.split_to(rest.len().min(PIECE_BYTES));
                (!piece.is_empty()).then_some((Ok(piece), rest))
            })),
        }))
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        self.kept().remove(name);
        Ok(())
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, BlobError> {
        Ok(self
            .kept()
            .iter()
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
            .take(limit)
            .map(|(name, kept)| BlobEntry {
                name: name.clone(),
                size_bytes: kept.bytes.len() as u64,
                modified: kept.modified,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VirtualClock;

    fn stream(pieces: Vec<Result<Bytes, BlobError>>) -> BlobStream {
        Box::pin(stream::iter(pieces))
    }

    #[test]
    fn a_blob_is_there_whole_or_not_at_all() {
        let clock = VirtualClock::new();
        let blobs = MemoryBlobs::new(Arc::new(clock.clone()));
        let long = Bytes::from(vec![7; PIECE_BYTES + 1]);
        clock.run(async {
            let pieces = vec![Ok(long.clone()), Ok(Bytes::from_static(b"end"))];
            let size_bytes = PIECE_BYTES as u64 + 4;
            assert_eq!(blobs.put("b", stream(pieces)).await, Ok(size_bytes));
            let broken = BlobError::Failed("it broke".to_owned());
            let pieces = vec![Ok(long.clone()), Err(broken.clone())];
            assert_eq!(blobs.put("c", stream(pieces)).await, Err(broken));
            assert_eq!(blobs.put("a", stream(Vec::new())).await, Ok(0));
            assert_eq!(blobs.names(), ["a", "b"]);

            let blob = blobs.read("b").await.unwrap().unwrap();
            let pieces: Vec<Bytes> = blob.bytes.try_collect().await.unwrap();
            assert_eq!(
                (pieces.len(), pieces.concat().len() as u64),
                (2, size_bytes)
            );
            assert_eq!(blob.size_bytes, size_bytes);
            assert!(blobs.read("c").await.unwrap().is_none());

            let listed = blobs.list(Some("a"), 9).await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].modified, clock.unix());
            assert_eq!(blobs.list(None, 1).await.unwrap()[0].name, "a");
            assert_eq!(blobs.delete("b").await, Ok(()));
            assert_eq!(blobs.delete("b").await, Ok(()));
            assert_eq!(blobs.names(), ["a"]);
        });
    }
}
