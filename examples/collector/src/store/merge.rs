//! Units: the sorted posting lists of commits, and their merging into larger ones.
//!
//! A search reads every unit of its time range, so there must be few of them. Each commit adds one,
//! so they must be merged. As in any log-structured merge, lists of similar size are merged
//! ([`FAN_IN`] at a time), so each entry is rewritten a few times. Merging stops at
//! [`MAX_ENTRIES`], which bounds its memory (8 bytes an entry) and the time for which the writer is
//! busy.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, QueryBuilder};

use super::postings::{Entry, entries, pages};

/// Units of similar size that are merged into one.
const FAN_IN: usize = 16;
/// The fewest units worth merging. Fewer than [`FAN_IN`] are merged only near [`MAX_ENTRIES`].
const MIN_MERGED: usize = 4;
/// Entries of the largest merged unit, which take about 32 MiB in memory.
const MAX_ENTRIES: u64 = 4_000_000;

/// Writes sorted entries as a new unit. `starts` are the earliest and latest start of its traces.
pub(super) async fn write_unit(
    connection: &mut SqliteConnection,
    hour: i64,
    sorted: &[Entry],
    starts: (u64, u64),
) -> Result<(), sqlx::Error> {
    let id = sqlx::query("INSERT INTO unit (hour, entries, start_ns, end_ns) VALUES (?, ?, ?, ?)")
        .bind(hour)
        .bind(sorted.len() as i64)
        .bind(starts.0.cast_signed())
        .bind(starts.1.cast_signed())
        .execute(&mut *connection)
        .await?
        .last_insert_rowid();
    for (page_no, page) in pages(sorted).enumerate() {
        sqlx::query("INSERT INTO page (unit, last_term, page_no, entries) VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(i64::from(page.last_term))
            .bind(page_no as i64)
            .bind(page.bytes)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Lowers the earliest start of the units of an hour to `start`. A later segment moved a trace
/// there, and a search up to that time must still read these units.
pub(super) async fn lower_starts(
    connection: &mut SqliteConnection,
    hour: i64,
    start: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE unit SET start_ns = ?1 WHERE hour = ?2 AND start_ns > ?1")
        .bind(start.cast_signed())
        .bind(hour)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Unit {
    id: i64,
    entries: u64,
    starts: (u64, u64),
}

/// Merges the units of an hour while there are enough of similar size.
pub(super) async fn merge(connection: &mut SqliteConnection, hour: i64) -> Result<(), sqlx::Error> {
    loop {
        let rows: Vec<(i64, i64, i64, i64)> =
            sqlx::query_as("SELECT id, entries, start_ns, end_ns FROM unit WHERE hour = ?")
                .bind(hour)
                .fetch_all(&mut *connection)
                .await?;
        let units = rows.into_iter().map(|(id, entries, start, end)| Unit {
            id,
            entries: entries.cast_unsigned(),
            starts: (start.cast_unsigned(), end.cast_unsigned()),
        });
        let Some(chosen) = choose(units.collect()) else {
            return Ok(());
        };
        merge_units(connection, hour, &chosen).await?;
    }
}

/// Returns the units to merge: the smallest of a size class that has [`FAN_IN`] of them, as long as
/// they add up to no more than [`MAX_ENTRIES`]. A class spans a factor of `FAN_IN`, so the merged
/// unit belongs to the next class.
fn choose(mut units: Vec<Unit>) -> Option<Vec<Unit>> {
    let class = |unit: &Unit| unit.entries.max(1).ilog(FAN_IN as u64);
    units.sort_unstable_by_key(|unit| unit.entries);
    for like in units.chunk_by(|a, b| class(a) == class(b)) {
        if like.len() < FAN_IN {
            continue;
        }
        let mut sum = 0;
        let fits = |unit: &&Unit| {
            sum += unit.entries;
            sum <= MAX_ENTRIES
        };
        let chosen: Vec<Unit> = like.iter().take_while(fits).copied().collect();
        if chosen.len() >= MIN_MERGED {
            return Some(chosen);
        }
    }
    None
}

async fn merge_units(
    connection: &mut SqliteConnection,
    hour: i64,
    units: &[Unit],
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut all: Vec<Entry> = Vec::new();
    let mut starts = (u64::MAX, 0);
    for unit in units {
        let pages: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT entries FROM page WHERE unit = ? ORDER BY last_term, page_no",
        )
        .bind(unit.id)
        .fetch_all(&mut *transaction)
        .await?;
        all.extend(pages.iter().flat_map(|page| entries(page)));
        starts = (starts.0.min(unit.starts.0), starts.1.max(unit.starts.1));
    }
    // The stable sort finds the sorted runs and merges them.
    all.sort();
    all.dedup();
    for table in ["page WHERE unit", "unit WHERE id"] {
        let mut query = QueryBuilder::new(format!("DELETE FROM {table} IN ("));
        let mut list = query.separated(", ");
        for unit in units {
            list.push_bind(unit.id);
        }
        query.push(")");
        query
            .build()
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
    }
    write_unit(&mut transaction, hour, &all, starts).await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(sizes: &[u64]) -> Vec<Unit> {
        let unit = |(id, entries): (usize, &u64)| Unit {
            id: id as i64,
            entries: *entries,
            starts: (0, 0),
        };
        sizes.iter().enumerate().map(unit).collect()
    }

    #[test]
    fn similar_sizes_are_merged_and_large_ones_left() {
        assert_eq!(choose(units(&[10; FAN_IN - 1])), None);
        assert_eq!(choose(units(&[10; FAN_IN])).unwrap().len(), FAN_IN);
        let mut sizes = vec![10; FAN_IN];
        sizes.push(1_000_000);
        assert_eq!(choose(units(&sizes)).unwrap().len(), FAN_IN);
        assert_eq!(choose(units(&[MAX_ENTRIES; 100])), None);
        assert_eq!(choose(units(&[MAX_ENTRIES / 3; 100])), None);
        assert_eq!(choose(units(&[900_000; 100])).unwrap().len(), MIN_MERGED);
    }

    // With a fan-in of 16, each of 1,000,000 entries is rewritten at most once per level that
    // units of 100 can climb: 16^5 > 1,000,000 / 100.
    #[test]
    fn a_long_run_of_commits_leaves_few_units_and_little_rewriting() {
        let (mut all, mut rewritten) = (units(&[]), 0);
        for id in 0..10_000 {
            all.push(Unit {
                id,
                entries: 100,
                starts: (0, 0),
            });
            while let Some(chosen) = choose(all.clone()) {
                let sum: u64 = chosen.iter().map(|unit| unit.entries).sum();
                rewritten += sum;
                all.retain(|unit| !chosen.contains(unit));
                all.push(Unit {
                    id,
                    entries: sum,
                    starts: (0, 0),
                });
            }
        }
        assert_eq!(all.iter().map(|unit| unit.entries).sum::<u64>(), 1_000_000);
        assert!(all.len() <= 4 * FAN_IN, "{}", all.len());
        assert!(rewritten <= 5 * 1_000_000, "{rewritten}");
    }
}
