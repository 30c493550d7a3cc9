//! Reads the rows and segments of traces.

use std::collections::HashSet;

use sqlx::query_builder::Separated;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Connection as _, FromRow, QueryBuilder, Row as _};

use super::error::ReadError;
use super::segment::{RAW, ZSTD};
use super::summary::{Identity, Root, Summary, read_identities};
use crate::decode::{self, Format, MAX_ITEMS};
use crate::model::{Group, Status, TraceId};

/// The most bytes that a segment decompresses to. A request holds fewer.
const MAX_SEGMENT_BYTES: usize = 64 * 1024 * 1024;

/// The position of a trace in the order of results: its start in nanoseconds, then its id.
pub(crate) type Cursor = (u64, TraceId);

/// A row of the trace table.
#[derive(Clone, Debug)]
pub(super) struct TraceRow {
    pub(super) no: i64,
    pub(super) summary: Summary,
    /// The number of segments, which is the number of the next one. The column is called `pieces`,
    /// because a new name would make existing stores unreadable.
    pub(super) segments: i64,
}

/// The columns of a [`TraceRow`].
pub(super) const COLUMNS: &str = "no, trace_id, start_ns, end_ns, span_count, orphan_count, has_error, \
     pieces, root_rank, root_start_ns, root_status, root_service, root_operation, services";

impl TraceRow {
    /// Returns the position of the trace in the order of results.
    pub(super) fn cursor(&self) -> Cursor {
        (self.summary.start_nanos, self.summary.trace_id)
    }

    /// Binds all columns, in the order of [`COLUMNS`].
    pub(super) fn bind(&self, row: &mut Separated<'_, Sqlite, &'static str>) {
        let summary = &self.summary;
        let services: Vec<&String> = summary.services.iter().collect();
        row.push_bind(self.no)
            .push_bind(summary.trace_id.as_slice())
            .push_bind(summary.start_nanos.cast_signed())
            .push_bind(summary.end_nanos.cast_signed())
            .push_bind(summary.spans.cast_signed())
            .push_bind(summary.orphans.cast_signed())
            .push_bind(summary.has_errors)
            .push_bind(self.segments)
            .push_bind(summary.root.rank)
            .push_bind(summary.root.start_nanos.cast_signed())
            .push_bind(summary.root.status as i64)
            .push_bind(summary.root.service.as_str())
            .push_bind(summary.root.operation.as_str())
            // A list of strings always serializes.
            .push_bind(serde_json::to_string(&services).unwrap_or_default());
    }
}

impl FromRow<'_, SqliteRow> for TraceRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let unsigned = |name| row.try_get::<i64, _>(name).map(i64::cast_unsigned);
        let decode = |source| sqlx::Error::ColumnDecode {
            index: "trace".into(),
            source,
        };
        let trace_id: Vec<u8> = row.try_get("trace_id")?;
        let services: String = row.try_get("services")?;
        Ok(Self {
            no: row.try_get("no")?,
            segments: row.try_get("pieces")?,
            summary: Summary {
                trace_id: TraceId::try_from(trace_id.as_slice()).map_err(|e| decode(e.into()))?,
                start_nanos: unsigned("start_ns")?,
                end_nanos: unsigned("end_ns")?,
                spans: unsigned("span_count")?,
                orphans: unsigned("orphan_count")?,
                has_errors: row.try_get("has_error")?,
                root: Root {
                    rank: row.try_get("root_rank")?,
                    start_nanos: unsigned("root_start_ns")?,
                    status: Status::from_number(row.try_get("root_status")?),
                    service: row.try_get("root_service")?,
                    operation: row.try_get("root_operation")?,
                },
                services: serde_json::from_str(&services).map_err(|e| decode(e.into()))?,
            },
        })
    }
}

/// Returns the rows of the traces among `ids` that are stored.
pub(super) async fn existing(
    connection: &mut SqliteConnection,
    ids: &[TraceId],
) -> Result<Vec<TraceRow>, sqlx::Error> {
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM trace WHERE trace_id IN ("));
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.as_slice());
    }
    query.push(")");
    let many = ids.len() > 1;
    query
        .build_query_as()
        .persistent(!many)
        .fetch_all(connection)
        .await
}

/// Returns the trace number and the ids of every segment of the given traces.
pub(super) async fn segment_ids(
    connection: &mut SqliteConnection,
    numbers: &[i64],
) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    let mut query = QueryBuilder::new("SELECT trace_no, ids FROM segment WHERE trace_no IN (");
    let mut list = query.separated(", ");
    for no in numbers {
        list.push_bind(*no);
    }
    query.push(")");
    query
        .build_query_as()
        .persistent(false)
        .fetch_all(connection)
        .await
}

/// A trace with its spans.
#[derive(Debug)]
pub(crate) struct StoredTrace {
    pub(crate) summary: Summary,
    /// Each span once, in the order of receipt.
    pub(crate) groups: Vec<Group>,
    /// Whether spans are left out at a limit.
    pub(crate) truncated: bool,
}

/// Reads a trace, or as much of it as the limits allow.
pub(super) async fn trace(
    pool: &SqlitePool,
    id: TraceId,
    max_spans: usize,
    max_bytes: usize,
) -> Result<Option<StoredTrace>, ReadError> {
    let mut connection = pool.acquire().await?;
    // One snapshot, so that summary and spans agree.
    let mut snapshot = connection.begin().await?;
    let Some(row) = existing(&mut snapshot, &[id]).await?.pop() else {
        return Ok(None);
    };
    let (groups, truncated) = spans(&mut snapshot, row.no, max_spans, max_bytes).await?;
    Ok(Some(StoredTrace {
        summary: row.summary,
        groups,
        truncated,
    }))
}

/// Reads the spans of a trace, each once, in the order of their segments.
///
/// Stops after the segment that reaches `max_spans`, `max_bytes` of decoded spans or [`MAX_ITEMS`].
/// The flag beside the groups says whether spans are left out.
async fn spans(
    connection: &mut SqliteConnection,
    no: i64,
    max_spans: usize,
    max_bytes: usize,
) -> Result<(Vec<Group>, bool), ReadError> {
    let (mut groups, mut known) = (Vec::new(), HashSet::new());
    let (mut bytes, mut items) = (0, 0);
    let mut left_out = false;
    for seq in 0i64.. {
        let Some((ids, segment)) = segment(connection, no, seq).await? else {
            break;
        };
        // Every segment that was kept has a span that none before it has.
        if left_out || known.len() >= max_spans || bytes >= max_bytes || items >= MAX_ITEMS {
            return Ok((groups, true));
        }
        let segment = decompress(&segment)?;
        bytes += segment.len();
        items += decode::item_count(&segment, Format::Protobuf);
        let mut identities: Vec<Identity> = Vec::new();
        read_identities(&ids, &mut identities);
        let mut identities = identities.into_iter();
        for mut group in decode_groups(&segment)? {
            group.spans.retain(|span| {
                // Identities are in the order of the segment.
                let content = identities.next().map_or(0, |one| one.content);
                let one = (span.span_id, content);
                let room = known.len() < max_spans;
                left_out |= !room && !known.contains(&one);
                room && known.insert(one)
            });
            if !group.spans.is_empty() {
                groups.push(group);
            }
        }
    }
    Ok((groups, left_out))
}

/// Returns whether a segment of the trace passes `test`. One segment at a time is in memory.
pub(super) async fn any_segment(
    connection: &mut SqliteConnection,
    no: i64,
    test: impl Fn(&[Group]) -> bool,
) -> Result<bool, ReadError> {
    for seq in 0i64.. {
        let Some((_, segment)) = segment(connection, no, seq).await? else {
            break;
        };
        if test(&decode_groups(&decompress(&segment)?)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn segment(
    connection: &mut SqliteConnection,
    no: i64,
    seq: i64,
) -> Result<Option<(Vec<u8>, Vec<u8>)>, ReadError> {
    Ok(
        sqlx::query_as("SELECT ids, spans FROM segment WHERE trace_no = ? AND seq = ?")
            .bind(no)
            .bind(seq)
            .fetch_optional(connection)
            .await?,
    )
}

fn decode_groups(segment: &[u8]) -> Result<Vec<Group>, ReadError> {
    let decoded = decode::decode(segment, Format::Protobuf);
    let decoded = decoded.map_err(|_| ReadError::CorruptSegment)?;
    Ok(decoded.groups)
}

fn decompress(segment: &[u8]) -> Result<Vec<u8>, ReadError> {
    match segment.split_first() {
        Some((&RAW, bytes)) => Ok(bytes.to_owned()),
        Some((&ZSTD, bytes)) => {
            let size = zstd::zstd_safe::get_frame_content_size(bytes)
                .ok()
                .flatten();
            let size = size
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(0);
            zstd::bulk::decompress(bytes, size.min(MAX_SEGMENT_BYTES))
                .map_err(|_| ReadError::CorruptSegment)
        }
        _ => Err(ReadError::CorruptSegment),
    }
}
