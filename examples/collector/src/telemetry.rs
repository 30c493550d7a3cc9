//! The ledger: the outcome of every request and every span.
//!
//! At any moment `received = stored + duplicate + rejected + refused + waiting`, to the span. Each
//! request that has ended is in one counter of [`Requests`]. All numbers change together under one
//! lock, once per request and once per commit.
//!
//! An [`OpenRequest`] stands for a request until it is decoded or turned away, and [`Waiting`] for its
//! spans until they are stored or refused. Both count themselves when they are dropped, so neither a
//! panic nor a cancelled task leaves anything open.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use crate::decode::validate::Counts;

/// Why requests were turned away before their spans were counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turned {
    /// Not OTLP, or not as its headers say.
    Malformed,
    /// Over the budget for requests in work; may be sent again.
    Overloaded,
    /// Over a size limit, compressed or decompressed.
    TooLarge,
    /// The sender was too slow.
    TooSlow,
}

/// Why spans were refused after they were counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    /// A panic, or the end of the writer, ended the request between its decoding and the commit.
    Interrupted,
    /// May be sent again.
    QueueFull,
    /// May be sent again.
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
    pub(crate) values: Values,
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
    pub(crate) repeated: u64,
    pub(crate) trace_too_large: u64,
    pub(crate) unreadable: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedSpans {
    pub(crate) interrupted: u64,
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
    /// The sender went away before its request was whole, or its decoder panicked.
    pub(crate) unfinished: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limits {
    /// Attribute values, names and messages that were cut.
    pub(crate) truncated: u64,
    /// Attributes, events and links that were left out.
    pub(crate) dropped: u64,
}

/// Values that could not be kept as they were sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Values {
    /// Numbers beyond 64-bit integers, kept as doubles.
    pub(crate) as_double: u64,
    /// Texts that are not all Unicode, kept with replacement characters.
    pub(crate) replaced: u64,
    /// Fields of a wrong type or range, left out.
    pub(crate) unreadable: u64,
}

impl Ledger {
    /// Opens the entry of a request.
    pub(crate) fn request(self: &Arc<Self>) -> OpenRequest {
        OpenRequest {
            ledger: Some(Arc::clone(self)),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.0.lock()
    }
}

/// A request whose spans are not counted yet. Dropped as it is, it is counted as unfinished.
#[derive(Debug)]
#[must_use]
pub(crate) struct OpenRequest {
    // Taken when the request is counted.
    ledger: Option<Arc<Ledger>>,
}

impl OpenRequest {
    /// The request is refused before its spans are known.
    pub(crate) fn turned_away(mut self, reason: Turned) {
        let Some(ledger) = self.ledger.take() else {
            return;
        };
        let requests = &mut ledger.0.lock().requests;
        match reason {
            Turned::Malformed => requests.malformed += 1,
            Turned::Overloaded => requests.overloaded += 1,
            Turned::TooLarge => requests.too_large += 1,
            Turned::TooSlow => requests.too_slow += 1,
        }
    }

    /// The request is decoded: its valid spans now wait, the others are rejected.
    pub(crate) fn decoded(mut self, counts: &Counts) -> Waiting {
        let spans = counts.received - counts.rejected();
        let ledger = self.ledger.take();
        if let Some(ledger) = &ledger {
            let mut stats = ledger.0.lock();
            stats.requests.decoded += 1;
            stats.limits.truncated += counts.truncated;
            stats.limits.dropped += counts.dropped;
            stats.values.as_double += counts.as_double;
            stats.values.replaced += counts.replaced;
            stats.values.unreadable += counts.unreadable;
            stats.spans.received += counts.received;
            stats.spans.waiting += spans;
            let rejected = &mut stats.spans.rejected;
            rejected.invalid_trace_id += counts.invalid_trace_id;
            rejected.invalid_span_id += counts.invalid_span_id;
            rejected.invalid_parent_id += counts.invalid_parent_id;
            rejected.invalid_time += counts.invalid_time;
            rejected.repeated += counts.repeated_spans;
            rejected.unreadable += counts.unreadable_spans;
        }
        Waiting { ledger, spans }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.0.lock().requests.unfinished += 1;
        }
    }
}

/// Valid spans of one request that wait for the store. Dropped as they are, they are counted as
/// interrupted.
#[derive(Debug)]
#[must_use]
pub(crate) struct Waiting {
    // Taken when the spans have an outcome.
    ledger: Option<Arc<Ledger>>,
    spans: u64,
}

impl Waiting {
    /// The commit of these spans ended; the three add up to them.
    pub(crate) fn committed(mut self, stored: u64, duplicate: u64, trace_too_large: u64) {
        debug_assert_eq!(self.spans, stored + duplicate + trace_too_large);
        let Some(ledger) = self.ledger.take() else {
            return;
        };
        let spans = &mut ledger.0.lock().spans;
        spans.stored += stored;
        spans.duplicate += duplicate;
        spans.rejected.trace_too_large += trace_too_large;
        spans.waiting -= self.spans;
    }

    /// The spans are given back to their sender.
    pub(crate) fn refused(mut self, reason: Refused) {
        self.refuse(reason);
    }

    fn refuse(&mut self, reason: Refused) {
        let Some(ledger) = self.ledger.take() else {
            return;
        };
        let spans = &mut ledger.0.lock().spans;
        spans.waiting -= self.spans;
        match reason {
            Refused::Interrupted => spans.refused.interrupted += self.spans,
            Refused::QueueFull => spans.refused.queue_full += self.spans,
            Refused::StoreFailed => spans.refused.store_failed += self.spans,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.refuse(Refused::Interrupted);
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
            + rejected.repeated
            + rejected.trace_too_large
            + rejected.unreadable;
        let refused =
            self.refused.interrupted + self.refused.queue_full + self.refused.store_failed;
        self.received == self.stored + self.duplicate + rejected + refused + self.waiting
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn counts(received: u64, invalid_time: u64) -> Counts {
        Counts {
            received,
            invalid_time,
            ..Counts::default()
        }
    }

    #[test]
    fn the_ledger_balances_after_every_step() {
        let ledger = Arc::new(Ledger::default());
        let first = ledger.request().decoded(&counts(8, 2));
        let second = ledger.request().decoded(&counts(1, 0));
        let third = ledger.request().decoded(&counts(1, 0));
        let waiting = || {
            assert!(ledger.stats().spans.balance());
            ledger.stats().spans.waiting
        };
        assert_eq!(waiting(), 8);
        first.committed(4, 1, 1);
        assert_eq!(waiting(), 2);
        second.refused(Refused::QueueFull);
        third.refused(Refused::StoreFailed);
        assert_eq!(waiting(), 0);
        assert_eq!(ledger.stats().requests.decoded, 3);
    }

    // Spans of a request that panicked between its decoding and the queue once waited for ever.
    #[test]
    fn a_panic_leaves_nothing_open() {
        let ledger = Arc::new(Ledger::default());
        let open = ledger.request();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let _waiting = open.decoded(&counts(5, 1));
            panic!("as a broken encoder would");
        }));
        assert!(ended.is_err());
        let stats = ledger.stats();
        assert!(stats.spans.balance());
        assert_eq!(
            (stats.spans.waiting, stats.spans.refused.interrupted),
            (0, 4)
        );
        assert_eq!((stats.requests.decoded, stats.requests.unfinished), (1, 0));

        drop(ledger.request());
        assert_eq!(ledger.stats().requests.unfinished, 1);
    }

    #[test]
    fn a_request_is_in_one_counter() {
        let ledger = Arc::new(Ledger::default());
        for reason in [
            Turned::Malformed,
            Turned::Overloaded,
            Turned::TooLarge,
            Turned::TooSlow,
        ] {
            ledger.request().turned_away(reason);
        }
        let expected = Requests {
            malformed: 1,
            overloaded: 1,
            too_large: 1,
            too_slow: 1,
            ..Requests::default()
        };
        assert_eq!(ledger.stats().requests, expected);
    }
}
