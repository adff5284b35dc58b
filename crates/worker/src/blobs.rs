//! The blobs port on R2: an object for each blob.
//!
//! What fits into one part is put at once; more is uploaded in parts as it comes, and is there once the last has come. Memory
//! holds one part. R2 itself takes away what an upload that broke off has left, after a week.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use locum_engine::ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs};
use worker::{
    Bucket, Env, MultipartUpload, Object, UploadedPart,
    send::{SendFuture, SendWrapper},
};

use crate::exchange::SendStream;

/// The binding of the bucket.
const BUCKET: &str = "FILES";
/// The size of all parts of an upload but the last: the smallest that R2 takes.
const PART_BYTES: usize = 5 << 20;
/// The most objects that R2 lists at once.
const LISTED_AT_ONCE: usize = 1000;

/// Blobs in a bucket.
pub(crate) struct R2 {
    env: Env,
}

impl R2 {
    /// The bucket that is bound to the Worker.
    pub(crate) fn new(env: Env) -> Self {
        Self { env }
    }

    fn bucket(&self) -> Result<Bucket, BlobError> {
        self.env.bucket(BUCKET).map_err(failed)
    }

    async fn put_all(&self, name: &str, mut bytes: BlobStream) -> Result<u64, BlobError> {
        let bucket = self.bucket()?;
        let mut waiting = BytesMut::new();
        fill(&mut waiting, &mut bytes).await?;
        if waiting.len() < PART_BYTES {
            let size_bytes = waiting.len() as u64;
            let put = bucket.put(name, Vec::from(waiting)).execute().await;
            return put.map(|_| size_bytes).map_err(failed);
        }
        let upload = bucket.create_multipart_upload(name).execute().await;
        let upload = upload.map_err(failed)?;
        match put_parts(&upload, waiting, bytes).await {
            Ok((parts, size_bytes)) => {
                upload.complete(parts).await.map_err(failed)?;
                Ok(size_bytes)
            }
            Err(error) => {
                // Left alone it goes by itself.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Blobs for R2 {
    async fn put(&self, name: &str, bytes: BlobStream) -> Result<u64, BlobError> {
        SendFuture::new(self.put_all(name, bytes)).await
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, BlobError> {
        SendFuture::new(async {
            let found = self.bucket()?.get(name).execute().await.map_err(failed)?;
            found.map(blob).transpose()
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        let deleted = async { self.bucket()?.delete(name).await.map_err(failed) };
        SendFuture::new(deleted).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, BlobError> {
        let listed = async {
            let bucket = self.bucket()?;
            let limit = limit.min(LISTED_AT_ONCE);
            let mut listing = bucket
                .list()
                .limit(u32::try_from(limit).unwrap_or(u32::MAX));
            if let Some(after) = after {
                listing = listing.start_after(after);
            }
            let listed = listing.execute().await.map_err(failed)?;
            Ok(listed.objects().iter().map(entry).collect())
        };
        SendFuture::new(listed).await
    }
}

/// Reads until a part is `waiting`, or the last piece has come.
async fn fill(waiting: &mut BytesMut, bytes: &mut BlobStream) -> Result<(), BlobError> {
    while waiting.len() < PART_BYTES {
        let Some(piece) = bytes.next().await else {
            break;
        };
        waiting.extend_from_slice(&piece?);
    }
    Ok(())
}

/// Uploads what is `waiting` and all that follows. All parts but the last are of one size, as R2 demands: what a piece was
/// too long by comes with the next part.
async fn put_parts(
    upload: &MultipartUpload,
    mut waiting: BytesMut,
    mut bytes: BlobStream,
) -> Result<(Vec<UploadedPart>, u64), BlobError> {
    let (mut parts, mut number, mut size_bytes) = (Vec::new(), 0, 0);
    while !waiting.is_empty() {
        let part = waiting.split_to(waiting.len().min(PART_BYTES));
        number += 1;
        size_bytes += part.len() as u64;
        let uploaded = upload.upload_part(number, Vec::from(part)).await;
        parts.push(uploaded.map_err(failed)?);
        fill(&mut waiting, &mut bytes).await?;
    }
    Ok((parts, size_bytes))
}

fn blob(found: Object) -> Result<Blob, BlobError> {
    let size_bytes = found.size();
    let body = found.body();
    let body = body.ok_or_else(|| BlobError::Failed("an object without a body".to_owned()))?;
    let bytes = body.stream().map_err(failed)?;
    let bytes = bytes.map_ok(Bytes::from).map_err(failed);
    Ok(Blob {
        size_bytes,
        bytes: Box::pin(SendStream(SendWrapper::new(bytes))),
    })
}

fn entry(found: &Object) -> BlobEntry {
    BlobEntry {
        name: found.key(),
        size_bytes: found.size(),
        modified: Duration::from_millis(found.uploaded().as_millis()),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what errors are mapped with"
)]
fn failed(error: worker::Error) -> BlobError {
    BlobError::Failed(error.to_string())
}
