//! The blobs port on a bucket of whatever speaks S3: an object for each blob.
//!
//! An object is there when it is whole, so that what has a name is whole. Read in this order: [`S3`], `bucket` (where
//! blobs are), `access` (by whom and where S3 is asked), `http` (how it is asked, and how long), `upload` (how blobs get there),
//! `failure` (what an operator is told).

mod access;
mod bucket;
mod failure;
mod http;
mod upload;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use locum_engine::{
    ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs},
    settings::{AwsSettings, SettingError},
};
use object_store::{
    BackoffConfig, Error, ObjectMeta, ObjectStoreExt, RetryConfig,
    aws::AmazonS3,
    list::{PaginatedListOptions, PaginatedListStore},
};

pub use self::bucket::{Bucket, UrlError};
use self::{
    http::{Http, Limits},
    upload::Upload,
};
use super::{is_name, no_name};
use crate::transport::HttpTransport;

/// As many keys a server lists at once.
const PAGE: usize = 1000;
/// How often something is tried again that may pass: a connection that breaks, a server that is busy.
const RETRIES: usize = 4;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Blobs in a bucket.
///
/// The bucket should have a lifecycle rule that ends incomplete multipart uploads: an upload that breaks off is taken away
/// by this process, but not where the process dies with it.
#[derive(Clone)]
pub struct S3 {
    store: AmazonS3,
    bucket: Bucket,
}

/// Why there is no bucket to keep blobs in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URL is none of a bucket. The text is what it takes.
    #[error("the bucket must be named as {0}")]
    Url(#[from] UrlError),
    /// A setting is missing.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A variable of AWS that is no setting of Locum has a wrong value.
    #[error("the variables of AWS are wrong: {0}")]
    Variables(String),
    /// The bucket cannot be reached, is not there, or is not for us.
    #[error("{place} cannot be used: {reason}")]
    Unusable {
        /// The bucket and its server.
        place: String,
        /// What happened.
        reason: String,
    },
}

impl OpenError {
    /// Whether settings are wrong; else they may be right, and something else is not.
    pub fn is_misuse(&self) -> bool {
        !matches!(self, Self::Unusable { .. })
    }
}

impl S3 {
    /// The blobs in the bucket of `url`, as [`Bucket::parse`] reads it, once it has answered.
    ///
    /// Credentials that `settings` do not hold come from where AWS's other variables say: a role of the machine, of the
    /// container, or of a web identity.
    ///
    /// # Errors
    /// Settings are wrong, or the bucket cannot be listed.
    pub async fn open(
        url: &str,
        settings: &AwsSettings,
        transport: &HttpTransport,
    ) -> Result<Self, OpenError> {
        let bucket = Bucket::parse(url)?;
        let http = Http::new(transport, Limits::default());
        let s3 = Self::new(bucket, settings, http)?;
        let found = s3.page(None, None, 1).await;
        found.map_err(|error| s3.unusable(settings, &error))?;
        Ok(s3)
    }

    fn new(bucket: Bucket, settings: &AwsSettings, http: Http) -> Result<Self, OpenError> {
        let store = access::builder(settings)?
            .with_bucket_name(bucket.name())
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    max_backoff: LONGEST_PAUSE,
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES,
                retry_timeout: http.limits.retrying,
            })
            .with_http_connector(http)
            // Not every server speaks the other one.
            .with_disable_bulk_delete(true)
            .build()
            .map_err(|error| OpenError::Variables(error.to_string()))?;
        Ok(Self { store, bucket })
    }

    /// One page of a listing, and where the next one begins.
    async fn page(
        &self,
        after: Option<&str>,
        page_token: Option<String>,
        limit: usize,
    ) -> object_store::Result<(Vec<ObjectMeta>, Option<String>)> {
        let prefix = self.bucket.prefix();
        let options = PaginatedListOptions {
            offset: after.map(|after| format!("{prefix}{after}")),
            // What lies in folders is not ours, however much it is.
            delimiter: Some("/".into()),
            max_keys: Some(limit.min(PAGE)),
            page_token,
            ..PaginatedListOptions::default()
        };
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let page = self.store.list_paginated(prefix, options).await?;
        Ok((page.result.objects, page.page_token))
    }

    /// What a listing says of an object; `None` where it is no blob.
    fn entry(&self, object: &ObjectMeta) -> Option<BlobEntry> {
        let name = object
            .location
            .as_ref()
            .strip_prefix(self.bucket.prefix())?;
        let modified = u64::try_from(object.last_modified.timestamp_millis());
        is_name(name).then(|| BlobEntry {
            name: name.to_owned(),
            size_bytes: object.size,
            modified: Duration::from_millis(modified.unwrap_or_default()),
        })
    }

    fn failed(&self, error: &Error) -> BlobError {
        failure::failed(error, self.bucket.name())
    }

    fn unusable(&self, settings: &AwsSettings, error: &Error) -> OpenError {
        let server = settings.endpoint_url.as_ref();
        let at = server.map_or(String::new(), |server| format!(" at {server}"));
        OpenError::Unusable {
            place: format!("{}{at}", self.bucket),
            reason: failure::told(error, self.bucket.name()),
        }
    }
}

#[async_trait]
impl Blobs for S3 {
    async fn put(&self, name: &str, bytes: BlobStream) -> Result<u64, BlobError> {
        if !is_name(name) {
            return Err(no_name(name));
        }
        let upload = Upload {
            store: self.store.clone(),
            bucket: Arc::from(self.bucket.name()),
            key: self.bucket.key(name),
        };
        upload.run(bytes).await
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, BlobError> {
        if !is_name(name) {
            return Ok(None);
        }
        let object = match self.store.get(&self.bucket.key(name)).await {
            Ok(object) => object,
            Err(error) if failure::is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        let size_bytes = object.meta.size;
        let bytes = object.into_stream();
        Ok(Some(Blob {
            size_bytes,
            bytes: whole(bytes, size_bytes, self.bucket.name().into()),
        }))
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        if !is_name(name) {
            return Ok(());
        }
        match self.store.delete(&self.bucket.key(name)).await {
            Err(error) if !failure::is_missing(&error) => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, BlobError> {
        let mut entries = Vec::new();
        let mut token = None;
        while entries.len() < limit {
            let page = self.page(after, token, limit - entries.len()).await;
            let (objects, next) = page.map_err(|error| self.failed(&error))?;
            let found = objects.iter().filter_map(|object| self.entry(object));
            // Not every server knows where a listing is to begin.
            entries.extend(
                found.filter(|entry| after.is_none_or(|after| entry.name.as_str() > after)),
            );
            token = next;
            if token.is_none() {
                break;
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({})", self.bucket)
    }
}

/// An object's bytes, if they are as many as they should be: others are not the blob.
fn whole(
    bytes: BoxStream<'static, object_store::Result<Bytes>>,
    size_bytes: u64,
    bucket: Arc<str>,
) -> BlobStream {
    let start = Some((bytes, size_bytes));
    Box::pin(stream::unfold(start, move |state| {
        let bucket = Arc::clone(&bucket);
        async move {
            let (mut bytes, left) = state?;
            Some(match bytes.next().await {
                Some(Ok(piece)) => match left.checked_sub(piece.len() as u64) {
                    Some(left) => (Ok(piece), Some((bytes, left))),
                    None => (wrong("more came than a blob is large"), None),
                },
                Some(Err(error)) => (Err(failure::failed(&error, &bucket)), None),
                None if left > 0 => (wrong("a blob's end is missing"), None),
                None => return None,
            })
        }
    }))
}

fn wrong(text: &str) -> Result<Bytes, BlobError> {
    Err(BlobError::Failed(text.to_owned()))
}

#[cfg(test)]
mod tests;
