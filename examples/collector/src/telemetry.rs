//! What became of every span: the ledger, and how it is read.
//!
//! At any moment `received = stored + duplicate + rejected + refused + waiting`, to the span. All
//! numbers change together under one lock, once per request and once per commit.

use parking_lot::Mutex;
use serde::Serialize;

use crate::decode::validate::Counts;

/// Why requests were turned away before their spans were counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turned {
    /// Over a size limit, compressed or decompressed.
    TooLarge,
    /// Over the budget for requests in work; may be sent again.
    Overloaded,
    /// Not OTLP, or not as its headers say.
    Malformed,
    /// The sender was too slow.
    TooSlow,
}

/// Why spans were refused after they were counted; they may be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    QueueFull,
    StoreFailed,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Stats>);

/// The numbers, as `GET /api/stats` shows them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    pub(crate) spans: Spans,
    pub(crate) requests: Requests,
    pub(crate) limits: Limits,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spans {
    pub(crate) received: u64,
    pub(crate) stored: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: Rejected,
    pub(crate) refused: RefusedSpans,
    pub(crate) waiting: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rejected {
    pub(crate) invalid_trace_id: u64,
    pub(crate) invalid_span_id: u64,
    pub(crate) invalid_parent_id: u64,
    pub(crate) invalid_time: u64,
    pub(crate) trace_too_large: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedSpans {
    pub(crate) queue_full: u64,
    pub(crate) store_failed: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Requests {
    pub(crate) decoded: u64,
    pub(crate) too_large: u64,
    pub(crate) overloaded: u64,
    pub(crate) malformed: u64,
    pub(crate) too_slow: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limits {
    /// Attribute values, names and messages that were cut.
    pub(crate) truncated: u64,
    /// Attributes, events and links that were left out.
    pub(crate) dropped: u64,
}

impl Ledger {
    /// A request was decoded: its valid spans now wait, the others are rejected.
    pub(crate) fn received(&self, counts: &Counts) {
        let mut stats = self.0.lock();
        stats.requests.decoded += 1;
        stats.limits.truncated += counts.truncated;
        stats.limits.dropped += counts.dropped;
        stats.spans.received += counts.received;
        stats.spans.waiting += counts.received - counts.rejected();
        let rejected = &mut stats.spans.rejected;
        rejected.invalid_trace_id += counts.invalid_trace_id;
        rejected.invalid_span_id += counts.invalid_span_id;
        rejected.invalid_parent_id += counts.invalid_parent_id;
        rejected.invalid_time += counts.invalid_time;
    }

    /// A commit ended: its spans no longer wait.
    pub(crate) fn committed(&self, stored: u64, duplicate: u64, trace_too_large: u64) {
        let mut stats = self.0.lock();
        stats.spans.stored += stored;
        stats.spans.duplicate += duplicate;
        stats.spans.rejected.trace_too_large += trace_too_large;
        stats.spans.waiting -= stored + duplicate + trace_too_large;
    }

    /// Waiting spans were given back to their sender.
    pub(crate) fn refused(&self, reason: Refused, spans: u64) {
        let mut stats = self.0.lock();
        stats.spans.waiting -= spans;
        match reason {
            Refused::QueueFull => stats.spans.refused.queue_full += spans,
            Refused::StoreFailed => stats.spans.refused.store_failed += spans,
        }
    }

    /// A request was turned away before it was decoded.
    pub(crate) fn turned_away(&self, reason: Turned) {
        let mut stats = self.0.lock();
        match reason {
            Turned::TooLarge => stats.requests.too_large += 1,
            Turned::Overloaded => stats.requests.overloaded += 1,
            Turned::Malformed => stats.requests.malformed += 1,
            Turned::TooSlow => stats.requests.too_slow += 1,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.0.lock()
    }
}

impl Spans {
    /// Whether the numbers add up.
    #[cfg(test)]
    pub(crate) fn balance(&self) -> bool {
        let rejected = &self.rejected;
        let rejected = rejected.invalid_trace_id
            + rejected.invalid_span_id
            + rejected.invalid_parent_id
            + rejected.invalid_time
            + rejected.trace_too_large;
        let refused = self.refused.queue_full + self.refused.store_failed;
        self.received == self.stored + self.duplicate + rejected + refused + self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_balances_after_every_step() {
        let ledger = Ledger::default();
        let counts = Counts {
            received: 10,
            invalid_time: 2,
            ..Counts::default()
        };
        ledger.received(&counts);
        assert!(ledger.stats().spans.balance());
        assert_eq!(ledger.stats().spans.waiting, 8);
        ledger.committed(4, 1, 1);
        assert!(ledger.stats().spans.balance());
        ledger.refused(Refused::QueueFull, 1);
        ledger.refused(Refused::StoreFailed, 1);
        assert!(ledger.stats().spans.balance());
        assert_eq!(ledger.stats().spans.waiting, 0);
    }
}
