//! Places: what the settings, and the command line, say of where things are kept.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use locum_engine::settings::{AwsSettings, SettingError, Settings};

use crate::{
    blobs::{Bucket, make_folder},
    exit::Failure,
    postgres::Address,
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
    /// How many connections to a database server are kept at most.
    pub(super) connections: usize,
    /// How a bucket is reached.
    pub(super) aws: AwsSettings,
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
    pub(super) fn make(&self, folder: &Path) -> Result<(), Failure> {
        make_folder(folder).map_err(|error| {
            let takes = format!(
                "a place that can be written, but {} cannot be made ({error})",
                folder.display()
            );
            Failure::misused(SettingError::wrong(self.setting, &self.held, takes))
        })
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
