//! The tables, and how a data directory is opened.
//!
//! A trace's number is `hour << 32 | n`, where `hour` counts hours since the epoch at the trace's
//! first receipt. Segments are stored in the order of that number, so an hour is one contiguous
//! run of every table and is deleted as a range.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::error::Error;

pub(super) const VERSION: i64 = 2;
const FILE_NAME: &str = "traces.sqlite";
const LOCK_NAME: &str = "lock";
/// Connections that answer queries; more only wait for the same two or four cores.
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
pub(crate) struct Database {
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
    pub(crate) lock: File,
}

/// Opens the store in `directory`, creating both as needed.
pub(crate) async fn open(directory: &Path) -> Result<Database, Error> {
    let data_dir = |source| Error::DataDir {
        path: directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(data_dir)?;
    let lock = File::create(directory.join(LOCK_NAME)).map_err(data_dir)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::Error(source) => data_dir(source),
        TryLockError::WouldBlock => Error::InUse {
            path: directory.to_owned(),
        },
    })?;

    // NORMAL in a write-ahead log: a commit is in the file when it returns, so it outlives the
    // process; only a power cut can take the last commits, never the file's consistency.
    let options = SqliteConnectOptions::new()
        .filename(directory.join(FILE_NAME))
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
    let mut writer = options.connect().await?;
    migrate(&mut writer).await?;

    let options = options
        .read_only(true)
        .create_if_missing(false)
        .pragma("cache_size", "-16384")
        .pragma("mmap_size", "1073741824");
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await?;
    Ok(Database {
        writer,
        readers,
        lock,
    })
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), Error> {
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    match found {
        VERSION => return Ok(()),
        0 => {}
        _ => {
            return Err(Error::Schema {
                found,
                expected: VERSION,
            });
        }
    }
    // One transaction: a crash here leaves an empty file, not half a schema.
    let script = format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(script)))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_opens_again_but_not_twice() {
        let directory = tempfile::tempdir().unwrap();
        let first = open(directory.path()).await.unwrap();
        assert!(matches!(
            open(directory.path()).await,
            Err(Error::InUse { .. })
        ));
        drop(first);
        open(directory.path()).await.unwrap();
    }

    #[tokio::test]
    async fn another_schema_is_refused_by_its_number() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = open(directory.path()).await.unwrap();
        first
            .writer
            .execute("PRAGMA user_version = 99")
            .await
            .unwrap();
        drop(first);
        let error = open(directory.path()).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Schema {
                found: 99,
                expected: VERSION
            }
        ));
    }

    #[tokio::test]
    async fn a_file_in_place_of_the_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(open(&path).await, Err(Error::DataDir { .. })));
    }
}
