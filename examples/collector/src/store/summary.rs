//! The summary of a trace, which is known without reading spans, and how segments add up to it.

use std::collections::BTreeSet;

use crate::model::{Span, SpanId, Status, TraceId};

/// Service names kept per trace. A trace of more services shows the first ones by name.
const MAX_SERVICES: usize = 256;

/// The span that names a trace: its root, or the earliest span while the root is missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Root {
    /// Zero for a span without parent, one for any other: roots come first.
    pub(crate) rank: i64,
    pub(crate) start_nanos: u64,
    pub(crate) status: Status,
    pub(crate) service: String,
    pub(crate) operation: String,
}

impl Root {
    fn precedes(&self, other: &Self) -> bool {
        let order = |root: &Self| (root.rank, root.start_nanos);
        // Names break ties, so that the order of arrival does not matter.
        (order(self), &self.service, &self.operation)
            < (order(other), &other.service, &other.operation)
    }
}

/// The summary of a whole trace or of one segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Summary {
    pub(crate) trace_id: TraceId,
    pub(crate) start_nanos: u64,
    pub(crate) end_nanos: u64,
    pub(crate) spans: u64,
    pub(crate) orphans: u64,
    pub(crate) has_errors: bool,
    pub(crate) root: Root,
    pub(crate) services: BTreeSet<String>,
}

impl Summary {
    /// The summary of a single span.
    pub(super) fn of(span: &Span, service: &str) -> Self {
        Self {
            trace_id: span.trace_id,
            start_nanos: span.start_nanos,
            end_nanos: span.end_nanos,
            spans: 1,
            orphans: u64::from(span.parent.is_some()),
            has_errors: span.status == Status::Error,
            root: Root {
                rank: i64::from(span.parent.is_some()),
                start_nanos: span.start_nanos,
                status: span.status,
                service: service.to_owned(),
                operation: span.name.clone(),
            },
            services: BTreeSet::from([service.to_owned()]),
        }
    }

    /// Adds a span to the summary. Counts are left to [`Self::count`].
    pub(super) fn add(&mut self, span: &Span, service: &str) {
        self.start_nanos = self.start_nanos.min(span.start_nanos);
        self.end_nanos = self.end_nanos.max(span.end_nanos);
        self.has_errors |= span.status == Status::Error;
        let rank = i64::from(span.parent.is_some());
        // Most spans are neither roots nor earlier: do not copy their names.
        if (rank, span.start_nanos) <= (self.root.rank, self.root.start_nanos) {
            let root = Self::of(span, service).root;
            if root.precedes(&self.root) {
                self.root = root;
            }
        }
        if !self.services.contains(service) && self.services.len() < MAX_SERVICES {
            self.services.insert(service.to_owned());
        }
    }

    /// Adds the summary of another segment of the same trace. Counts are left to [`Self::count`].
    pub(super) fn merge(&mut self, other: &Self) {
        self.start_nanos = self.start_nanos.min(other.start_nanos);
        self.end_nanos = self.end_nanos.max(other.end_nanos);
        self.has_errors |= other.has_errors;
        if other.root.precedes(&self.root) {
            self.root = other.root.clone();
        }
        self.services.extend(other.services.iter().cloned());
        while self.services.len() > MAX_SERVICES {
            self.services.pop_last();
        }
    }

    /// Sets the numbers of spans and orphans from those of all segments.
    pub(super) fn count(&mut self, all: &mut Vec<Identity>) {
        (self.spans, self.orphans) = count(all);
    }

    pub(crate) fn duration_nanos(&self) -> u64 {
        self.end_nanos.saturating_sub(self.start_nanos)
    }

    /// Returns ERROR if any span failed, else the status of the root.
    pub(crate) fn status(&self) -> Status {
        if self.has_errors {
            Status::Error
        } else {
            self.root.status
        }
    }
}

/// The parts of a span that tell it from the others of its trace.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Identity {
    pub(super) span: SpanId,
    /// The hash of the span with its resource and scope. A sender can make two of its own spans
    /// equal and so lose the second one, but it cannot match a span whose content it does not know.
    pub(super) content: u64,
    /// Zero for none.
    parent: SpanId,
}

/// Bytes of one span's entry in a segment's `ids`.
const IDENTITY_BYTES: usize = 24;

impl Identity {
    pub(super) fn new(span: &Span, content: u64) -> Self {
        Self {
            span: span.span_id,
            content,
            parent: span.parent.unwrap_or_default(),
        }
    }

    /// Writes the entry of a span as a segment keeps it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.span);
        out.extend(self.parent);
        out.extend(self.content.to_be_bytes());
    }
}

/// Reads the entries of a segment.
pub(super) fn read_identities(bytes: &[u8], out: &mut Vec<Identity>) {
    let (entries, _) = bytes.as_chunks::<IDENTITY_BYTES>();
    for entry in entries {
        let (parts, _) = entry.as_chunks::<8>();
        if let [span, parent, content] = *parts {
            let content = u64::from_be_bytes(content);
            out.push(Identity {
                span,
                content,
                parent,
            });
        }
    }
}

/// Counts distinct spans, and those of them whose parent is not there. Sorts and thins `all`.
fn count(all: &mut Vec<Identity>) -> (u64, u64) {
    all.sort_unstable();
    all.dedup();
    let has = |id: &SpanId| all.binary_search_by_key(id, |one| one.span).is_ok();
    let orphans = all
        .iter()
        .filter(|one| one.parent != SpanId::default() && !has(&one.parent))
        .count();
    (all.len() as u64, orphans as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8, parent: Option<u8>, start: u64, end: u64) -> Span {
        Span {
            trace_id: [9; 16],
            span_id: [id; 8],
            parent: parent.map(|id| [id; 8]),
            name: format!("op{id}"),
            start_nanos: start,
            end_nanos: end,
            ..Span::default()
        }
    }

    #[test]
    fn the_order_of_segments_does_not_matter() {
        let spans = [
            span(1, None, 10, 50),
            span(2, Some(1), 5, 20),
            span(3, Some(2), 30, 90),
        ];
        let services = ["a", "b", "c"];
        let merged = |order: [usize; 3]| {
            let mut parts = order
                .map(|i| Summary::of(&spans[i], services[i]))
                .into_iter();
            let mut whole = parts.next().unwrap();
            let mut added = whole.clone();
            for part in parts {
                whole.merge(&part);
            }
            for i in &order[1..] {
                added.add(&spans[*i], services[*i]);
            }
            assert_eq!(added, whole);
            (
                whole.start_nanos,
                whole.end_nanos,
                whole.root,
                whole.services,
            )
        };
        let expected = merged([0, 1, 2]);
        assert_eq!((expected.0, expected.1), (5, 90));
        assert_eq!(expected.2.service, "a");
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), expected);
        }
    }

    #[test]
    fn without_a_root_the_earliest_span_names_the_trace() {
        let mut summary = Summary::of(&span(3, Some(2), 30, 90), "late");
        summary.add(&span(2, Some(1), 5, 20), "early");
        assert_eq!(
            (summary.root.service.as_str(), summary.root.rank),
            ("early", 1)
        );
    }

    #[test]
    fn repeated_spans_count_once_and_missing_parents_make_orphans() {
        let mut bytes = Vec::new();
        for (one, content) in [
            (span(1, None, 1, 1), 7),
            (span(2, Some(1), 1, 1), 8),
            (span(2, Some(1), 1, 1), 8),
            // The same ids with other content.
            (span(2, Some(1), 1, 5), 9),
            (span(3, Some(8), 1, 1), 7),
        ] {
            Identity::new(&one, content).write(&mut bytes);
        }
        let mut all = Vec::new();
        read_identities(&bytes, &mut all);
        assert_eq!(count(&mut all), (4, 1));
    }

    #[test]
    fn an_error_anywhere_is_the_status_of_the_trace() {
        let ok = Span {
            status: Status::Ok,
            ..span(1, None, 1, 9)
        };
        let mut summary = Summary::of(&ok, "a");
        assert_eq!(summary.status(), Status::Ok);
        summary.add(
            &Span {
                status: Status::Error,
                ..span(2, Some(1), 2, 3)
            },
            "a",
        );
        assert_eq!(summary.status(), Status::Error);
    }
}
