//! The tables, and how a data directory is opened.
//!
//! A trace's number is `hour << 32 | n`, where `hour` counts hours since the epoch at the trace's
//! first receipt. Segments are stored in the order of that number, so an hour is one contiguous
//! run of every table and is deleted as a range.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::error::Error;

pub(super) const VERSION: i64 = 2;
/// Marks the database file as one of this program, <https://www.sqlite.org/pragma.html#pragma_application_id>:
/// "trcc" in ASCII.
const APPLICATION: i64 = 0x7472_6363;
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
    /// The database file.
    pub(crate) path: PathBuf,
}

/// Opens the store in `directory`, creating both as needed.
pub(crate) async fn open(directory: &Path) -> Result<Database, Error> {
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

    if path.exists() {
        recognise(&path).await?;
    }
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
    let mut writer = options.connect().await.map_err(failed)?;
    create(&mut writer).await.map_err(failed)?;

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

/// Refuses a file that is not a store of this version. Nothing has been written to it by then: even
/// the switch to a write-ahead log would change it.
async fn recognise(path: &Path) -> Result<(), Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging();
    let found = async {
        let mut connection = options.connect().await?;
        let found: (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT application_id FROM pragma_application_id), \
             (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
        )
        .fetch_one(&mut connection)
        .await?;
        sqlx::Connection::close(connection).await?;
        Ok(found)
    };
    let path = path.to_owned();
    match found.await {
        Ok((APPLICATION, VERSION, _)) => Ok(()),
        Ok((APPLICATION, found, _)) => Err(Error::Schema {
            path,
            found,
            expected: VERSION,
        }),
        // Empty: the process that created it was killed before it made the tables.
        Ok((0, 0, 0)) => Ok(()),
        Ok(_) => Err(Error::Foreign { path }),
        Err(source) => Err(Error::Database { path, source }),
    }
}

/// Makes the tables, unless they are there.
async fn create(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    if version == VERSION {
        return Ok(());
    }
    // One transaction: a crash here leaves an empty file, not half a schema.
    let script = format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    );
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
                expected: VERSION,
                ..
            }
        ));
    }

    // Regression: a database of another program got our tables and a write-ahead log.
    #[tokio::test]
    async fn a_file_of_another_program_is_refused_and_left_as_it_is() {
        for script in [
            "CREATE TABLE notes (text TEXT)",
            "PRAGMA user_version = 2",
            "PRAGMA application_id = 7",
            "CREATE TABLE trace (no INTEGER); PRAGMA user_version = 2",
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(FILE_NAME);
            let options = SqliteConnectOptions::new().filename(&path);
            let options = options.create_if_missing(true);
            let mut other = options.connect().await.unwrap();
            other.execute(sqlx::raw_sql(script)).await.unwrap();
            sqlx::Connection::close(other).await.unwrap();
            let before = std::fs::read(&path).unwrap();
            let error = open(directory.path()).await.unwrap_err();
            assert!(
                matches!(&error, Error::Foreign { path: named } if *named == path),
                "{script}: {error}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), before, "{script}");
            let mut names: Vec<_> = std::fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            assert_eq!(names, [LOCK_NAME, FILE_NAME], "{script}");
        }
    }

    #[tokio::test]
    async fn errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(
            &path,
            "no database, but longer than the header of one".repeat(10),
        )
        .unwrap();
        let error = open(directory.path()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Database { path: named, .. } if *named == path),
            "{error}"
        );
        assert!(error.to_string().contains(FILE_NAME), "{error}");

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LOCK_NAME);
        std::fs::create_dir(&path).unwrap();
        let error = open(directory.path()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Lock { path: named, .. } if *named == path),
            "{error}"
        );
        assert!(error.to_string().contains(LOCK_NAME), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_its_maker_left_empty_is_used() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), "").unwrap();
        std::fs::write(directory.path().join(LOCK_NAME), "kept").unwrap();
        open(directory.path()).await.unwrap();
        let lock = std::fs::read(directory.path().join(LOCK_NAME));
        assert_eq!(lock.unwrap(), b"kept");
    }

    #[tokio::test]
    async fn a_file_in_place_of_the_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(open(&path).await, Err(Error::DataDir { .. })));
    }
}
