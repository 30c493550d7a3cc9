//! Finding traces: from postings to rows, newest first.
//!
//! Each condition that has a term narrows the set of candidates; what has none (times, exact
//! durations) is checked on the row, and what a row cannot tell (that one span has the service,
//! the operation and the attributes together) on the spans. Few candidates are fetched and sorted;
//! many are walked in the order of time until the page is full.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, QueryBuilder};

use super::filter::Filter;
use super::postings::lookup;
use super::read::{COLUMNS, Row, any_segment};
use super::terms::Term;
use crate::error::ReadError;
use crate::model::{Group, TraceId};

/// Up to this many candidates are fetched by number; more are met while walking through time.
const DIRECT: usize = 5000;
/// Keys read at a time while walking.
const STRIDE: i64 = 1000;
/// Without conditions, traces are counted to here.
const MAX_COUNT: i64 = 10_000;
/// A search that takes longer answers with what it has and where to go on.
const MAX_TIME: Duration = Duration::from_secs(2);

/// The place of a trace in the order of results: start, then id.
pub(crate) type Key = (u64, TraceId);

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Window {
    /// Results before this place only.
    pub(crate) before: Option<Key>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    pub(crate) total: u64,
    pub(crate) total_is_exact: bool,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Key>,
}

/// Searches one snapshot of the store.
pub(crate) async fn search(
    pool: &SqlitePool,
    filter: &Filter,
    window: Window,
) -> Result<Found, ReadError> {
    let mut connection = pool.acquire().await?;
    let mut snapshot = connection.begin().await?;
    let deadline = Instant::now() + MAX_TIME;
    let terms = filter.terms();
    let search = Search {
        filter,
        window,
        deadline,
    };
    if terms.is_empty() {
        return search.walk(&mut snapshot, None).await;
    }
    let candidates = search.candidates(&mut snapshot, &terms).await?;
    if candidates.len() <= DIRECT {
        search.direct(&mut snapshot, &candidates).await
    } else {
        search.walk(&mut snapshot, Some(&candidates)).await
    }
}

struct Search<'f> {
    filter: &'f Filter,
    window: Window,
    deadline: Instant,
}

impl Search<'_> {
    /// Numbers of the traces that have all terms, sorted.
    async fn candidates(
        &self,
        connection: &mut SqliteConnection,
        terms: &[Term],
    ) -> Result<Vec<i64>, ReadError> {
        let mut all: Option<Vec<i64>> = None;
        for term in terms {
            let mut found = self.postings(connection, *term).await?;
            found.sort_unstable();
            found.dedup();
            if let Some(former) = &all {
                found.retain(|no| former.binary_search(no).is_ok());
            }
            if found.is_empty() {
                return Ok(found);
            }
            all = Some(found);
        }
        Ok(all.unwrap_or_default())
    }

    async fn postings(
        &self,
        connection: &mut SqliteConnection,
        term: Term,
    ) -> Result<Vec<i64>, ReadError> {
        let (start, end) = self.filter.bounds();
        let units: Vec<(i64, i64)> =
            sqlx::query_as("SELECT id, hour FROM unit WHERE start_ns <= ? AND end_ns >= ?")
                .bind(end)
                .bind(start)
                .fetch_all(&mut *connection)
                .await?;
        let mut found = Vec::new();
        for (unit, hour) in units {
            // Before the first page of the term.
            let mut last = (i64::from(term), -1);
            loop {
                let page: Option<(i64, i64, Vec<u8>)> = sqlx::query_as(
                    "SELECT last_term, page_no, entries FROM page \
                     WHERE unit = ? AND (last_term, page_no) > (?, ?) ORDER BY last_term, page_no LIMIT 1",
                )
                .bind(unit)
                .bind(last.0)
                .bind(last.1)
                .fetch_optional(&mut *connection)
                .await?;
                let Some((last_term, page_no, entries)) = page else {
                    break;
                };
                if !lookup(&entries, term, hour, &mut found) {
                    break;
                }
                last = (last_term, page_no);
            }
        }
        Ok(found)
    }

    /// Few candidates: all rows, sorted.
    async fn direct(
        &self,
        connection: &mut SqliteConnection,
        candidates: &[i64],
    ) -> Result<Found, ReadError> {
        let mut rows = rows(connection, candidates).await?;
        rows.retain(|row| self.filter.takes(row));
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.key()));
        let mut found = Found {
            total: rows.len() as u64,
            ..Found::default()
        };
        let mut filler = PageFiller::new(self);
        let mut unchecked = 0;
        for row in rows {
            if filler.is_full() || self.window.before.is_some_and(|before| row.key() >= before) {
                unchecked += u64::from(self.filter.needs_spans(&row));
            } else if !filler.offer(connection, row).await? {
                found.total -= 1;
            }
        }
        found.total_is_exact = unchecked == 0 && !filler.timed_out;
        Ok(filler.finish(found))
    }

    /// Many candidates, or all traces: newest first until the page is full.
    async fn walk(
        &self,
        connection: &mut SqliteConnection,
        candidates: Option<&[i64]>,
    ) -> Result<Found, ReadError> {
        let mut found = Found::default();
        let (start, end) = self.filter.bounds();
        match candidates {
            Some(candidates) => found.total = candidates.len() as u64,
            None => {
                let count: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM (SELECT 1 FROM trace WHERE start_ns BETWEEN ? AND ? LIMIT ?)",
                )
                .bind(start)
                .bind(end)
                .bind(MAX_COUNT + 1)
                .fetch_one(&mut *connection)
                .await?;
                found.total = count.min(MAX_COUNT).cast_unsigned();
                found.total_is_exact = count <= MAX_COUNT && self.filter.is_time_only();
            }
        }
        // Past every key, so that the first one is included.
        let past_end = (end, vec![0xff; 17]);
        let mut before = self.window.before.map_or(past_end.clone(), |(nanos, id)| {
            (i64::try_from(nanos).unwrap_or(i64::MAX), id.to_vec()).min(past_end)
        });
        let mut filler = PageFiller::new(self);
        loop {
            let keys: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(
                "SELECT no, start_ns, trace_id FROM trace WHERE start_ns >= ? AND (start_ns, trace_id) < (?, ?) \
                 ORDER BY start_ns DESC, trace_id DESC LIMIT ?",
            )
            .bind(start)
            .bind(before.0)
            .bind(before.1.as_slice())
            .bind(STRIDE)
            .fetch_all(&mut *connection)
            .await?;
            let ended = (keys.len() as i64) < STRIDE;
            let Some((_, nanos, id)) = keys.last() else {
                break;
            };
            before = (*nanos, id.clone());
            let chosen: Vec<i64> = keys
                .iter()
                .map(|(no, ..)| *no)
                .filter(|no| candidates.is_none_or(|all| all.binary_search(no).is_ok()))
                .collect();
            // A page is seldom as long as a stride: do not read rows that nobody will see.
            for part in chosen.chunks(100) {
                let mut rows = rows(connection, part).await?;
                rows.retain(|row| self.filter.takes(row));
                rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.key()));
                for row in rows {
                    filler.offer(connection, row).await?;
                }
                if filler.is_full() {
                    return Ok(filler.finish(found));
                }
            }
            if Instant::now() > self.deadline {
                filler.time_out(&before);
                break;
            }
            if ended {
                break;
            }
        }
        Ok(filler.finish(found))
    }
}

/// Fills a page.
struct PageFiller<'s> {
    search: &'s Search<'s>,
    skip: usize,
    rows: Vec<Row>,
    more: bool,
    timed_out: bool,
    last: Option<Key>,
}

impl<'s> PageFiller<'s> {
    fn new(search: &'s Search<'s>) -> Self {
        let skip = search.window.offset;
        Self {
            search,
            skip,
            rows: Vec::new(),
            more: false,
            timed_out: false,
            last: None,
        }
    }

    fn is_full(&self) -> bool {
        self.more || self.timed_out
    }

    /// Takes a row if it is one; false if its spans say that it is none. Rows offered after the
    /// page is full are neither checked nor taken.
    async fn offer(
        &mut self,
        connection: &mut SqliteConnection,
        row: Row,
    ) -> Result<bool, ReadError> {
        if self.is_full() {
            return Ok(true);
        }
        if Instant::now() > self.search.deadline {
            self.timed_out = true;
            return Ok(true);
        }
        let filter = self.search.filter;
        if filter.needs_spans(&row) {
            let test = |groups: &[Group]| filter.takes_spans(groups);
            if !any_segment(connection, row.no, test).await? {
                self.last = Some(row.key());
                return Ok(false);
            }
        }
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.rows.len() < self.search.window.limit {
            self.last = Some(row.key());
            self.rows.push(row);
        } else {
            self.more = true;
        }
        Ok(true)
    }

    /// The walk ran out of time at this place.
    fn time_out(&mut self, at: &(i64, Vec<u8>)) {
        self.timed_out = true;
        if let Ok(id) = TraceId::try_from(at.1.as_slice()) {
            self.last = Some((at.0.cast_unsigned(), id));
        }
    }

    fn finish(self, mut found: Found) -> Found {
        // With nothing looked at there is no place to go on from but where this page began.
        found.next = if self.is_full() {
            self.last.or(self.search.window.before)
        } else {
            None
        };
        found.rows = self.rows;
        found
    }
}

impl Row {
    pub(crate) fn key(&self) -> Key {
        (self.summary.start_nanos, self.summary.trace_id)
    }
}

async fn rows(connection: &mut SqliteConnection, numbers: &[i64]) -> Result<Vec<Row>, ReadError> {
    let mut all = Vec::with_capacity(numbers.len());
    for part in numbers.chunks(500) {
        let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM trace WHERE no IN ("));
        let mut list = query.separated(", ");
        for no in part {
            list.push_bind(*no);
        }
        query.push(")");
        all.extend(
            query
                .build_query_as::<Row>()
                .persistent(false)
                .fetch_all(&mut *connection)
                .await?,
        );
    }
    Ok(all)
}
