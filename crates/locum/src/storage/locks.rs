//! The locks of places that one process has for itself. A lock ends with its process, however that ends.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use anyhow::{Context, bail};

use crate::exit::Failure;

/// Takes the lock of a database's file.
pub(super) fn take_database(path: &Path) -> Result<File, Failure> {
    let mut lock = path.to_owned().into_os_string();
    lock.push(".lock");
    take(Path::new(&lock), path)
}

/// Takes the lock of a folder of blobs.
pub(super) fn take_folder(path: &Path) -> Result<File, Failure> {
    take(&path.join(".lock"), path)
}

/// Takes the lock that one process has who serves `what`.
fn take(path: &Path, what: &Path) -> Result<File, Failure> {
    let held = || -> anyhow::Result<File> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!(
                "another locum serves {} already: it holds {}",
                what.display(),
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    };
    held().map_err(Failure::failed)
}
