//! Where things are kept: the doors to it. What the settings say of it is in [`places`].
//!
//! One process at a time serves what is in a file; `locum gc` and others work beside it. What is on a database server any
//! number of processes serve together.

pub mod alone;
mod locks;
pub mod places;

use std::{fs::File, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use locum_engine::{
    ports::{Blobs, Store},
    settings::AwsSettings,
};
use locum_store_sql::SqlStore;

use self::locks::{take_database, take_folder};
pub use self::places::{BlobPlace, DatabasePlace, Place, Places};
use crate::{
    blobs::{Folder, S3},
    exit::Failure,
    postgres::{Address, Postgres},
    sqlite::Sqlite,
    transport::HttpTransport,
};

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
