//! The ledger: the outcome of every request and every span.
//!
//! At any moment `received = stored + duplicate + rejected + refused + waiting`, to the span. A
//! request that has ended is in exactly one counter of [`Requests`]. All numbers change together
//! under one lock, once per request and once per commit.
//!
//! Two words differ. A *rejected* span is invalid, and its request is accepted without it (OTLP
//! calls this a partial success). *Refused* spans were valid, and their whole request got an error.
//!
//! An [`OpenRequest`] stands for a request until it is decoded or refused, and [`WaitingSpans`] for
//! its spans until they are stored or refused. Each can be counted only once, because counting
//! consumes it. A value that is dropped counts itself, so neither a panic nor a cancelled task
//! leaves anything open.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use crate::decode::Counts;

/// The reason for which a request is refused before its spans are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RequestRefusal {
    /// Not OTLP, or not as its headers say.
    Malformed,
    /// The budget for requests in progress is used up. The request may be sent again.
    Overloaded,
    /// The request exceeds a size limit, as sent, decompressed or stored.
    TooLarge,
    /// The sender was too slow.
    TooSlow,
}

/// The reason for which spans are refused after they are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpanRefusal {
    /// A panic or the end of the writer ended the request between its decoding and the commit.
    Interrupted,
    /// The queue of the store had no room. The spans may be sent again.
    QueueFull,
    /// The commit failed. The spans may be sent again.
    StoreFailed,
}

/// The counters of one collector.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Stats>);

/// The values of all counters, as `GET /api/stats` shows them.
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
    pub(crate) rejected: RejectedSpans,
    pub(crate) refused: RefusedSpans,
    pub(crate) waiting: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RejectedSpans {
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
    /// Opens the entry of a new request.
    pub(crate) fn open_request(self: &Arc<Self>) -> OpenRequest {
        OpenRequest {
            ledger: Some(Arc::clone(self)),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.0.lock()
    }
}

/// A request whose spans are not counted yet. If it is dropped, it is counted as unfinished.
#[derive(Debug)]
#[must_use]
pub(crate) struct OpenRequest {
    // Taken when the request is counted.
    ledger: Option<Arc<Ledger>>,
}

impl OpenRequest {
    /// Counts the request as refused before its spans are known.
    pub(crate) fn refused(mut self, reason: RequestRefusal) {
        let Some(ledger) = self.ledger.take() else {
            return;
        };
        let requests = &mut ledger.0.lock().requests;
        match reason {
            RequestRefusal::Malformed => requests.malformed += 1,
            RequestRefusal::Overloaded => requests.overloaded += 1,
            RequestRefusal::TooLarge => requests.too_large += 1,
            RequestRefusal::TooSlow => requests.too_slow += 1,
        }
    }

    /// Counts the request as decoded, its valid spans as waiting and the others as rejected.
    pub(crate) fn decoded(mut self, counts: &Counts) -> WaitingSpans {
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
        WaitingSpans { ledger, spans }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.0.lock().requests.unfinished += 1;
        }
    }
}

/// The valid spans of one request, which wait for the store. If they are dropped, they are counted
/// as interrupted.
#[derive(Debug)]
#[must_use]
pub(crate) struct WaitingSpans {
    // Taken when the spans have an outcome.
    ledger: Option<Arc<Ledger>>,
    spans: u64,
}

impl WaitingSpans {
    /// Counts the spans by the outcome of their commit. The three numbers add up to all of them.
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

    /// Counts the spans as refused.
    pub(crate) fn refused(mut self, reason: SpanRefusal) {
        self.refuse(reason);
    }

    fn refuse(&mut self, reason: SpanRefusal) {
        let Some(ledger) = self.ledger.take() else {
            return;
        };
        let spans = &mut ledger.0.lock().spans;
        spans.waiting -= self.spans;
        match reason {
            SpanRefusal::Interrupted => spans.refused.interrupted += self.spans,
            SpanRefusal::QueueFull => spans.refused.queue_full += self.spans,
            SpanRefusal::StoreFailed => spans.refused.store_failed += self.spans,
        }
    }
}

impl Drop for WaitingSpans {
    fn drop(&mut self) {
        self.refuse(SpanRefusal::Interrupted);
    }
}

impl Spans {
    /// Returns whether the numbers add up.
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
        let first = ledger.open_request().decoded(&counts(8, 2));
        let second = ledger.open_request().decoded(&counts(1, 0));
        let third = ledger.open_request().decoded(&counts(1, 0));
        let waiting = || {
            assert!(ledger.stats().spans.balance());
            ledger.stats().spans.waiting
        };
        assert_eq!(waiting(), 8);
        first.committed(4, 1, 1);
        assert_eq!(waiting(), 2);
        second.refused(SpanRefusal::QueueFull);
        third.refused(SpanRefusal::StoreFailed);
        assert_eq!(waiting(), 0);
        assert_eq!(ledger.stats().requests.decoded, 3);
    }

    // Spans of a request that panicked between its decoding and the queue once waited for ever.
    #[test]
    fn a_panic_leaves_nothing_open() {
        let ledger = Arc::new(Ledger::default());
        let open = ledger.open_request();
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

        drop(ledger.open_request());
        assert_eq!(ledger.stats().requests.unfinished, 1);
    }

    #[test]
    fn a_request_is_in_one_counter() {
        let ledger = Arc::new(Ledger::default());
        for reason in [
            RequestRefusal::Malformed,
            RequestRefusal::Overloaded,
            RequestRefusal::TooLarge,
            RequestRefusal::TooSlow,
        ] {
            ledger.open_request().refused(reason);
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
