//! Copies blobs from one place to another. What is at the target is read back, whether it was copied now or before.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use locum_engine::ports::{Blob, Blobs};
use sha2::{Digest, Sha256};

use super::progress::Progress;

/// How many blobs are on their way at once.
const AT_ONCE: usize = 8;
/// How many names are listed at once.
const PAGE: usize = 1000;

/// Two places for blobs.
pub struct BlobTransfer<'a> {
    from: &'a dyn Blobs,
    to: &'a dyn Blobs,
    progress: &'a Progress,
}

/// What both places hold.
#[derive(Debug, Default)]
pub struct ComparedBlobs {
    /// How many blobs the source has.
    pub count: usize,
    /// How many bytes these are.
    pub bytes: u64,
    /// SHA-256 over names and contents of all of them in the order of their names, in hexadecimal digits.
    pub checksum: String,
    /// The names of those that the target has not, or has otherwise.
    pub different: Vec<String>,
}

/// A blob of the source.
struct Todo {
    name: String,
    size_bytes: u64,
    is_there: bool,
}

/// What came of a blob.
struct Settled {
    name: String,
    digest: [u8; 32],
    is_same: bool,
}

impl<'a> BlobTransfer<'a> {
    /// A transfer of all that `from` holds to `to`.
    pub fn new(from: &'a dyn Blobs, to: &'a dyn Blobs, progress: &'a Progress) -> Self {
        Self { from, to, progress }
    }

    /// Copies what is not there yet, unless it shall only be verified, and compares all of it.
    pub async fn run(&self, verify_only: bool) -> anyhow::Result<ComparedBlobs> {
        let todos = self.survey(verify_only).await?;
        let bytes = todos.iter().map(|todo| todo.size_bytes).sum();
        let there = todos.iter().filter(|todo| todo.is_there).count();
        let doing = if verify_only { "comparing" } else { "copying" };
        let count = todos.len();
        self.progress.begin_blobs(doing, count, there, bytes);
        let settled = stream::iter(todos)
            .map(|todo| Box::pin(self.settle(todo, verify_only)))
            .buffered(AT_ONCE);
        let mut compared = ComparedBlobs {
            count,
            bytes,
            ..ComparedBlobs::default()
        };
        let mut hash = Sha256::new();
        let compared = settled
            .try_for_each(|settled| {
                hash.update(settled.name.as_bytes());
                hash.update([0]);
                hash.update(settled.digest);
                if !settled.is_same {
                    compared.different.push(settled.name);
                }
                async { Ok(()) }
            })
            .await
            .map(|()| ComparedBlobs {
                checksum: hexadecimal(&hash.finalize()),
                ..compared
            });
        self.progress.end();
        compared
    }

    /// What there is to do. A target that holds other blobs is somebody else's.
    async fn survey(&self, verify_only: bool) -> anyhow::Result<Vec<Todo>> {
        let from = all(self.from)
            .await
            .context("the source cannot be listed")?;
        let to = all(self.to).await.context("the target cannot be listed")?;
        if !verify_only {
            for (name, size_bytes) in &to {
                match from.get(name) {
                    Some(size) if size == size_bytes => {}
                    Some(_) => {
                        bail!("the target holds a blob {name} of another size than the source")
                    }
                    None => bail!(
                        "the target holds a blob {name}, which the source does not: a copy takes an empty place, or one into \
                         which the same source was being copied"
                    ),
                }
            }
        }
        let todo = |(name, size_bytes)| Todo {
            is_there: to.contains_key(&name),
            name,
            size_bytes,
        };
        Ok(from.into_iter().map(todo).collect())
    }

    async fn settle(&self, todo: Todo, verify_only: bool) -> anyhow::Result<Settled> {
        let name = todo.name;
        let source = self.from.read(&name).await;
        let source = source.with_context(|| format!("blob {name} cannot be read"))?;
        let source = source.with_context(|| format!("blob {name} is gone from the source"))?;
        let hash = Arc::new(Mutex::new(Sha256::new()));
        if todo.is_there || verify_only {
            let read = drain(source, &hash).await;
            read.with_context(|| format!("blob {name} cannot be read"))?;
        } else {
            let put = self.to.put(&name, hashed(source, &hash)).await;
            put.with_context(|| format!("blob {name} cannot be copied"))?;
        }
        let digest = digest(&hash);
        let found = self.to.read(&name).await;
        let found = found.with_context(|| format!("blob {name} cannot be read at the target"))?;
        let is_same = match found {
            Some(blob) => {
                let hash = Arc::new(Mutex::new(Sha256::new()));
                let read = drain(blob, &hash).await;
                read.with_context(|| format!("blob {name} cannot be read at the target"))?;
                self::digest(&hash) == digest
            }
            None => false,
        };
        self.progress.advance(todo.size_bytes);
        Ok(Settled {
            name,
            digest,
            is_same,
        })
    }
}

/// All names and sizes.
async fn all(blobs: &dyn Blobs) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    loop {
        let after = all
            .last_key_value()
            .map(|(name, _): (&String, &u64)| name.as_str());
        let page = blobs.list(after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page.into_iter().map(|entry| (entry.name, entry.size_bytes)));
    }
}

type Hash = Arc<Mutex<Sha256>>;

/// The blob's bytes, which are counted into `hash` as they pass.
fn hashed(blob: Blob, hash: &Hash) -> locum_engine::ports::BlobStream {
    let hash = Arc::clone(hash);
    Box::pin(blob.bytes.inspect_ok(move |piece| {
        let mut hash = hash.lock().unwrap_or_else(PoisonError::into_inner);
        hash.update(piece);
    }))
}

async fn drain(blob: Blob, hash: &Hash) -> anyhow::Result<()> {
    let mut bytes = hashed(blob, hash);
    while bytes.try_next().await?.is_some() {}
    Ok(())
}

fn digest(hash: &Hash) -> [u8; 32] {
    let hash = hash.lock().unwrap_or_else(PoisonError::into_inner);
    hash.clone().finalize().into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
