//! The blobs port on R2: an object for each blob.
//!
//! What fits into one part is put at once; more is uploaded in parts as it comes, and is there once the last has come. Memory
//! holds one part. R2 itself takes away what an upload that broke off has left, after a week.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use locum_engine::ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs};
use std::time::Duration;
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
        let first = part(&mut bytes).await?;
        if first.len() < PART_BYTES {
            let size_bytes = first.len() as u64;
            let put = bucket.put(name, Vec::from(first)).execute().await;
            return put.map(|_| size_bytes).map_err(failed);
        }
        let upload = bucket.create_multipart_upload(name).execute().await;
        let upload = upload.map_err(failed)?;
        match put_parts(&upload, first, bytes).await {
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

/// The next part; what is shorter than a part is the last.
async fn part(bytes: &mut BlobStream) -> Result<Bytes, BlobError> {
    let mut part = BytesMut::new();
    while part.len() < PART_BYTES {
        let Some(piece) = bytes.next().await else {
            break;
        };
        part.extend_from_slice(&piece?);
    }
    Ok(part.freeze())
}

async fn put_parts(
    upload: &MultipartUpload,
    first: Bytes,
    mut bytes: BlobStream,
) -> Result<(Vec<UploadedPart>, u64), BlobError> {
    let (mut parts, mut size_bytes) = (Vec::new(), 0);
    // All parts but the last have to be of one size: what a piece was too long by comes with the next part.
    let mut waiting = BytesMut::from(first);
    let mut number = 0;
    loop {
        let is_last = waiting.len() < PART_BYTES;
        let sent = waiting.split_to(waiting.len().min(PART_BYTES));
        if !sent.is_empty() {
            number += 1;
            size_bytes += sent.len() as u64;
            let uploaded = upload.upload_part(number, Vec::from(sent)).await;
            parts.push(uploaded.map_err(failed)?);
        }
        if is_last {
            return Ok((parts, size_bytes));
        }
        while waiting.len() < PART_BYTES {
            let Some(piece) = bytes.next().await else {
                break;
            };
            waiting.extend_from_slice(&piece?);
        }
    }
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
