//! One transaction, which writes the segments of many requests or none of them.
//!
//! Rows are inserted many to a statement, as each statement costs a trip to the thread that owns
//! the SQLite connection.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{Connection as _, QueryBuilder};

use super::catalog::{Catalog, Operation, Tag};
use super::postings::{self, Entry, split_trace_no, trace_no};
use super::read::{TraceRow, existing, segment_ids};
use super::segment::Segment;
use super::summary::{Identity, read_identities};
use super::write_request::WriteRequest;
use super::{merge, schema, terms};
use crate::model::TraceId;

/// The most spans of a trace. A segment that would pass the limit is rejected for good, because
/// each new segment of a trace reads the ids of all earlier ones.
const MAX_TRACE_SPANS: u64 = 100_000;

/// Rows per statement, largest first. Few sizes, so that few statements are prepared.
const ROWS_PER_STATEMENT: [usize; 3] = [200, 20, 1];

/// The numbers of spans of one request by their outcome.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct AppendOutcome {
    pub(crate) stored: u64,
    pub(crate) duplicate: u64,
    pub(crate) trace_too_large: u64,
}

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) connection: SqliteConnection,
    /// The database file, for messages.
    pub(super) path: Arc<Path>,
    catalog: Arc<Catalog>,
    hour: i64,
    next: u32,
}

/// A trace as this commit changes it.
struct Change<'a> {
    row: TraceRow,
    spans: Vec<Identity>,
    added: Vec<(i64, &'a Segment)>,
    /// Whether the trace now starts earlier than the units say that are written already.
    start_moved: bool,
}

impl Committer {
    pub(super) fn new(
        connection: SqliteConnection,
        path: Arc<Path>,
        catalog: Arc<Catalog>,
    ) -> Self {
        Self {
            connection,
            path,
            catalog,
            hour: -1,
            next: 0,
        }
    }

    /// Stores all requests of `batch` or none. The outcomes are in the order of the batch.
    pub(super) async fn commit(
        &mut self,
        batch: &[&WriteRequest],
    ) -> Result<Vec<AppendOutcome>, sqlx::Error> {
        self.begin_hour().await?;
        let mut next = self.next;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let connection = &mut *transaction;

        let mut changes = load(connection, batch).await?;
        let mut outcomes = vec![AppendOutcome::default(); batch.len()];
        let (mut operations, mut tags) = (Vec::new(), Vec::new());
        for (request, outcome) in batch.iter().zip(&mut outcomes) {
            let mut stored = Vec::with_capacity(request.segments.len());
            for segment in &request.segments {
                let change = changes.entry(segment.summary.trace_id).or_insert_with(|| {
                    let no = trace_no(self.hour, next);
                    next = next.wrapping_add(1);
                    let summary = segment.summary.clone();
                    Change {
                        row: TraceRow {
                            no,
                            summary,
                            segments: 0,
                        },
                        spans: Vec::new(),
                        added: Vec::new(),
                        start_moved: false,
                    }
                });
                stored.push(change.add(segment, outcome));
            }
            let rows = self.catalog.admit(&request.names, &stored);
            operations.extend(rows.0);
            tags.extend(rows.1);
        }
        // In the order of numbers the inserts append; hash order would jump about.
        let mut changes: Vec<Change<'_>> = changes
            .into_values()
            .filter(|change| !change.added.is_empty())
            .collect();
        changes.sort_unstable_by_key(|change| change.row.no);

        write_rows(connection, &changes).await?;
        write_segments(connection, &changes).await?;
        write_units(connection, &changes).await?;
        write_names(connection, &operations, &tags, self.hour).await?;
        transaction.commit().await?;
        self.next = next;
        Ok(outcomes)
    }

    /// Merges small units if there are enough of them. It uses a transaction of its own, after
    /// senders have their answers.
    pub(super) async fn merge_units(&mut self) -> Result<(), sqlx::Error> {
        merge::merge(&mut self.connection, self.hour).await
    }

    /// Writes without a change, which fails if the file is missing, locked or read-only.
    pub(super) async fn probe(&mut self) -> Result<(), sqlx::Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        // Rewrites the version with itself, which makes SQLite take the page for writing.
        let version = format!("PRAGMA user_version = {}", schema::VERSION);
        sqlx::query(sqlx::AssertSqlSafe(version))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn begin_hour(&mut self) -> Result<(), sqlx::Error> {
        // A clock before 1970 or set back keeps the hour it had.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(since_epoch.as_secs() / 3600).unwrap_or(0);
        if now > self.hour {
            self.next = next_number(&mut self.connection, now).await?;
            self.hour = now;
            self.catalog.begin_hour(now);
        }
        Ok(())
    }
}

impl<'a> Change<'a> {
    /// Adds a segment if it holds a span that is not there, and the trace has room for it.
    fn add(&mut self, segment: &'a Segment, outcome: &mut AppendOutcome) -> bool {
        let before = self.spans.len() as u64;
        if before + segment.span_count > MAX_TRACE_SPANS {
            // Only new spans count; those that are stored already take no room.
            let (mut spans, mut summary) = (self.spans.clone(), self.row.summary.clone());
            read_identities(&segment.ids, &mut spans);
            summary.count(&mut spans);
            if summary.spans > MAX_TRACE_SPANS {
                let new = summary.spans - before;
                outcome.trace_too_large += new;
                outcome.duplicate += segment.span_count - new;
                return false;
            }
        }
        read_identities(&segment.ids, &mut self.spans);
        self.row.summary.count(&mut self.spans);
        let stored = self.row.summary.spans - before;
        outcome.stored += stored;
        outcome.duplicate += segment.span_count - stored;
        // A segment sent again holds nothing new. One that overlaps is kept whole, and the spans
        // that are there twice are shown once.
        if stored > 0 {
            self.start_moved |=
                self.row.segments > 0 && segment.summary.start_nanos < self.row.summary.start_nanos;
            self.row.summary.merge(&segment.summary);
            self.added.push((self.row.segments, segment));
            self.row.segments += 1;
        }
        stored > 0
    }
}

async fn next_number(connection: &mut SqliteConnection, hour: i64) -> Result<u32, sqlx::Error> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT max(no) FROM trace WHERE no BETWEEN ? AND ?")
            .bind(trace_no(hour, 0))
            .bind(trace_no(hour, u32::MAX))
            .fetch_one(connection)
            .await?;
    Ok(last.map_or(0, |no| split_trace_no(no).1.wrapping_add(1)))
}

/// Returns the traces of the batch that are already stored, with the ids of all their spans.
async fn load<'a>(
    connection: &mut SqliteConnection,
    batch: &[&WriteRequest],
) -> Result<HashMap<TraceId, Change<'a>>, sqlx::Error> {
    let mut wanted: Vec<TraceId> = batch
        .iter()
        .flat_map(|request| &request.segments)
        .map(|segment| segment.summary.trace_id)
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut changes = HashMap::with_capacity(wanted.len());
    let mut spans_of: HashMap<i64, Vec<Identity>> = HashMap::new();
    for part in wanted.chunks(500) {
        let rows = existing(connection, part).await?;
        if rows.is_empty() {
            continue;
        }
        let numbers: Vec<i64> = rows.iter().map(|row| row.no).collect();
        for (no, ids) in segment_ids(connection, &numbers).await? {
            read_identities(&ids, spans_of.entry(no).or_default());
        }
        for mut row in rows {
            let mut spans = spans_of.remove(&row.no).unwrap_or_default();
            row.summary.count(&mut spans);
            changes.insert(
                row.summary.trace_id,
                Change {
                    row,
                    spans,
                    added: Vec::new(),
                    start_moved: false,
                },
            );
        }
    }
    Ok(changes)
}

/// Calls `insert` with parts of `rows` in the sizes of [`ROWS_PER_STATEMENT`].
async fn in_parts<T>(
    connection: &mut SqliteConnection,
    mut rows: &[T],
    insert: impl Fn(&[T]) -> QueryBuilder<Sqlite>,
) -> Result<(), sqlx::Error> {
    for size in ROWS_PER_STATEMENT {
        while let Some((part, rest)) = rows.split_at_checked(size) {
            insert(part).build().execute(&mut *connection).await?;
            rows = rest;
        }
    }
    Ok(())
}

async fn write_rows(
    connection: &mut SqliteConnection,
    changes: &[Change<'_>],
) -> Result<(), sqlx::Error> {
    in_parts(connection, changes, |part| {
        let mut query = QueryBuilder::new(
            "INSERT INTO trace (no, trace_id, start_ns, end_ns, span_count, orphan_count, has_error, \
             pieces, root_rank, root_start_ns, root_status, root_service, root_operation, services) ",
        );
        query.push_values(part, |mut row, change| change.row.bind(&mut row));
        query.push(
            " ON CONFLICT (no) DO UPDATE SET start_ns = excluded.start_ns, end_ns = excluded.end_ns, \
             span_count = excluded.span_count, orphan_count = excluded.orphan_count, \
             has_error = excluded.has_error, pieces = excluded.pieces, \
             root_rank = excluded.root_rank, root_start_ns = excluded.root_start_ns, \
             root_status = excluded.root_status, root_service = excluded.root_service, \
             root_operation = excluded.root_operation, services = excluded.services",
        );
        query
    })
    .await
}

async fn write_segments(
    connection: &mut SqliteConnection,
    changes: &[Change<'_>],
) -> Result<(), sqlx::Error> {
    let rows: Vec<(i64, i64, &Segment)> = changes
        .iter()
        .flat_map(|change| {
            change
                .added
                .iter()
                .map(|(seq, segment)| (change.row.no, *seq, *segment))
        })
        .collect();
    in_parts(connection, &rows, |part| {
        let mut query = QueryBuilder::new("INSERT INTO segment (trace_no, seq, ids, spans) ");
        query.push_values(part, |mut row, (no, seq, segment)| {
            row.push_bind(*no)
                .push_bind(*seq)
                .push_bind(segment.ids.as_slice())
                .push_bind(segment.spans.as_slice());
        });
        query
    })
    .await
}

/// Writes one unit for each hour that has traces in this commit: this one and, for late segments,
/// former ones, so that postings go with the traces they name.
async fn write_units(
    connection: &mut SqliteConnection,
    changes: &[Change<'_>],
) -> Result<(), sqlx::Error> {
    let mut hours: BTreeMap<i64, (Vec<Entry>, u64, u64)> = BTreeMap::new();
    let mut moved: BTreeMap<i64, u64> = BTreeMap::new();
    for change in changes {
        let (hour, n) = split_trace_no(change.row.no);
        let summary = &change.row.summary;
        let (entries, start, end) = hours.entry(hour).or_insert((Vec::new(), u64::MAX, 0));
        *start = (*start).min(summary.start_nanos);
        if change.start_moved {
            let moved = moved.entry(hour).or_insert(u64::MAX);
            *moved = (*moved).min(summary.start_nanos);
        }
        *end = (*end).max(summary.start_nanos);
        for (_, segment) in &change.added {
            entries.extend(segment.terms.iter().map(|term| postings::entry(*term, n)));
        }
        let durations = terms::durations(summary.duration_nanos());
        entries.extend(durations.map(|term| postings::entry(term, n)));
    }
    for (hour, start) in moved {
        merge::lower_starts(connection, hour, start).await?;
    }
    for (hour, (mut entries, start, end)) in hours {
        entries.sort_unstable();
        entries.dedup();
        merge::write_unit(connection, hour, &entries, (start, end)).await?;
    }
    Ok(())
}

async fn write_names(
    connection: &mut SqliteConnection,
    operations: &[&Operation],
    tags: &[&Tag],
    hour: i64,
) -> Result<(), sqlx::Error> {
    in_parts(connection, operations, |part| {
        let mut query = QueryBuilder::new("INSERT INTO operation (service, name, kind, hour) ");
        query.push_values(part, |mut row, (service, name, kind)| {
            row.push_bind(service.as_str())
                .push_bind(name.as_str())
                .push_bind(i64::from(*kind))
                .push_bind(hour);
        });
        query.push(" ON CONFLICT DO UPDATE SET hour = max(hour, excluded.hour)");
        query
    })
    .await?;
    in_parts(connection, tags, |part| {
        let mut query = QueryBuilder::new("INSERT INTO tag (key, value, service, hour) ");
        query.push_values(part, |mut row, (key, value, service)| {
            row.push_bind(key.as_str())
                .push_bind(value.as_str())
                .push_bind(service.as_str())
                .push_bind(hour);
        });
        query.push(" ON CONFLICT DO UPDATE SET hour = max(hour, excluded.hour)");
        query
    })
    .await
}
