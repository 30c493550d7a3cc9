//! What the limits of spans keep out: counted where it happens, told by the worker.

use std::{
    array,
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

use super::limits::SpanLimits;
use crate::{diagnostics::report, stats::OverLimit};

/// What a limit can keep out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Attributes,
    EventAttributes,
    Events,
    LinkAttributes,
    Links,
    Values,
}

impl Kind {
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

/// The limits of one provider, and what they kept out so far.
#[derive(Debug)]
pub(crate) struct Limits {
    limits: SpanLimits,
    counts: Counts,
}

/// On cache lines of their own: the limits are read with every attribute.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    over: [AtomicU64; Kind::ALL.len()],
    /// What was last told. Written by the worker only.
    told: [AtomicU64; Kind::ALL.len()],
}

impl Limits {
    /// Counts what was kept out. A span has to pass a limit first, so sharing the counter does not
    /// matter.
    #[cold]
    pub(crate) fn kept_out(&self, kind: Kind, count: u32) {
        if let Some(over) = self.counts.over.get(kind as usize) {
            // Relaxed: a statistic.
            over.fetch_add(u64::from(count), Ordering::Relaxed);
        }
    }

    /// In a forked child: what the parent counted is the parent's.
    pub(crate) fn forget(&self) {
        for count in self.counts.over.iter().chain(&self.counts.told) {
            // Relaxed: statistics.
            count.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn over_limit(&self) -> OverLimit {
        // Relaxed: statistics.
        let [
            attributes,
            event_attributes,
            events,
            link_attributes,
            links,
            values,
        ] = array::from_fn(|kind| {
            let over = self.counts.over.get(kind);
            over.map_or(0, |over| over.load(Ordering::Relaxed))
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

    /// Tells of each kind once, when it is first seen; and at the end how much it was, if that is
    /// more.
    pub(crate) fn tell(&self, end: bool) {
        for (kind, (over, told)) in Kind::ALL
            .into_iter()
            .zip(self.counts.over.iter().zip(&self.counts.told))
        {
            // Relaxed: statistics.
            let count = over.load(Ordering::Relaxed);
            let before = told.load(Ordering::Relaxed);
            if count > before && (before == 0 || end) {
                told.store(count, Ordering::Relaxed);
                tell(kind, count, before == 0);
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

fn tell(kind: Kind, count: u64, first: bool) {
    let kind = kind.name();
    report(move || {
        if first {
            tracing::warn!(
                target: "tracer_core", kind, count,
                "span limits leave out or shorten what spans hold"
            );
        } else {
            tracing::warn!(
                target: "tracer_core", kind, count,
                "span limits left out or shortened this much in all"
            );
        }
    });
}
