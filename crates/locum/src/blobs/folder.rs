//! The blobs port on a folder: a file for each blob.
//!
//! A blob is written beside the others and gets its name once all of it is on the disk, so that what has a name is whole.
//! Names lie in subfolders by their first characters, which keep their order: for the ids of files that is a folder for
//! every four hours, so that listing need not look at all of them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use locum_engine::ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    task::spawn_blocking,
};

use super::{is_name, no_name};

/// Where blobs are while they come. No blob and no subfolder has such a name.
const INCOMING: &str = ".incoming";
/// How many characters of a name are its subfolder's.
const SHARD: usize = 9;
/// How much is read or written at once.
const PIECE_BYTES: usize = 128 << 10;

/// Blobs in a folder.
#[derive(Debug)]
pub struct Folder {
    root: Arc<Path>,
    /// How many uploads have begun here, so that two of one name do not meet.
    begun: AtomicU64,
}

impl Folder {
    /// The blobs in the folder `root`, which is made where there is none.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        make_folder(&root.join(INCOMING))?;
        Ok(Self {
            root: root.into(),
            begun: AtomicU64::new(0),
        })
    }

    /// Takes away what a process that has ended left behind: uploads that broke off, empty subfolders. Nobody else may be
    /// using the folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(INCOMING))? {
            fs::remove_file(entry?.path())?;
        }
        for shard in shards(&self.root)? {
            // One that holds blobs stays.
            let _ = fs::remove_dir(self.root.join(shard));
        }
        Ok(())
    }

    /// Where the blob of this name is; `None` where it is no name of a blob.
    fn place(&self, name: &str) -> Option<PathBuf> {
        is_name(name).then(|| self.root.join(shard(name)).join(name))
    }
}

#[async_trait]
impl Blobs for Folder {
    async fn put(&self, name: &str, bytes: BlobStream) -> Result<u64, BlobError> {
        let place = self.place(name).ok_or_else(|| no_name(name))?;
        let number = self.begun.fetch_add(1, Relaxed);
        let incoming = self
            .root
            .join(INCOMING)
            .join(format!("{name}.{}.{number}", process::id()));
        let made = blocking(move || Incoming::make(incoming)).await;
        let (incoming, file) = made.map_err(failed)?;
        let size_bytes = receive(File::from_std(file), bytes).await?;
        let moved = blocking(move || incoming.settle(&place)).await;
        moved.map_err(failed)?;
        Ok(size_bytes)
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, BlobError> {
        let Some(place) = self.place(name) else {
            return Ok(None);
        };
        let file = match File::open(place).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let size_bytes = file.metadata().await.map_err(failed)?.len();
        Ok(Some(Blob {
            size_bytes,
            bytes: pieces(file, size_bytes),
        }))
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        let Some(place) = self.place(name) else {
            return Ok(());
        };
        match tokio::fs::remove_file(place).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, BlobError> {
        let root = Arc::clone(&self.root);
        let after = after.unwrap_or_default().to_owned();
        let listed = blocking(move || entries(&root, &after, limit)).await;
        listed.map_err(failed)
    }
}

/// A file that is being written; gone with this, unless it got its name.
struct Incoming(PathBuf);

impl Incoming {
    /// Where whoever wanted it has left meanwhile, both are dropped.
    fn make(path: PathBuf) -> io::Result<(Self, fs::File)> {
        let mut options = fs::File::options();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&path)?;
        Ok((Self(path), file))
    }

    /// Gives the file its name for good.
    fn settle(self, place: &Path) -> io::Result<()> {
        let shard = place.parent().unwrap_or(place);
        make_folder(shard)?;
        fs::rename(&self.0, place)?;
        // The subfolder may be new, be it by somebody else who has not come as far as this.
        let named = sync_folder(shard).and_then(|()| sync_folder(shard.parent().unwrap_or(shard)));
        if named.is_err() {
            // Whether it would be there after a crash nobody knows: it must not be there now.
            let _ = fs::remove_file(place);
        }
        named
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // It is not there where it got its name.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes all of `bytes` to a file, down to the disk.
async fn receive(mut file: File, mut bytes: BlobStream) -> Result<u64, BlobError> {
    file.set_max_buf_size(PIECE_BYTES);
    let mut size_bytes = 0;
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        size_bytes += piece.len() as u64;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    Ok(size_bytes)
}

/// The subfolders' names in order.
fn shards(root: &Path) -> io::Result<Vec<String>> {
    let mut shards = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && entry.file_type()?.is_dir()
        {
            shards.push(name);
        }
    }
    shards.sort_unstable();
    Ok(shards)
}

fn entries(root: &Path, after: &str, limit: usize) -> io::Result<Vec<BlobEntry>> {
    let mut entries = Vec::new();
    for shard in shards(root)?
        .iter()
        .skip_while(|it| it.as_str() < shard(after))
    {
        let folder = root.join(shard);
        let mut names: Vec<_> = fs::read_dir(&folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.as_str() > after)
            .collect();
        names.sort_unstable();
        for name in names {
            if entries.len() == limit {
                return Ok(entries);
            }
            match fs::metadata(folder.join(&name)) {
                Ok(about) => entries.push(entry(name, &about)?),
                // It was deleted meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(entries)
}

fn entry(name: String, about: &fs::Metadata) -> io::Result<BlobEntry> {
    let modified = about.modified()?.duration_since(SystemTime::UNIX_EPOCH);
    Ok(BlobEntry {
        name,
        size_bytes: about.len(),
        modified: modified.unwrap_or_default(),
    })
}

/// The file's bytes up to `size_bytes`; fewer are an error, because they are not the blob.
fn pieces(file: File, size_bytes: u64) -> BlobStream {
    let start = Some((file, size_bytes));
    Box::pin(stream::unfold(start, async |state| {
        let (mut file, left) = state.filter(|(_, left)| *left > 0)?;
        let wanted = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let mut piece = BytesMut::with_capacity(wanted);
        let read = (&mut file).take(wanted as u64).read_buf(&mut piece).await;
        Some(match read {
            Ok(0) => (
                Err(BlobError::Failed("a blob's end is missing".to_owned())),
                None,
            ),
            Ok(count) => (Ok(Bytes::from(piece)), Some((file, left - count as u64))),
            Err(error) => (Err(failed(error)), None),
        })
    }))
}

/// The subfolder of a blob.
fn shard(name: &str) -> &str {
    name.get(..SHARD).unwrap_or(name)
}

/// Makes a folder that only this user may look into, and those that it is in, where it is not there.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Makes names in a folder last.
fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn failed(error: io::Error) -> BlobError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            BlobError::Full(error.to_string())
        }
        _ => BlobError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_full() {
        let full = failed(io::ErrorKind::StorageFull.into());
        assert!(matches!(full, BlobError::Full(_)), "{full:?}");
        let broken = failed(io::ErrorKind::PermissionDenied.into());
        assert!(matches!(broken, BlobError::Failed(_)), "{broken:?}");
    }

    #[test]
    fn subfolders_keep_the_order_of_names() {
        let mut names = [
            "file-0Vbmx0",
            "file-0Vbmw1",
            "a",
            "file-0VbmA",
            "file-0Vbm",
            "b-b",
        ];
        names.sort_unstable();
        assert!(names.map(shard).is_sorted());
    }
}
