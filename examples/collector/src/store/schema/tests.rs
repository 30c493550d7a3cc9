use std::collections::BTreeMap;
use std::ffi::OsString;

use super::*;

async fn close(database: Database) {
    database.readers.close().await;
    database.writer.close().await.unwrap();
}

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
    close(open(directory.path()).await.unwrap()).await;
    let path = directory.path().join(FILE_NAME);
    let mut other = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    other.execute("PRAGMA user_version = 99").await.unwrap();
    other.close().await.unwrap();
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

/// All files of a directory, and what is in them.
fn files(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        (
            path.file_name().unwrap().to_owned(),
            std::fs::read(&path).unwrap(),
        )
    };
    paths.map(read).collect()
}

// Regression: a database of another program got our tables and a write-ahead log, or at least
// empty files beside it. A short text was taken for an empty database and overwritten.
#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    for script in [
        "CREATE TABLE notes (text TEXT)",
        "PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)",
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
        // As it stands while the other program runs, and as it leaves it.
        check_foreign(directory.path()).await;
        other.close().await.unwrap();
        check_foreign(directory.path()).await;
    }
    for text in ["x", "SQLite format 3", "notes\n", &"long ".repeat(1000)] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), text).unwrap();
        check_foreign(directory.path()).await;
    }
}

async fn check_foreign(directory: &Path) {
    std::fs::write(directory.join(LOCK_NAME), "").unwrap();
    let before = files(directory);
    let error = open(directory).await.unwrap_err();
    let path = directory.join(FILE_NAME);
    assert!(
        matches!(&error, Error::Foreign { path: named } if *named == path),
        "{error}"
    );
    assert!(error.to_string().contains(FILE_NAME), "{error}");
    assert_eq!(files(directory), before);
}

// A store that was killed before its log was written back is still recognised.
#[tokio::test]
async fn a_store_is_recognised_before_its_log_is_written_back() {
    let directory = tempfile::tempdir().unwrap();
    let open_still = open(directory.path()).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files(directory.path()) {
        std::fs::write(copy.path().join(name), bytes).unwrap();
    }
    close(open(copy.path()).await.unwrap()).await;
    drop(open_still);
}

#[tokio::test]
async fn errors_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    std::fs::create_dir(&path).unwrap();
    let error = open(directory.path()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Read { path: named, .. } if *named == path),
        "{error}"
    );
    assert!(error.to_string().contains(FILE_NAME), "{error}");

    // Ours by its header, and not a database otherwise.
    let directory = tempfile::tempdir().unwrap();
    close(open(directory.path()).await.unwrap()).await;
    let path = directory.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(HEADER_BYTES as usize);
    bytes[20] = 9;
    std::fs::write(&path, bytes).unwrap();
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
