//! Where things are kept: what the settings say of it, and the doors to it.
//!
//! One process at a time serves what is in a place; `locum gc` and others work beside it.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, bail};
use locum_engine::settings::{SettingError, Settings};
use locum_store_sql::SqlStore;

use crate::{
    blobs::{Folder, make_folder},
    exit::Failure,
    sqlite::Sqlite,
};

/// The database in `DATA_DIR`.
const DATABASE: &str = "locum.db";
/// The folder of blobs in `DATA_DIR`.
const BLOBS: &str = "files";

/// The places that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The database's file.
    pub database: Place,
    /// The folder of the blobs.
    pub blobs: Place,
}

/// A place and why it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The place.
    pub path: PathBuf,
    setting: &'static str,
    held: String,
}

impl Places {
    /// The places of `settings`.
    ///
    /// # Errors
    /// A setting names a kind of place that there is not.
    pub fn of(settings: &Settings) -> Result<Self, SettingError> {
        let default = |name: &str| Place {
            path: Path::new(&settings.data_dir).join(name),
            setting: "DATA_DIR",
            held: settings.data_dir.clone(),
        };
        let database = match &settings.database_url {
            Some(url) => Place::of(url, "DATABASE_URL", "sqlite", "PostgreSQL")?,
            None => default(DATABASE),
        };
        let blobs = match &settings.storage_url {
            Some(url) => Place::of(url, "STORAGE_URL", "file", "S3")?,
            None => default(BLOBS),
        };
        Ok(Self { database, blobs })
    }
}

impl Place {
    /// The place of a URL such as `file:PATH` or `file:///PATH`.
    fn of(
        url: &str,
        setting: &'static str,
        scheme: &str,
        not_yet: &str,
    ) -> Result<Self, SettingError> {
        let path = url.strip_prefix(scheme).and_then(|it| it.strip_prefix(':'));
        let path = path.map(|it| it.strip_prefix("//").unwrap_or(it));
        match path {
            Some(path) if !path.is_empty() && !path.starts_with(':') && !path.contains('?') => {
                Ok(Self {
                    path: PathBuf::from(path),
                    setting,
                    held: url.to_owned(),
                })
            }
            _ => Err(SettingError::wrong(
                setting,
                url,
                format!("{scheme}:PATH; this version does not speak {not_yet}"),
            )),
        }
    }

    /// Makes a folder of it, or of the one that it is in.
    fn make(&self, folder: &Path) -> Result<(), Failure> {
        make_folder(folder).map_err(|error| {
            let takes = format!(
                "a place that can be written, but {} cannot be made ({error})",
                folder.display()
            );
            Failure::misused(SettingError::wrong(self.setting, &self.held, takes))
        })
    }
}

/// What is kept, open.
pub struct Storage {
    /// The objects.
    pub store: Arc<SqlStore<Sqlite>>,
    /// The bytes.
    pub blobs: Arc<Folder>,
    database: Sqlite,
    /// Held as long as this process serves.
    #[expect(dead_code, reason = "a lock ends with its file")]
    locks: Vec<File>,
}

impl Storage {
    /// Opens the places for the one process that serves, and makes what is not there.
    ///
    /// # Errors
    /// They cannot be written, hold something else, or are served already.
    pub async fn open(places: &Places) -> Result<Self, Failure> {
        let (database, blobs) = (&places.database, &places.blobs);
        database.make(parent(&database.path))?;
        blobs.make(&blobs.path)?;
        let mut lock = database.path.clone().into_os_string();
        lock.push(".lock");
        let locks = vec![
            take(Path::new(&lock), &database.path)?,
            take(&blobs.path.join(".lock"), &blobs.path)?,
        ];
        let storage = Self::open_with(places, locks).await?;
        let swept = storage.blobs.sweep();
        swept
            .with_context(|| format!("{} cannot be read", blobs.path.display()))
            .map_err(Failure::failed)?;
        Ok(storage)
    }

    /// Opens what is there, beside a process that may be serving it.
    ///
    /// # Errors
    /// There is nothing, or it holds something else.
    pub async fn open_beside(places: &Places) -> Result<Self, Failure> {
        let path = &places.database.path;
        if !path.exists() {
            return Err(Failure::failed(anyhow!(
                "there is no database at {}; `locum serve` makes it, and DATA_DIR or DATABASE_URL say where",
                path.display()
            )));
        }
        Self::open_with(places, Vec::new()).await
    }

    async fn open_with(places: &Places, locks: Vec<File>) -> Result<Self, Failure> {
        let (path, folder) = (&places.database.path, &places.blobs.path);
        let database = Sqlite::open(path)
            .with_context(|| format!("the database {} cannot be opened", path.display()))
            .map_err(Failure::failed)?;
        let store = SqlStore::open(database.clone())
            .await
            .with_context(|| format!("the database {} cannot be used", path.display()))
            .map_err(Failure::failed)?;
        let blobs = Folder::open(folder)
            .with_context(|| format!("the folder {} cannot be used", folder.display()))
            .map_err(Failure::failed)?;
        Ok(Self {
            store: Arc::new(store),
            blobs: Arc::new(blobs),
            database,
            locks,
        })
    }

    /// Finishes what is being written. Nothing can be stored from then on.
    pub async fn close(self) {
        self.database.close().await;
    }
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

/// The folder that a file is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(database: Option<&str>, storage: Option<&str>) -> Result<Places, SettingError> {
        let settings = Settings::from_lookup(&|name| match name {
            "ENABLE_AUTH" => Some("false".to_owned()),
            "DATA_DIR" => Some("/d".to_owned()),
            "DATABASE_URL" => database.map(str::to_owned),
            "STORAGE_URL" => storage.map(str::to_owned),
            _ => None,
        });
        Places::of(&settings.unwrap())
    }

    #[track_caller]
    fn check(database: Option<&str>, storage: Option<&str>, expected: [&str; 2]) {
        let places = places(database, storage).unwrap();
        let paths = [places.database.path, places.blobs.path];
        assert_eq!(paths, expected.map(PathBuf::from));
    }

    #[test]
    fn places_are_in_the_data_folder_or_where_a_url_says() {
        check(None, None, ["/d/locum.db", "/d/files"]);
        check(Some("sqlite:a.db"), Some("file:b"), ["a.db", "b"]);
        check(
            Some("sqlite:///a/b.db"),
            Some("file:///c"),
            ["/a/b.db", "/c"],
        );
    }

    #[test]
    fn what_is_not_spoken_is_said() {
        for (database, storage, parts) in [
            (
                Some("postgres://db/locum"),
                None,
                ["DATABASE_URL", "PostgreSQL"],
            ),
            (
                Some("sqlite::memory:"),
                None,
                ["DATABASE_URL", "sqlite:PATH"],
            ),
            (Some("sqlite:"), None, ["DATABASE_URL", "sqlite:PATH"]),
            (Some("a.db"), None, ["DATABASE_URL", "sqlite:PATH"]),
            (None, Some("s3://bucket/prefix"), ["STORAGE_URL", "S3"]),
        ] {
            let said = places(database, storage).unwrap_err().to_string();
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}
