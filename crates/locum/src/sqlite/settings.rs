//! How connections are set up.

use std::{
    fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt, path::Path, time::Duration,
};

use locum_store_sql::connection::SqlError;
use rusqlite::{Connection, OpenFlags};

use super::value::error;

/// How long a statement waits for another process, such as `locum gc`, to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements that are kept prepared per connection: more than there are texts.
const PREPARED: usize = 256;
/// Pages of 4 KiB in the log after which a commit moves them into the database: some 16 MiB, so that a page that changes
/// often is moved once.
const CHECKPOINT_PAGES: u32 = 4096;
/// What the log is cut down to once it has grown in a rush.
const LOG_BYTES: u32 = 64 << 20;
/// Cache of the writer, in KiB.
const WRITER_CACHE: u32 = 16 << 10;
/// Cache of each reader, in KiB. The operating system holds the rest.
const READER_CACHE: u32 = 4 << 10;

/// The connection that writes.
pub(super) fn to_write(path: &Path) -> Result<Connection, SqlError> {
    // Conversations are nobody else's business; the log's files take their rights from this one.
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    if let Err(error) = made
        && error.kind() != ErrorKind::AlreadyExists
    {
        return Err(SqlError::Failed(error.to_string()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    set_up(&connection, WRITER_CACHE).map_err(error)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(error)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(SqlError::Failed(format!(
            "this file system has no shared memory, which the log needs (journal_mode={mode})"
        )));
    }
    let pragmas = [
        // A commit has returned only once the log is on the disk.
        ("synchronous", "FULL".to_owned()),
        ("wal_autocheckpoint", CHECKPOINT_PAGES.to_string()),
        ("journal_size_limit", LOG_BYTES.to_string()),
    ];
    for (name, value) in pragmas {
        set(&connection, name, &value).map_err(error)?;
    }
    Ok(connection)
}

/// A connection that reads. The one that writes must be open.
pub(super) fn to_read(path: &Path) -> Result<Connection, SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    set_up(&connection, READER_CACHE).map_err(error)?;
    Ok(connection)
}

/// Files are read, not mapped: in a mapped one, an error of the disk is a signal that ends the process.
fn set_up(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    set(connection, "mmap_size", "0")?;
    set(connection, "temp_store", "MEMORY")?;
    set(connection, "cache_size", &format!("-{cache_kib}"))
}

/// Some pragmas answer with what they were set to, and others do not.
fn set(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("PRAGMA {name} = {value}"))
}
