//! The connections that read. They see all that was committed before they are asked, and nobody waits for them.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use locum_store_sql::connection::{Row, SqlError, Statement};
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{closed, settings, value};

/// How many read at once.
const READERS: usize = 4;

/// Connections that read, opened as they are needed.
#[derive(Clone)]
pub(super) struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub fn new(path: &Path) -> Self {
        Self {
            pool: Arc::new(Pool {
                path: path.to_owned(),
                idle: Mutex::default(),
                places: Arc::new(Semaphore::new(READERS)),
            }),
        }
    }

    pub async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        let place = Arc::clone(&self.pool.places).acquire_owned().await;
        let place = place.map_err(|_| closed())?;
        let pool = Arc::clone(&self.pool);
        let reading = spawn_blocking(move || {
            let rows = pool.query(&statement);
            drop(place);
            rows
        });
        let read = reading.await;
        read.unwrap_or_else(|error| Err(SqlError::Failed(error.to_string())))
    }

    /// Waits for those that read, and lets nobody read any more.
    pub async fn close(&self) {
        let places = u32::try_from(READERS).unwrap_or(u32::MAX);
        let all = self.pool.places.acquire_many(places).await;
        self.pool.places.close();
        self.pool.idle().clear();
        drop(all);
    }
}

impl Pool {
    fn query(&self, statement: &Statement) -> Result<Vec<Row>, SqlError> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| settings::to_read(&self.path), Ok)?;
        let rows = value::rows(&connection, statement);
        self.idle().push(connection);
        rows
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers")
            .field("path", &self.pool.path)
            .finish_non_exhaustive()
    }
}
