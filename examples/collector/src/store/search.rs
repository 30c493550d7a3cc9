//! Finds traces by their postings and rows, newest first.
//!
//! Each condition that has a term narrows the set of candidates. Conditions without a term (times,
//! exact durations) are checked on the row. The spans are checked for what a row does not hold:
//! that one span has the service, the operation and the attributes together. A few candidates are
//! fetched and sorted. Many candidates are walked in the order of time until the page is full.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, QueryBuilder};

use super::error::ReadError;
use super::filter::Filter;
use super::postings::lookup;
use super::read::{COLUMNS, TraceRow};
use super::result_page::{PageFiller, PageRequest, SearchResult};
use super::terms::Term;

/// The most candidates that are fetched by number. More are walked in the order of time.
const DIRECT: usize = 5000;
/// Rows whose position is read at a time while walking.
const STRIDE: i64 = 1000;
/// Without conditions, traces are counted to here.
const MAX_COUNT: i64 = 10_000;
/// A search that takes longer returns the results so far and the position to continue from.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Searches one snapshot of the store.
pub(super) async fn search(
    pool: &SqlitePool,
    filter: &Filter,
    page: PageRequest,
) -> Result<SearchResult, ReadError> {
    let mut connection = pool.acquire().await?;
    let mut snapshot = connection.begin().await?;
    let deadline = Instant::now() + MAX_TIME;
    let terms = filter.terms();
    let search = Search {
        filter,
        page,
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

/// A search in progress.
struct Search<'f> {
    filter: &'f Filter,
    page: PageRequest,
    deadline: Instant,
}

impl Search<'_> {
    /// Returns the numbers of the traces that have all terms, sorted.
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

    /// Fetches all rows of a few candidates and sorts them.
    async fn direct(
        &self,
        connection: &mut SqliteConnection,
        candidates: &[i64],
    ) -> Result<SearchResult, ReadError> {
        let mut rows = rows(connection, candidates).await?;
        rows.retain(|row| self.filter.takes(row));
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.cursor()));
        let mut found = SearchResult {
            total: rows.len() as u64,
            ..SearchResult::default()
        };
        let mut filler = PageFiller::new(self.filter, self.page, self.deadline);
        let mut unchecked = 0;
        for row in rows {
            if filler.is_full()
                || self
                    .page
                    .before
                    .is_some_and(|before| row.cursor() >= before)
            {
                unchecked += u64::from(self.filter.needs_spans(&row));
            } else if !filler.offer(connection, row).await? {
                found.total -= 1;
            }
        }
        found.total_is_exact = unchecked == 0 && !filler.timed_out;
        Ok(filler.finish(found))
    }

    /// Walks many candidates, or all traces, newest first until the page is full.
    async fn walk(
        &self,
        connection: &mut SqliteConnection,
        candidates: Option<&[i64]>,
    ) -> Result<SearchResult, ReadError> {
        let mut found = SearchResult::default();
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
        // Past every position, so that the first trace is included.
        let past_end = (end, vec![0xff; 17]);
        let mut before = self.page.before.map_or(past_end.clone(), |(nanos, id)| {
            (i64::try_from(nanos).unwrap_or(i64::MAX), id.to_vec()).min(past_end)
        });
        let mut filler = PageFiller::new(self.filter, self.page, self.deadline);
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
            // A page is seldom as long as a stride, so rows are read in smaller parts.
            for part in chosen.chunks(100) {
                let mut rows = rows(connection, part).await?;
                rows.retain(|row| self.filter.takes(row));
                rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.cursor()));
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

async fn rows(
    connection: &mut SqliteConnection,
    numbers: &[i64],
) -> Result<Vec<TraceRow>, ReadError> {
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
                .build_query_as::<TraceRow>()
                .persistent(false)
                .fetch_all(&mut *connection)
                .await?,
        );
    }
    Ok(all)
}
