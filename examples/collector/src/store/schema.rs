//! The tables of the store, and the opening of a data directory.
//!
//! A trace's number is `hour << 32 | n`, where `hour` counts hours since the epoch at the trace's
//! first receipt. Segments are stored in the order of that number, so an hour is one contiguous
//! run of every table and is deleted as a range.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::error::Error;

pub(super) const VERSION: i64 = 2;
/// Marks the database file as one of this program,
/// <https://www.sqlite.org/pragma.html#pragma_application_id>: "trcc" in ASCII.
const APPLICATION: i64 = 0x7472_6363;
/// The database header, <https://www.sqlite.org/fileformat2.html#the_database_header>.
const HEADER_BYTES: u64 = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
const VERSION_AT: usize = 60;
const APPLICATION_AT: usize = 68;
const FILE_NAME: &str = "traces.sqlite";
const LOCK_NAME: &str = "lock";
/// Connections that answer queries. More of them would only wait for the same cores.
const READERS: u32 = 4;

const TABLES: &str = "
CREATE TABLE trace (
    no             INTEGER PRIMARY KEY,
    trace_id       BLOB    NOT NULL UNIQUE,
    start_ns       INTEGER NOT NULL,
    end_ns         INTEGER NOT NULL,
    span_count     INTEGER NOT NULL,
    orphan_count   INTEGER NOT NULL,
    has_error      INTEGER NOT NULL,
    pieces         INTEGER NOT NULL,
    root_rank      INTEGER NOT NULL,
    root_start_ns  INTEGER NOT NULL,
    root_status    INTEGER NOT NULL,
    root_service   TEXT    NOT NULL,
    root_operation TEXT    NOT NULL,
    services       TEXT    NOT NULL
) STRICT;
CREATE INDEX trace_start ON trace (start_ns, trace_id);

CREATE TABLE segment (
    trace_no INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    ids      BLOB    NOT NULL,
    spans    BLOB    NOT NULL,
    PRIMARY KEY (trace_no, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE unit (
    id       INTEGER PRIMARY KEY,
    hour     INTEGER NOT NULL,
    entries  INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns   INTEGER NOT NULL
) STRICT;
CREATE INDEX unit_hour ON unit (hour);

CREATE TABLE page (
    unit      INTEGER NOT NULL,
    last_term INTEGER NOT NULL,
    page_no   INTEGER NOT NULL,
    entries   BLOB    NOT NULL,
    PRIMARY KEY (unit, last_term, page_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    service TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    kind    INTEGER NOT NULL,
    hour    INTEGER NOT NULL,
    PRIMARY KEY (service, name, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    service TEXT    NOT NULL,
    hour    INTEGER NOT NULL,
    PRIMARY KEY (key, value, service)
) STRICT, WITHOUT ROWID;
";

/// An open data directory. The lock lives as long as this does.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) writer: SqliteConnection,
    pub(super) readers: SqlitePool,
    pub(super) lock: File,
    /// The database file.
    pub(super) path: PathBuf,
}

/// Opens the store in `directory`, creating both as needed.
pub(super) async fn open(directory: &Path) -> Result<Database, Error> {
    std::fs::create_dir_all(directory).map_err(|source| Error::DataDir {
        path: directory.to_owned(),
        source,
    })?;
    let lock = lock(directory)?;
    let path = directory.join(FILE_NAME);
    let failed = |source| Error::Database {
        path: path.clone(),
        source,
    };

    let is_new = recognise(&path)?;
    // NORMAL in a write-ahead log: a commit is in the file when it returns, so it outlives the
    // process; only a power cut can take the last commits, never the file's consistency.
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(false)
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "268435456")
        .disable_statement_logging();
    if is_new {
        create(&options).await.map_err(failed)?;
    }
    let writer = options.connect().await.map_err(failed)?;

    let options = options
        .read_only(true)
        .create_if_missing(false)
        .pragma("cache_size", "-16384")
        .pragma("mmap_size", "1073741824");
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok(Database {
        writer,
        readers,
        lock,
        path,
    })
}

/// Keeps other collectors out of the directory.
fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join(LOCK_NAME);
    let failed = |source| Error::Lock {
        path: path.clone(),
        source,
    };
    // An existing file is not truncated: it may belong to another program.
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false);
    let lock = options.open(&path).map_err(failed)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::Error(source) => failed(source),
        TryLockError::WouldBlock => Error::InUse {
            path: directory.to_owned(),
        },
    })?;
    Ok(lock)
}

/// Returns whether the tables are still to be made, or an error if the file is not a store of this
/// version.
///
/// Reads nothing but the header: SQLite, even where it only reads, leaves files of its own beside a
/// database with a write-ahead log. The tables are made before the file has such a log, so the
/// header is never older than they are.
fn recognise(path: &Path) -> Result<bool, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut header = Vec::with_capacity(HEADER_BYTES as usize);
    match File::open(path) {
        Ok(file) => file
            .take(HEADER_BYTES)
            .read_to_end(&mut header)
            .map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(failed(error)),
    };
    // The process that created it was killed before it made the tables.
    if header.is_empty() {
        return Ok(true);
    }
    let number = |at: usize| {
        let bytes = header.get(at..)?.first_chunk()?;
        Some(i64::from(u32::from_be_bytes(*bytes)))
    };
    let path = path.to_owned();
    if !header.starts_with(MAGIC) || number(APPLICATION_AT) != Some(APPLICATION) {
        return Err(Error::Foreign { path });
    }
    match number(VERSION_AT) {
        Some(VERSION) => Ok(false),
        found => Err(Error::Schema {
            path,
            found: found.unwrap_or_default(),
            expected: VERSION,
        }),
    }
}

/// Makes the file and its tables.
async fn create(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let options = options.clone().journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.connect().await?;
    // One transaction: a crash here leaves an empty file, not half a schema.
    let script = format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    );
    let script = sqlx::raw_sql(sqlx::AssertSqlSafe(script));
    connection.execute(script).await?;
    connection.close().await
}

#[cfg(test)]
mod tests;
