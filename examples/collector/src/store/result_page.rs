//! Pages of search results, and how one is filled: rows are checked against their spans where the
//! filter needs them.

use std::time::Instant;

use sqlx::sqlite::SqliteConnection;

use super::error::ReadError;
use super::filter::Filter;
use super::read::{Cursor, TraceRow, any_segment};
use super::summary::Summary;
use crate::model::{Group, TraceId};

/// The part of the results that a page shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PageRequest {
    /// Results before this position only. Results are in descending order.
    pub(crate) before: Option<Cursor>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

/// A page of results.
#[derive(Debug, Default)]
pub(crate) struct SearchResult {
    pub(crate) traces: Vec<Summary>,
    pub(crate) total: u64,
    pub(crate) total_is_exact: bool,
    /// The position before which the next page begins, if there is one.
    pub(crate) next: Option<Cursor>,
}

/// The page of a search while it is filled.
pub(super) struct PageFiller<'s> {
    filter: &'s Filter,
    page: PageRequest,
    deadline: Instant,
    /// Results that are still to be skipped.
    skip: usize,
    traces: Vec<Summary>,
    /// Whether there is a result beyond the page.
    more: bool,
    /// Whether the search ran out of time.
    pub(super) timed_out: bool,
    last: Option<Cursor>,
}

impl<'s> PageFiller<'s> {
    pub(super) fn new(filter: &'s Filter, page: PageRequest, deadline: Instant) -> Self {
        Self {
            filter,
            page,
            deadline,
            skip: page.offset,
            traces: Vec::new(),
            more: false,
            timed_out: false,
            last: None,
        }
    }

    /// Returns whether no more rows are taken.
    pub(super) fn is_full(&self) -> bool {
        self.more || self.timed_out
    }

    /// Takes a row unless its spans do not pass the filter; returns false then. A full page neither
    /// checks nor takes rows.
    pub(super) async fn offer(
        &mut self,
        connection: &mut SqliteConnection,
        row: TraceRow,
    ) -> Result<bool, ReadError> {
        if self.is_full() {
            return Ok(true);
        }
        if Instant::now() > self.deadline {
            self.timed_out = true;
            return Ok(true);
        }
        let filter = self.filter;
        if filter.needs_spans(&row) {
            let test = |groups: &[Group]| filter.takes_spans(groups);
            if !any_segment(connection, row.no, test).await? {
                self.last = Some(row.cursor());
                return Ok(false);
            }
        }
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.traces.len() < self.page.limit {
            self.last = Some(row.cursor());
            self.traces.push(row.summary);
        } else {
            self.more = true;
        }
        Ok(true)
    }

    /// Ends the page because the walk ran out of time at this position.
    pub(super) fn time_out(&mut self, at: &(i64, Vec<u8>)) {
        self.timed_out = true;
        if let Ok(id) = TraceId::try_from(at.1.as_slice()) {
            self.last = Some((at.0.cast_unsigned(), id));
        }
    }

    /// Puts the page and the position of the next one into the result.
    pub(super) fn finish(self, mut found: SearchResult) -> SearchResult {
        // If no row was checked, the next page begins where this one began.
        found.next = if self.is_full() {
            self.last.or(self.page.before)
        } else {
            None
        };
        found.traces = self.traces;
        found
    }
}
