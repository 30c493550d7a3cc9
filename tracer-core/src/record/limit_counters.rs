//! Counters for the data that span limits drop. Spans update them; the worker logs them.

use std::{
    array,
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

use super::limits::SpanLimits;
use crate::{diagnostics::report, stats::OverLimit};

/// The kinds of data that a limit can drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Attributes,
    EventAttributes,
    Events,
    LinkAttributes,
    Links,
    Values,
}

impl Limit {
    const ALL: [Self; 6] = [
        Self::Attributes,
        Self::EventAttributes,
        Self::Events,
        Self::LinkAttributes,
        Self::Links,
        Self::Values,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::EventAttributes => "event attributes",
            Self::Events => "events",
            Self::LinkAttributes => "link attributes",
            Self::Links => "links",
            Self::Values => "values",
        }
    }
}

/// The limits of one provider, with counters for the data that they have dropped.
#[derive(Debug)]
pub(crate) struct Limits {
    limits: SpanLimits,
    counts: Counts,
}

/// Counters on their own cache lines, because the limits are read with every attribute.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    dropped: [AtomicU64; Limit::ALL.len()],
    /// The values that were last logged. Written by the worker only.
    logged: [AtomicU64; Limit::ALL.len()],
}

impl Limits {
    /// Counts dropped data. Threads share the counters, which has no cost while spans stay within
    /// their limits.
    #[cold]
    pub(crate) fn count_dropped(&self, limit: Limit, count: u32) {
        if let Some(dropped) = self.counts.dropped.get(limit as usize) {
            // Relaxed: a statistic.
            dropped.fetch_add(u64::from(count), Ordering::Relaxed);
        }
    }

    /// Resets the counters in a forked child, because their values belong to the parent.
    pub(crate) fn reset(&self) {
        for count in self.counts.dropped.iter().chain(&self.counts.logged) {
            // Relaxed: statistics.
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Returns how much data was dropped so far.
    pub(crate) fn over_limit(&self) -> OverLimit {
        // Relaxed: statistics.
        let [
            attributes,
            event_attributes,
            events,
            link_attributes,
            links,
            values,
        ] = array::from_fn(|limit| {
            let dropped = self.counts.dropped.get(limit);
            dropped.map_or(0, |dropped| dropped.load(Ordering::Relaxed))
        });
        OverLimit {
            attributes,
            event_attributes,
            events,
            link_attributes,
            links,
            values,
        }
    }

    /// Logs each kind of dropped data when it is first dropped. If `is_last`, also logs the totals
    /// that have grown since.
    pub(crate) fn report(&self, is_last: bool) {
        let counters = self.counts.dropped.iter().zip(&self.counts.logged);
        for (limit, (dropped, logged)) in Limit::ALL.into_iter().zip(counters) {
            // Relaxed: statistics.
            let count = dropped.load(Ordering::Relaxed);
            let before = logged.load(Ordering::Relaxed);
            if count > before && (before == 0 || is_last) {
                logged.store(count, Ordering::Relaxed);
                log(limit, count, before == 0);
            }
        }
    }
}

impl Deref for Limits {
    type Target = SpanLimits;

    fn deref(&self) -> &SpanLimits {
        &self.limits
    }
}

impl From<SpanLimits> for Limits {
    fn from(limits: SpanLimits) -> Self {
        Self {
            limits,
            counts: Counts::default(),
        }
    }
}

fn log(limit: Limit, count: u64, is_first: bool) {
    let kind = limit.name();
    report(move || {
        if is_first {
            tracing::warn!(
                target: "tracer_core", kind, count,
                "span limits drop or shorten data of spans"
            );
        } else {
            tracing::warn!(
                target: "tracer_core", kind, count,
                "total of the data that span limits have dropped or shortened"
            );
        }
    });
}
