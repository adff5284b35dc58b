//! Places that this process has for itself: both ends of a copy. Who serves one of them is looked for first.

use std::{fs, fs::File, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use locum_engine::{
    ports::{Blobs, Clock},
    settings::AwsSettings,
};
use locum_store_sql::{SqlConnection, migrations::make_tables, transfer::in_use};

use super::{
    BlobPlace, Database, DatabasePlace,
    locks::{take_database, take_folder},
    open_blobs, parent, sweep,
};
use crate::{
    clock::SystemClock,
    exit::Failure,
    postgres::{Address, Postgres, SESSION},
    sqlite::Sqlite,
    transport::HttpTransport,
};

/// Which end of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// From where: it must be there.
    Source,
    /// Into what: it is made where it is not there.
    Target,
}

/// A database that nobody serves as long as this is there. It may be half of a copy.
pub struct OwnDatabase {
    database: Database,
    #[expect(dead_code, reason = "a lock ends with its file")]
    lock: Option<File>,
}

impl OwnDatabase {
    /// Opens one.
    ///
    /// # Errors
    /// It cannot be used, or somebody serves it.
    pub async fn open(place: &DatabasePlace, end: End) -> Result<Self, Failure> {
        let this = match place {
            DatabasePlace::File(file) => {
                if end == End::Target {
                    file.make(parent(&file.path))?;
                } else if !file.path.exists() {
                    return Err(missing("database", &file.path));
                }
                let lock = Some(take_database(&file.path)?);
                let sqlite = Sqlite::open(&file.path)
                    .with_context(|| format!("the database {place} cannot be opened"))
                    .map_err(Failure::failed)?;
                make_tables(&sqlite)
                    .await
                    .with_context(|| format!("the database {place} cannot be used"))
                    .map_err(Failure::failed)?;
                let database = Database::Sqlite(sqlite);
                Self { database, lock }
            }
            DatabasePlace::Server(address) => {
                let opened = Postgres::open_to_copy(Address::clone(address)).await;
                let database = Database::Postgres(opened.map_err(Failure::failed)?);
                let lock = None;
                Self { database, lock }
            }
        };
        this.check_that_nobody_serves(place).await?;
        Ok(this)
    }

    /// The connection to it.
    pub fn connection(&self) -> &dyn SqlConnection {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite,
            Database::Postgres(postgres) => postgres,
        }
    }

    /// Finishes what is being written.
    pub async fn close(self) {
        self.database.close().await;
    }

    /// Files have locks; a server knows who is connected to it.
    async fn check_that_nobody_serves(&self, place: &DatabasePlace) -> Result<(), Failure> {
        let now = u64::try_from(SystemClock::new().unix().as_millis()).unwrap_or(u64::MAX);
        let users = in_use(self.connection(), SESSION, now).await;
        let users = users.with_context(|| format!("{place} cannot be used"));
        match users.map_err(Failure::failed)? {
            None => Ok(()),
            Some(users) => Err(Failure::failed(anyhow!(
                "{place} is in use: {users}. Stop every Locum that works with it; one that was killed is forgotten after its RUN_LEASE"
            ))),
        }
    }
}

/// A place for blobs that nobody serves as long as this is there, if it is a folder.
pub struct OwnBlobs {
    /// The blobs.
    pub blobs: Arc<dyn Blobs>,
    #[expect(dead_code, reason = "a lock ends with its file")]
    lock: Option<File>,
}

impl OwnBlobs {
    /// Opens one. `aws`: how a bucket is reached.
    ///
    /// # Errors
    /// It cannot be used, or somebody serves it.
    pub async fn open(
        place: &BlobPlace,
        end: End,
        aws: &AwsSettings,
        transport: &HttpTransport,
    ) -> Result<Self, Failure> {
        let mut lock = None;
        if let BlobPlace::Folder(folder) = place {
            if end == End::Target {
                folder.make(&folder.path)?;
            } else if !folder.path.exists() {
                return Err(missing("folder", &folder.path));
            }
            lock = Some(take_folder(&folder.path)?);
            sweep(folder)?;
        }
        let blobs = open_blobs(place, aws, transport).await?;
        Ok(Self { blobs, lock })
    }
}

/// Whether both are one database.
pub fn is_one_database(one: &DatabasePlace, other: &DatabasePlace) -> bool {
    match (one, other) {
        (DatabasePlace::File(one), DatabasePlace::File(other)) => {
            is_one_path(&one.path, &other.path)
        }
        (DatabasePlace::Server(one), DatabasePlace::Server(other)) => one.shown() == other.shown(),
        _ => false,
    }
}

/// Whether both are one place for blobs.
pub fn is_one_place(one: &BlobPlace, other: &BlobPlace) -> bool {
    match (one, other) {
        (BlobPlace::Folder(one), BlobPlace::Folder(other)) => is_one_path(&one.path, &other.path),
        (BlobPlace::Bucket(one), BlobPlace::Bucket(other)) => {
            one.trim_end_matches('/') == other.trim_end_matches('/')
        }
        _ => false,
    }
}

fn is_one_path(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| fs::canonicalize(path).ok();
    one == other || found(one).is_some_and(|one| found(other) == Some(one))
}

fn missing(what: &str, path: &Path) -> Failure {
    let path = path.display();
    Failure::failed(anyhow!("there is no {what} at {path} to copy"))
}
