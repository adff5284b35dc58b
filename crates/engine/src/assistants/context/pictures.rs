//! Images of a conversation: those in files and in `data:` URLs go to the model as bytes, others by their address.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use locum_domain::{
    chat::{Media, MediaSource, Message as Turn, Part},
    id::FileId,
    project::Project,
    run::{RunError, RunErrorCode},
};

use super::{backwards::persistently, invalid};
use crate::{assistants::Assistants, ports::BlobError};

/// How large one image may be.
const MAX_PICTURE: u64 = 20 << 20;
/// How large all images of one request may be together.
const MAX_PICTURES: u64 = 32 << 20;
/// Stands for an image whose file was deleted.
const GONE: &str = "[An image that is no longer there.]";

/// The images of one request.
pub(super) struct Pictures<'a> {
    assistants: &'a Assistants,
    project: &'a Project,
    bytes: u64,
}

impl<'a> Pictures<'a> {
    pub fn new(assistants: &'a Assistants, project: &'a Project) -> Self {
        Self {
            assistants,
            project,
            bytes: 0,
        }
    }

    /// Whether the images of `turns` can be shown as well.
    pub async fn has_room(&self, turns: &[Turn]) -> Result<bool, RunError> {
        let mut bytes = self.bytes;
        for turn in turns {
            let Turn::User { parts, .. } = turn else {
                continue;
            };
            for part in parts {
                bytes += match part {
                    Part::Text(_) => 0,
                    Part::Media(media) => self.weigh(media).await?,
                };
            }
        }
        Ok(bytes <= MAX_PICTURES)
    }

    async fn weigh(&self, media: &Media) -> Result<u64, RunError> {
        match &media.source {
            MediaSource::File(id) => Ok(self.size(id).await?.unwrap_or_default()),
            MediaSource::Url(url) if url.starts_with("data:") => Ok(decoded(url.len())),
            MediaSource::Url(_) | MediaSource::Inline(_) => Ok(0),
        }
    }

    /// Puts bytes where files and `data:` URLs are named.
    pub async fn fill_in(&mut self, turns: &mut [Turn]) -> Result<(), RunError> {
        for turn in turns {
            let Turn::User { parts, .. } = turn else {
                continue;
            };
            for part in parts {
                if let Part::Media(media) = part
                    && !self.resolve(media).await?
                {
                    *part = Part::Text(GONE.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Whether the image is there.
    async fn resolve(&mut self, media: &mut Media) -> Result<bool, RunError> {
        match &media.source {
            MediaSource::Url(url) if url.starts_with("data:") => {
                let (mime_type, base64) = data_url(url)?;
                self.count(decoded(base64.len()), "An image in a `data:` URL")?;
                media.mime_type = Some(mime_type.to_owned());
                media.source = MediaSource::Inline(base64.to_owned());
            }
            MediaSource::Url(_) | MediaSource::Inline(_) => {}
            MediaSource::File(id) => {
                let id = id.clone();
                let Some(size) = self.size(&id).await? else {
                    return Ok(false);
                };
                self.count(size, &format!("The image file {id}"))?;
                let Some(bytes) = self.bytes_of(&id).await? else {
                    return Ok(false);
                };
                let Some(mime_type) = mime_type(&bytes) else {
                    return Err(invalid(format!(
                        "The file {id} is no image that a model can look at: PNG, JPEG, GIF and WebP are."
                    )));
                };
                media.mime_type = Some(mime_type.to_owned());
                media.source = MediaSource::Inline(STANDARD.encode(bytes));
            }
        }
        Ok(true)
    }

    fn count(&mut self, bytes: u64, what: &str) -> Result<(), RunError> {
        self.bytes += bytes;
        let mib = |bytes: u64| bytes >> 20;
        if bytes > MAX_PICTURE {
            return Err(invalid(format!(
                "{what} is larger than the {} MiB that a model is shown.",
                mib(MAX_PICTURE)
            )));
        }
        if self.bytes > MAX_PICTURES {
            return Err(invalid(format!(
                "The images of this thread are larger than the {} MiB that a model is shown at once.",
                mib(MAX_PICTURES)
            )));
        }
        Ok(())
    }

    /// How large a file is; `None` where it is gone.
    async fn size(&self, id: &str) -> Result<Option<u64>, RunError> {
        let id = FileId::from(id);
        let store = &self.assistants.world.store;
        let file = persistently(self.assistants, || store.file(self.project, &id)).await?;
        let now = self.assistants.world.timestamp();
        Ok(file
            .filter(|file| file.expires_at.is_none_or(|expires| expires > now))
            .map(|file| file.size_bytes))
    }

    async fn bytes_of(&self, id: &str) -> Result<Option<Vec<u8>>, RunError> {
        let blob = self.assistants.world.blobs.read(id).await;
        let Some(blob) = blob.map_err(unreadable)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut stream = blob.bytes;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(unreadable)?;
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > MAX_PICTURE {
                return Err(invalid(format!("The image file {id} is too large.")));
            }
        }
        Ok(Some(bytes))
    }
}

/// How many bytes so much base64 is.
fn decoded(base64: usize) -> u64 {
    base64 as u64 / 4 * 3
}

fn unreadable(error: BlobError) -> RunError {
    tracing::error!(%error, "an image could not be read");
    RunError {
        code: RunErrorCode::ServerError,
        message: "An image of the thread could not be read.".to_owned(),
    }
}

/// The media type and the base64 of a `data:` URL.
fn data_url(url: &str) -> Result<(&str, &str), RunError> {
    let parsed = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','))
        .and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)))
        .map(|(kind, data)| (kind.split(';').next().unwrap_or_default(), data))
        .filter(|(kind, data)| kind.starts_with("image/") && STANDARD.decode(data).is_ok());
    parsed.ok_or_else(|| {
        invalid("A `data:` URL in the thread holds no image: it needs an image's media type and base64.")
    })
}

/// What kind of image begins like this.
fn mime_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}
