//! Files: a row in the store and a blob of the same name.
//!
//! The bytes come first and go last, so that a row without bytes is never seen; whatever is left between the two is
//! [garbage](super::garbage). A file that has expired is not there for anyone, collected or not.

use std::future::ready;

use futures_util::{StreamExt, stream};
use locum_domain::{
    error::ApiError,
    file::{File, NewFile, Purpose},
    id::FileId,
    page::{Page, PageQuery},
    project::Project,
    time::Timestamp,
};

use super::{Assistants, blob_failed, paging, store_failed};
use crate::ports::{BlobError, BlobStream};

/// A file with its bytes.
pub struct FileContent {
    /// The file.
    pub file: File,
    /// Its bytes, as they are read.
    pub bytes: BlobStream,
}

/// How long `batch` files stay where the client does not say.
const BATCH_SECONDS: u64 = 30 * 24 * 60 * 60;

impl Assistants {
    /// Stores a file as its bytes come.
    ///
    /// # Errors
    /// 413 where it is larger than the operator allows; whatever `bytes` breaks off with. Nothing is kept then.
    pub async fn create_file(
        &self,
        project: &Project,
        new: NewFile,
        bytes: BlobStream,
    ) -> Result<File, ApiError> {
        self.receive_file(project, bytes, ready(Ok(new))).await
    }

    /// Stores a file as its bytes come, and hears what it is once all are here: a form may say what a file is for behind
    /// the file itself.
    ///
    /// # Errors
    /// As for [`Assistants::create_file`]; whatever `described` breaks off with.
    pub async fn receive_file(
        &self,
        project: &Project,
        bytes: BlobStream,
        described: impl Future<Output = Result<NewFile, ApiError>>,
    ) -> Result<File, ApiError> {
        let id = FileId::next(&mut self.world.ids());
        let blobs = &self.world.blobs;
        let bytes = limited(bytes, self.max_file_bytes);
        let size_bytes = blobs.put(id.as_str(), bytes).await.map_err(blob_failed)?;
        let new = match described.await {
            Ok(new) => new,
            Err(error) => {
                self.delete_blob(&id).await;
                return Err(error);
            }
        };
        let created_at = self.world.timestamp();
        let default_seconds = (new.purpose == Purpose::Batch).then_some(BATCH_SECONDS);
        let file = File {
            id,
            created_at,
            size_bytes,
            filename: new.filename,
            purpose: new.purpose,
            expires_at: new
                .expires_after_seconds
                .or(default_seconds)
                .map(|seconds| created_at.plus_seconds(seconds)),
        };
        // The bytes stay where this fails: the row may be there all the same, if only the answer was lost.
        let stored = self.world.store.insert_file(project, &file).await;
        stored.map_err(store_failed)?;
        Ok(file)
    }

    /// Lists files, or those of one purpose. `query.before` is not looked at: OpenAI's list of files has none.
    ///
    /// # Errors
    /// 400 for a cursor that names none.
    pub async fn list_files(
        &self,
        project: &Project,
        purpose: Option<Purpose>,
        query: &PageQuery,
    ) -> Result<Page<File>, ApiError> {
        let wanted = query.limit as usize;
        let now = self.world.timestamp();
        let mut items = Vec::new();
        // One more than is wanted tells whether there are more that have not expired.
        let mut query = PageQuery {
            limit: query.limit.saturating_add(1),
            before: None,
            ..query.clone()
        };
        loop {
            let page = paging::page(&query, NOUN, |query| async move {
                self.world.store.files(project, purpose, &query).await
            })
            .await?;
            let last = page.items.last().map(|file| file.id.to_string());
            let alive = page
                .items
                .into_iter()
                .filter(|file| !has_expired(file, now));
            items.extend(alive);
            if items.len() > wanted || !page.has_more || last.is_none() {
                break;
            }
            query.after = last;
        }
        let has_more = items.len() > wanted;
        items.truncate(wanted);
        Ok(Page { items, has_more })
    }

    /// Finds a file.
    ///
    /// # Errors
    /// 404.
    pub async fn retrieve_file(&self, project: &Project, id: &FileId) -> Result<File, ApiError> {
        let found = self.world.store.file(project, id).await;
        let now = self.world.timestamp();
        found
            .map_err(store_failed)?
            .filter(|file| !has_expired(file, now))
            .ok_or_else(|| no_such(id))
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// 404.
    pub async fn file_content(
        &self,
        project: &Project,
        id: &FileId,
    ) -> Result<FileContent, ApiError> {
        let file = self.retrieve_file(project, id).await?;
        let blob = self.world.blobs.read(id.as_str()).await;
        match blob.map_err(blob_failed)? {
            Some(blob) if blob.size_bytes == file.size_bytes => Ok(FileContent {
                file,
                bytes: blob.bytes,
            }),
            Some(blob) => {
                tracing::error!(file = %id, size_bytes = blob.size_bytes, "the bytes of a file are not those that were stored");
                Err(ApiError::internal())
            }
            // It may have been deleted since the row was read.
            None => match self.retrieve_file(project, id).await {
                Ok(_) => {
                    tracing::error!(file = %id, "the bytes of a file are gone");
                    Err(ApiError::internal())
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Deletes a file and its bytes.
    ///
    /// # Errors
    /// 404.
    pub async fn delete_file(&self, project: &Project, id: &FileId) -> Result<(), ApiError> {
        self.retrieve_file(project, id).await?;
        let deleted = self.world.store.delete_file(project, id).await;
        if !deleted.map_err(store_failed)? {
            return Err(no_such(id));
        }
        self.delete_blob(id).await;
        Ok(())
    }

    /// Takes bytes away that no row names. Where that fails, they are garbage.
    async fn delete_blob(&self, id: &FileId) {
        if let Err(error) = self.world.blobs.delete(id.as_str()).await {
            tracing::warn!(file = %id, %error, "bytes that nobody needs are left for the collection of garbage");
        }
    }
}

/// `bytes`, broken off where they are more than `limit_bytes`.
fn limited(bytes: BlobStream, limit_bytes: u64) -> BlobStream {
    let too_many = move || BlobError::Refused(Box::new(ApiError::body_too_large(limit_bytes)));
    Box::pin(stream::try_unfold(
        (bytes, 0u64),
        move |(mut bytes, read)| async move {
            let Some(piece) = bytes.next().await else {
                return Ok(None);
            };
            let piece = piece?;
            let read = read.saturating_add(piece.len() as u64);
            if read > limit_bytes {
                return Err(too_many());
            }
            Ok(Some((piece, (bytes, read))))
        },
    ))
}

fn has_expired(file: &File, now: Timestamp) -> bool {
    file.expires_at.is_some_and(|at| at <= now)
}

/// What sentences call a file.
const NOUN: &str = "file";

fn no_such(id: &FileId) -> ApiError {
    ApiError::no_such(NOUN, id.as_str())
}
