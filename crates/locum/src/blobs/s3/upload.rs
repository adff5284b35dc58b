//! How a blob gets into S3: at once where it is small, else in parts, of which a few are under way at a time.
//!
//! Either way it has its name only when all of it is there. What an upload that breaks off has left is taken away; where
//! the process dies, or S3 cannot be reached for it, parts stay behind that no listing shows and that cost money: the bucket
//! should have a lifecycle rule that ends incomplete multipart uploads after a day.

use std::{mem, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt, StreamExt,
    stream::{Fuse, FuturesUnordered},
};
use locum_engine::ports::{BlobError, BlobStream};
use object_store::{
    Error, MultipartId, ObjectStoreExt, PutPayload,
    aws::AmazonS3,
    multipart::{MultipartStore, PartId},
    path::Path,
};
use tokio::{runtime::Handle, task::JoinError, time::timeout};
use tracing::warn;

use super::failure;

/// How large all parts but the last are: alike, as R2 demands, and at least 5 MiB, as all do. Of 10,000 parts, which are
/// the most, 48 GiB can be made.
pub(super) const PART_BYTES: usize = 5 << 20;
/// How many parts are sent at once. One more is being filled.
pub(super) const IN_FLIGHT: usize = 2;
/// What is longer than this gets room for a whole part.
const SHORT_BYTES: usize = 256 << 10;
/// How long what is left of an upload is taken away.
const UNDOING: Duration = Duration::from_secs(5);

/// Where a blob goes.
#[derive(Clone)]
pub(super) struct Upload {
    pub store: AmazonS3,
    pub bucket: Arc<str>,
    pub key: Path,
}

impl Upload {
    /// Stores all of `bytes`, and says how many they were.
    pub async fn run(self, bytes: BlobStream) -> Result<u64, BlobError> {
        let mut parts = Parts::new(bytes);
        let first = parts.next().await?.unwrap_or_default();
        // A part that is not full is the last.
        let second = match first.len() {
            PART_BYTES => parts.next().await?,
            _ => None,
        };
        match second {
            None => self.at_once(first).await,
            Some(second) => self.in_parts([first, second], parts).await,
        }
    }

    async fn at_once(self, bytes: Bytes) -> Result<u64, BlobError> {
        let size_bytes = bytes.len() as u64;
        let begun = Begun::new(&self, None);
        let put = self.store.put(&self.key, bytes.into()).await;
        begun.end(put.map_err(|error| self.failed(&error))).await?;
        Ok(size_bytes)
    }

    async fn in_parts(self, first: [Bytes; 2], parts: Parts) -> Result<u64, BlobError> {
        // Apart, so that it is known how it is called, and can be undone, whoever leaves while that is being asked.
        let beginning = tokio::spawn(self.clone().begin()).await;
        let died = |error: JoinError| Err(BlobError::Failed(error.to_string()));
        let (id, mut begun) = beginning.unwrap_or_else(died)?;
        let (sent, size_bytes) = match self.send(&id, first, parts).await {
            Ok(sent) => sent,
            Err(error) => return begun.end(Err(error)).await,
        };
        begun.is_named = true;
        let completed = self.store.complete_multipart(&self.key, &id, sent).await;
        let completed = completed.map_err(|error| self.failed(&error));
        begun.end(completed).await?;
        Ok(size_bytes)
    }

    /// Begins an upload in parts, which has an id from then on.
    async fn begin(self) -> Result<(MultipartId, Begun), BlobError> {
        let created = self.store.create_multipart(&self.key).await;
        let id = created.map_err(|error| self.failed(&error))?;
        let begun = Begun::new(&self, Some(id.clone()));
        Ok((id, begun))
    }

    /// Sends all parts. Says what the server calls them, in their order, and how many bytes they are.
    async fn send(
        &self,
        id: &MultipartId,
        first: [Bytes; 2],
        mut parts: Parts,
    ) -> Result<(Vec<PartId>, u64), BlobError> {
        let mut sending = FuturesUnordered::new();
        let mut sent = Vec::new();
        let mut count = 0;
        let mut size_bytes = 0;
        let mut has_more = true;
        let mut begin = |part: Bytes| {
            size_bytes += part.len() as u64;
            let number = count;
            count += 1;
            let payload = PutPayload::from(part);
            let sending = self.store.put_part(&self.key, id, number, payload);
            sending.map(move |part| part.map(|part| (number, part)))
        };
        sending.extend(first.map(&mut begin));
        loop {
            tokio::select! {
                biased;
                Some(part) = sending.next(), if !sending.is_empty() => {
                    sent.push(part.map_err(|error| self.failed(&error))?);
                }
                part = parts.next(), if has_more && sending.len() < IN_FLIGHT => match part? {
                    Some(part) => sending.push(begin(part)),
                    None => has_more = false,
                },
                else => break,
            }
        }
        drop(sending);
        sent.sort_unstable_by_key(|(number, _)| *number);
        let sent = sent.into_iter().map(|(_, part)| part).collect();
        Ok((sent, size_bytes))
    }

    fn failed(&self, error: &Error) -> BlobError {
        failure::failed(error, &self.bucket)
    }

    /// Takes away what is there of it. Names are used once, so that nothing else can have this one.
    async fn undo(self, id: Option<MultipartId>, is_named: bool) {
        let undoing = async {
            if let Some(id) = &id {
                match self.store.abort_multipart(&self.key, id).await {
                    Err(Error::NotFound { .. }) | Ok(()) => {}
                    Err(error) => return Err(self.failed(&error)),
                }
            }
            if is_named {
                match self.store.delete(&self.key).await {
                    Err(Error::NotFound { .. }) | Ok(()) => {}
                    Err(error) => return Err(self.failed(&error)),
                }
            }
            Ok(())
        };
        let late = || Err(BlobError::Failed("it takes too long".to_owned()));
        let undone = timeout(UNDOING, undoing).await.unwrap_or_else(|_| late());
        if let Err(error) = undone {
            warn!(key = %self.key, %error, "what is left of a broken upload stays in the bucket");
        }
    }
}

/// An upload that the server knows of, until it is known how it ended. One that is left in the middle is undone.
struct Begun {
    upload: Upload,
    /// Its parts', where it is in parts.
    id: Option<MultipartId>,
    /// Whether the blob may have its name already.
    is_named: bool,
    is_over: bool,
}

impl Begun {
    fn new(upload: &Upload, id: Option<MultipartId>) -> Self {
        Self {
            upload: upload.clone(),
            is_named: id.is_none(),
            id,
            is_over: false,
        }
    }

    /// Undoes it where it failed. A server that gave no answer may have stored everything all the same.
    async fn end<T>(mut self, ended: Result<T, BlobError>) -> Result<T, BlobError> {
        if ended.is_err() {
            self.undo().await;
        }
        self.is_over = true;
        ended
    }

    fn undo(&self) -> impl Future<Output = ()> + Send + use<> {
        let upload = self.upload.clone();
        upload.undo(self.id.clone(), self.is_named)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.undo());
        }
    }
}

/// Cuts a stream into parts.
struct Parts {
    bytes: Fuse<BlobStream>,
    /// What came and did not fit.
    rest: Bytes,
    filling: BytesMut,
}

impl Parts {
    fn new(bytes: BlobStream) -> Self {
        Self {
            bytes: bytes.fuse(),
            rest: Bytes::new(),
            filling: BytesMut::new(),
        }
    }

    /// The next part: a full one, or the last; `None` behind it. Nothing is lost where this is dropped.
    async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        while self.filling.len() < PART_BYTES {
            if self.rest.is_empty() {
                match self.bytes.next().await.transpose()? {
                    Some(piece) => self.rest = piece,
                    None => break,
                }
            }
            let room = PART_BYTES - self.filling.len();
            let piece = self.rest.split_to(room.min(self.rest.len()));
            if self.filling.len() + piece.len() > SHORT_BYTES {
                self.filling.reserve(PART_BYTES - self.filling.len());
            }
            self.filling.extend_from_slice(&piece);
        }
        let part = mem::take(&mut self.filling).freeze();
        Ok(Some(part).filter(|part| !part.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn parts_are_full_but_the_last_however_the_bytes_are_cut() {
        let whole: Vec<u8> = (0..2 * PART_BYTES + 5).map(|n| (n % 251) as u8).collect();
        for cut in [
            1000,
            PART_BYTES - 1,
            PART_BYTES,
            PART_BYTES + 1,
            whole.len(),
        ] {
            let pieces: Vec<_> = whole
                .chunks(cut)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            let mut parts = Parts::new(Box::pin(stream::iter(pieces)));
            let mut found = Vec::new();
            while let Some(part) = parts.next().await.unwrap() {
                found.push(part);
            }
            let sizes: Vec<_> = found.iter().map(Bytes::len).collect();
            assert_eq!(sizes, [PART_BYTES, PART_BYTES, 5], "{cut}");
            assert!(found.concat() == whole, "{cut}");
        }
    }

    #[tokio::test]
    async fn of_nothing_there_is_no_part() {
        let empty = stream::iter([Ok(Bytes::new()), Ok(Bytes::new())]);
        let mut parts = Parts::new(Box::pin(empty));
        assert_eq!(parts.next().await, Ok(None));
        assert_eq!(parts.next().await, Ok(None));
    }
}
