//! The form that uploads a file: `multipart/form-data`, its fields in whatever order they come.

use std::{pin::Pin, sync::Arc};

use axum::extract::Request;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderMap, header};
use locum_domain::{error::ApiError, file::NewFile};
use locum_engine::ports::{BlobError, BlobStream};
use multer::{Field, Multipart};

use super::upload::{FRAME_BYTES, Upload};
use crate::{
    App, body,
    wire::files::{Description, Disposition},
};

/// As many parts as a form may have.
const MAX_PARTS: u32 = 32;
/// As long as a field's value may be.
const MAX_VALUE_BYTES: usize = 1024;
/// As long as the headers of a part may be.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// As long as a boundary may be; RFC 2046 allows 70 characters.
const MAX_BOUNDARY: usize = 256;

/// A form, as far as it was read.
pub(super) struct Form {
    parts: Multipart<'static>,
    upload: Upload,
    description: Description,
    parts_read: u32,
}

impl Form {
    /// The form that is `request`'s body.
    ///
    /// # Errors
    /// 400 where it is none; 413 where it says that it is too large; 415 where it is compressed.
    pub(super) fn of(app: &App, request: Request) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        body::refuse_compressed(&head.headers)?;
        let boundary = boundary(&head.headers)?;
        let limit = app.settings.max_file_bytes;
        let announced = body::announced_bytes(&head.headers, &body);
        if announced > limit.saturating_add(2 * FRAME_BYTES) {
            return Err(ApiError::body_too_large(limit));
        }
        let clock = Arc::clone(&app.world.clock);
        let upload = Upload::new(body, clock, app.settings.request_timeout);
        Ok(Self {
            parts: Multipart::new(upload.pieces(), boundary),
            upload,
            description: Description::default(),
            parts_read: 0,
        })
    }

    /// Reads up to the file, and gives its bytes.
    ///
    /// # Errors
    /// 400 for a form that cannot be read, or that has no file; 408. The bytes break off with the same.
    pub(super) async fn file(&mut self) -> Result<BlobStream, ApiError> {
        match self.next_file().await? {
            Some(field) => {
                self.upload.file_begins();
                Ok(bytes_of(field, self.upload.clone()))
            }
            // Says that it is missing.
            None => Err(self
                .described()
                .map_or_else(|error| error, |_| ApiError::internal())),
        }
    }

    /// Reads what comes behind the file, whose bytes must have been read, and says what the whole form did.
    ///
    /// # Errors
    /// 400 for a form that cannot be read, or lacks something; 408.
    pub(super) async fn rest(mut self) -> Result<NewFile, ApiError> {
        if self.next_file().await?.is_some() {
            // Two are refused where the second one is found.
            return Err(ApiError::internal());
        }
        self.upload.finish().await?;
        self.described()
    }

    fn described(&mut self) -> Result<NewFile, ApiError> {
        std::mem::take(&mut self.description).finish()
    }

    /// Reads up to the next file, and takes what the fields ahead of it say; `None` at the form's end.
    async fn next_file(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        loop {
            let parts = &mut self.parts;
            let part = self.upload.parse(|context| parts.poll_next_field(context));
            let Some(mut part) = part.await? else {
                return Ok(None);
            };
            self.parts_read += 1;
            if self.parts_read > MAX_PARTS {
                return Err(ApiError::invalid(format!(
                    "The form has more than {MAX_PARTS} parts."
                )));
            }
            let disposition = disposition(part.headers())?;
            let name = disposition.name.unwrap_or_default();
            if name == "file" {
                self.description.take_file(disposition.filename)?;
                return Ok(Some(part));
            }
            if Description::wants(&name) {
                let value = self.value(&name, &mut part).await?;
                self.description.take_field(&name, &value)?;
            } else {
                while chunk(&self.upload, &mut part).await?.is_some() {}
            }
        }
    }

    /// The value of the field `name`.
    async fn value(&self, name: &str, part: &mut Field<'static>) -> Result<String, ApiError> {
        let mut value = Vec::new();
        while let Some(piece) = chunk(&self.upload, part).await? {
            if value.len() + piece.len() > MAX_VALUE_BYTES {
                return Err(ApiError::invalid_param(
                    name,
                    format!(
                        "The field '{name}' is longer than the limit of {MAX_VALUE_BYTES} bytes."
                    ),
                ));
            }
            value.extend_from_slice(&piece);
        }
        String::from_utf8(value).map_err(|_| {
            ApiError::invalid_param(name, format!("The field '{name}' is no valid UTF-8."))
        })
    }
}

/// What stands between the form's parts.
fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| multer::parse_boundary(kind).ok())
        .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
        .ok_or_else(|| {
            ApiError::invalid(
                "Expected the request's body to be a form: its content type has to be 'multipart/form-data' with a boundary.",
            )
        })
}

fn disposition(headers: &HeaderMap) -> Result<Disposition, ApiError> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > MAX_HEADER_BYTES {
        return Err(ApiError::invalid(format!(
            "The headers of a part of the form are larger than the limit of {MAX_HEADER_BYTES} bytes."
        )));
    }
    Ok(headers
        .get(header::CONTENT_DISPOSITION)
        .map(|value| Disposition::parse(value.as_bytes()))
        .unwrap_or_default())
}

/// The next bytes of a part; `None` at its end.
async fn chunk(upload: &Upload, part: &mut Field<'static>) -> Result<Option<Bytes>, ApiError> {
    let chunk = upload.parse(|context| {
        let next = Pin::new(&mut *part).poll_next(context);
        next.map(Option::transpose)
    });
    chunk.await
}

/// The bytes of the file `field`.
fn bytes_of(field: Field<'static>, upload: Upload) -> BlobStream {
    Box::pin(stream::try_unfold(
        (field, upload),
        |(mut field, upload)| async move {
            let piece = chunk(&upload, &mut field)
                .await
                .map_err(|error| BlobError::Refused(Box::new(error)))?;
            if piece.is_none() {
                upload.file_ends();
            }
            // The field goes with its last byte: the parser says nothing of the next one while it is held.
            Ok(piece.map(|piece| (piece, (field, upload))))
        },
    ))
}
