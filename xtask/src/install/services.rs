//! The servers that several Locums share: PostgreSQL and Redis from Debian, moto's S3 from Python's package index.
//!
//! Their programs alone are used, with data folders and ports of the tests' own. What Debian starts by itself when it installs
//! them is nobody's business here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{debian, python, unavailable, works};
use crate::{command::Run, workspace::Workspace};

/// Where Debian keeps each version of PostgreSQL, which is not on the PATH.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Where the servers' programs are.
pub struct ServicePrograms {
    /// The folder of PostgreSQL's programs.
    pub postgres: PathBuf,
    /// Redis's server.
    pub redis: PathBuf,
    /// moto's server, which is an S3 among others.
    pub s3: PathBuf,
}

impl ServicePrograms {
    /// Finds the programs, and installs what is missing.
    pub fn install(workspace: &Workspace) -> Result<Self> {
        let requirements = workspace.root.join("tests/replicas/requirements.txt");
        Ok(Self {
            postgres: postgres()?,
            redis: redis()?,
            s3: python(workspace, &requirements)?.join("moto_server"),
        })
    }

    /// The variables that tell tests where the programs are.
    pub fn variables(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("PG_BIN", self.postgres.clone()),
            ("REDIS_SERVER", self.redis.clone()),
            ("MOTO_SERVER", self.s3.clone()),
        ]
    }
}

fn postgres() -> Result<PathBuf> {
    if let Some(folder) = newest_postgres() {
        return Ok(folder);
    }
    debian(&["postgresql"])?;
    newest_postgres().map_or_else(|| unavailable("PostgreSQL's server"), Ok)
}

fn newest_postgres() -> Option<PathBuf> {
    let packaged = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let packaged = packaged
        .filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").exists())
        .max()
        .map(|(_, folder)| folder);
    packaged.or_else(|| {
        let folder = Run::new("pg_config").args(["--bindir"]).read().ok()?;
        let folder = PathBuf::from(folder.trim());
        folder.join("initdb").exists().then_some(folder)
    })
}

/// The version that a folder is named after: `15`, or `9.6` of old.
fn version(folder: &Path) -> Option<Vec<u32>> {
    let name = folder.file_name()?.to_str()?;
    name.split('.').map(|part| part.parse().ok()).collect()
}

fn redis() -> Result<PathBuf> {
    let program = PathBuf::from("redis-server");
    if !works(&program, &["--version"]) {
        debian(&["redis-server"])?;
        if !works(&program, &["--version"]) {
            return unavailable("Redis");
        }
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::version;

    #[test]
    fn the_tenth_version_is_newer_than_the_ninth() {
        let of = |path: &str| version(Path::new(path));
        assert!(of("/usr/lib/postgresql/10") > of("/usr/lib/postgresql/9.6"));
        assert!(of("/usr/lib/postgresql/17") > of("/usr/lib/postgresql/15"));
        assert_eq!(of("/usr/lib/postgresql/common"), None);
    }
}
