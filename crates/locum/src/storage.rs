//! Where things are kept: what the settings say of it, and the doors to it.
//!
//! One process at a time serves what is in a file; `locum gc` and others work beside it. What is on a database server any
//! number of processes serve together.

pub mod alone;
mod locks;

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use locum_engine::{
    ports::{Blobs, Store},
    settings::{AwsSettings, SettingError, Settings},
};
use locum_store_sql::SqlStore;

use self::locks::{take_database, take_folder};
use crate::{
    blobs::{Bucket, Folder, S3, make_folder},
    exit::Failure,
    postgres::{Address, Postgres},
    sqlite::Sqlite,
    transport::HttpTransport,
};

/// The database in `DATA_DIR`.
const DATABASE: &str = "locum.db";
/// The folder of blobs in `DATA_DIR`.
const BLOBS: &str = "files";
/// The setting that says where the database is.
const DATABASE_SETTING: &str = "DATABASE_URL";
/// The setting that says where the blobs are.
const STORAGE_SETTING: &str = "STORAGE_URL";

/// The places that the settings name.
#[derive(Clone)]
pub struct Places {
    /// Where the objects are.
    pub database: DatabasePlace,
    /// Where the blobs are.
    pub blobs: BlobPlace,
    connections: usize,
    aws: AwsSettings,
}

/// Where objects are.
#[derive(Clone)]
pub enum DatabasePlace {
    /// In a file, for one process.
    File(Place),
    /// On a server, for any number of them.
    Server(Box<Address>),
}

/// Where blobs are.
#[derive(Clone)]
pub enum BlobPlace {
    /// In a folder.
    Folder(Place),
    /// In a bucket of a server that speaks S3, at this URL.
    Bucket(String),
}

/// A place on the disk and why it is meant.
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
            Some(url) => DatabasePlace::of(url, DATABASE_SETTING)?,
            None => DatabasePlace::File(default(DATABASE)),
        };
        let blobs = match &settings.storage_url {
            Some(url) => BlobPlace::of(url, STORAGE_SETTING)?,
            None => BlobPlace::Folder(default(BLOBS)),
        };
        Ok(Self {
            database,
            blobs,
            connections: settings.database_connections,
            aws: settings.aws.clone(),
        })
    }
}

impl DatabasePlace {
    /// The place of a URL. `setting`: where it was said.
    ///
    /// # Errors
    /// It names no database.
    pub fn of(url: &str, setting: &'static str) -> Result<Self, SettingError> {
        if ["postgres:", "postgresql:"]
            .iter()
            .any(|it| url.starts_with(it))
        {
            return match Address::of(url) {
                Ok(address) => Ok(Self::Server(Box::new(address))),
                Err(error) => Err(SettingError::wrong(setting, url, error.to_string())),
            };
        }
        Place::of(
            url,
            setting,
            "sqlite",
            " or postgres://USER:PASSWORD@HOST/DATABASE",
        )
        .map(Self::File)
    }
}

impl BlobPlace {
    /// The place of a URL. `setting`: where it was said.
    ///
    /// # Errors
    /// It names no place for blobs.
    pub fn of(url: &str, setting: &'static str) -> Result<Self, SettingError> {
        if url.starts_with("s3:") {
            let bucket = Bucket::parse(url);
            bucket.map_err(|error| SettingError::wrong(setting, url, error.to_string()))?;
            return Ok(Self::Bucket(url.to_owned()));
        }
        Place::of(url, setting, "file", " or s3://BUCKET/PREFIX").map(Self::Folder)
    }
}

impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(Place { path, .. }) => path.display().fmt(f),
            Self::Server(address) => address.shown().fmt(f),
        }
    }
}

impl Place {
    /// The place of a URL such as `file:PATH` or `file:///PATH`. `others`: what may be said instead.
    fn of(
        url: &str,
        setting: &'static str,
        scheme: &str,
        others: &str,
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
                format!("{scheme}:PATH{others}"),
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
    pub store: Arc<dyn Store>,
    /// The bytes.
    pub blobs: Arc<dyn Blobs>,
    /// What the objects are in.
    pub database: Database,
    /// Held as long as this process serves.
    #[expect(dead_code, reason = "a lock ends with its file")]
    locks: Vec<File>,
}

/// An open database.
pub enum Database {
    /// In a file.
    Sqlite(Sqlite),
    /// On a server.
    Postgres(Postgres),
}

impl Storage {
    /// Opens the places for a process that serves, and makes what is not there.
    ///
    /// # Errors
    /// They cannot be written, hold something else, or are served already by another process than may be.
    pub async fn open(places: &Places, transport: &HttpTransport) -> Result<Self, Failure> {
        if let BlobPlace::Folder(folder) = &places.blobs {
            folder.make(&folder.path)?;
        }
        let mut locks = Vec::new();
        if let DatabasePlace::File(file) = &places.database {
            file.make(parent(&file.path))?;
            locks.push(take_database(&file.path)?);
            if let BlobPlace::Folder(folder) = &places.blobs {
                locks.push(take_folder(&folder.path)?);
                sweep(folder)?;
            }
        }
        Self::open_with(places, transport, locks).await
    }

    /// Opens what is there, beside processes that may be serving it.
    ///
    /// # Errors
    /// There is nothing, or it holds something else.
    pub async fn open_beside(places: &Places, transport: &HttpTransport) -> Result<Self, Failure> {
        if let DatabasePlace::File(Place { path, .. }) = &places.database
            && !path.exists()
        {
            return Err(Failure::failed(anyhow!(
                "there is no database at {}; `locum serve` makes it, and DATA_DIR or DATABASE_URL say where",
                path.display()
            )));
        }
        Self::open_with(places, transport, Vec::new()).await
    }

    /// Whether no other process uses the database.
    pub fn is_alone(&self) -> bool {
        matches!(self.database, Database::Sqlite(_))
    }

    async fn open_with(
        places: &Places,
        transport: &HttpTransport,
        locks: Vec<File>,
    ) -> Result<Self, Failure> {
        let (store, database): (Arc<dyn Store>, _) = match &places.database {
            DatabasePlace::File(Place { path, .. }) => {
                let sqlite = Sqlite::open(path)
                    .with_context(|| format!("the database {} cannot be opened", path.display()))
                    .map_err(Failure::failed)?;
                let store = SqlStore::open(sqlite.clone())
                    .await
                    .with_context(|| format!("the database {} cannot be used", path.display()))
                    .map_err(Failure::failed)?;
                (Arc::new(store), Database::Sqlite(sqlite))
            }
            DatabasePlace::Server(address) => {
                let opened = Postgres::open(Address::clone(address), places.connections).await;
                let postgres = opened.map_err(Failure::failed)?;
                let store = SqlStore::open(postgres.clone())
                    .await
                    .with_context(|| format!("{} cannot be used", address.shown()))
                    .map_err(Failure::failed)?;
                (Arc::new(store), Database::Postgres(postgres))
            }
        };
        Ok(Self {
            store,
            blobs: open_blobs(&places.blobs, &places.aws, transport).await?,
            database,
            locks,
        })
    }

    /// Finishes what is being written. Nothing can be stored from then on.
    pub async fn close(self) {
        self.database.close().await;
    }
}

impl Database {
    /// Finishes what is being written. Nothing can be asked from then on.
    async fn close(self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close(),
        }
    }
}

async fn open_blobs(
    place: &BlobPlace,
    aws: &AwsSettings,
    transport: &HttpTransport,
) -> Result<Arc<dyn Blobs>, Failure> {
    match place {
        BlobPlace::Folder(folder) => Ok(Arc::new(open_folder(folder)?)),
        BlobPlace::Bucket(url) => match S3::open(url, aws, transport).await {
            Ok(bucket) => Ok(Arc::new(bucket)),
            Err(error) if error.is_misuse() => Err(Failure::misused(error)),
            Err(error) => Err(Failure::failed(error)),
        },
    }
}

fn open_folder(place: &Place) -> Result<Folder, Failure> {
    Folder::open(&place.path)
        .with_context(|| format!("the folder {} cannot be used", place.path.display()))
        .map_err(Failure::failed)
}

/// Takes away what is left of uploads that broke off in a folder that nobody else uses.
fn sweep(place: &Place) -> Result<(), Failure> {
    open_folder(place)?
        .sweep()
        .with_context(|| format!("{} cannot be read", place.path.display()))
        .map_err(Failure::failed)
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
        let DatabasePlace::File(database) = places.database else {
            panic!("no file");
        };
        let BlobPlace::Folder(folder) = places.blobs else {
            panic!("no folder");
        };
        let paths = [database.path, folder.path];
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
                ["DATABASE_URL", "no user"],
            ),
            (
                Some("sqlite::memory:"),
                None,
                ["DATABASE_URL", "sqlite:PATH"],
            ),
            (Some("sqlite:"), None, ["DATABASE_URL", "sqlite:PATH"]),
            (Some("a.db"), None, ["DATABASE_URL", "sqlite:PATH"]),
            (
                Some("mysql://db/locum"),
                None,
                ["DATABASE_URL", "postgres://"],
            ),
            (None, Some("ftp://bucket"), ["STORAGE_URL", "file:PATH"]),
            (None, Some("s3:bucket"), ["STORAGE_URL", "s3://"]),
        ] {
            let said = places(database, storage).err().unwrap().to_string();
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}
