//! Reads the names that the [`catalog`](super::catalog) has written, for forms to complete.

use sqlx::sqlite::SqlitePool;

use super::error::ReadError;
use crate::model::Kind;

/// Returns the first `limit` services in the order of their names.
pub(super) async fn services(pool: &SqlitePool, limit: usize) -> Result<Vec<String>, ReadError> {
    let query = "SELECT DISTINCT service FROM operation ORDER BY service LIMIT ?";
    let names = sqlx::query_scalar(query).bind(row_limit(limit));
    Ok(names.fetch_all(pool).await?)
}

/// Returns the first `limit` operations of a service in the order of their names.
pub(super) async fn operations(
    pool: &SqlitePool,
    service: &str,
    limit: usize,
) -> Result<Vec<(String, Kind)>, ReadError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, kind FROM operation WHERE service = ? ORDER BY name, kind LIMIT ?",
    )
    .bind(service)
    .bind(row_limit(limit))
    .fetch_all(pool)
    .await?;
    let operations = rows.into_iter();
    Ok(operations
        .map(|(name, kind)| (name, Kind::from_number(kind)))
        .collect())
}

/// Returns the first `limit` attribute keys of one service or of all.
pub(super) async fn tags(
    pool: &SqlitePool,
    service: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, ReadError> {
    let keys = sqlx::query_scalar(
        "SELECT DISTINCT key FROM tag WHERE ?1 IS NULL OR service = ?1 ORDER BY key LIMIT ?2",
    )
    .bind(service)
    .bind(row_limit(limit))
    .fetch_all(pool)
    .await?;
    Ok(keys)
}

/// Returns the first `limit` values of an attribute key, of one service or of all.
pub(super) async fn tag_values(
    pool: &SqlitePool,
    key: &str,
    service: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, ReadError> {
    let values = sqlx::query_scalar(
        "SELECT DISTINCT value FROM tag WHERE key = ?1 AND (?2 IS NULL OR service = ?2) ORDER BY value LIMIT ?3",
    )
    .bind(key)
    .bind(service)
    .bind(row_limit(limit))
    .fetch_all(pool)
    .await?;
    Ok(values)
}

fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
