//! The rules for valid spans, and the limits on their parts.
//!
//! Both decoders use this file, so the same trace meets the same limits in either encoding.

use std::borrow::Cow;

use crate::model::{Span, SpanId, TraceId};

/// Attributes kept per span, event, link, resource and scope; the rest is counted as dropped.
pub(crate) const MAX_ATTRIBUTES: usize = 128;
/// Events kept per span; the rest is counted as dropped.
pub(crate) const MAX_EVENTS: usize = 128;
/// Links kept per span; the rest is counted as dropped.
pub(crate) const MAX_LINKS: usize = 128;
/// Bytes of text kept per attribute value, name, key or message; longer text is cut.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Levels of arrays and maps kept in an attribute value; a deeper value becomes null.
pub(crate) const MAX_DEPTH: usize = 64;
/// Array elements and map entries kept per attribute value, all levels together.
pub(crate) const MAX_NODES: usize = 4096;

/// The reason for which a span is rejected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InvalidSpan {
    TraceId,
    SpanId,
    ParentId,
    /// A later list of the same name replaces its list.
    Repeated,
    Time,
    /// It has the wrong type: it is not a message.
    Unreadable,
}

/// The numbers of spans and parts of one request that were received, rejected, dropped or changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    /// All spans of the request.
    pub(crate) received: u64,
    pub(crate) invalid_trace_id: u64,
    pub(crate) invalid_span_id: u64,
    pub(crate) invalid_parent_id: u64,
    pub(crate) invalid_time: u64,
    pub(crate) repeated_spans: u64,
    pub(crate) unreadable_spans: u64,
    /// Attribute values, names and messages that were cut at a limit.
    pub(crate) truncated: u64,
    /// Attributes, events, links and their parts that were dropped, on kept and rejected spans
    /// alike. This includes the next three counts.
    pub(crate) dropped: u64,
    /// Attributes, events and links beyond the limit of their list.
    pub(crate) over_limit: u64,
    /// Links with invalid ids.
    pub(crate) invalid_links: u64,
    /// Attributes, events, links and array elements of a field that a later one of the same name
    /// replaced.
    pub(crate) replaced_parts: u64,
    /// Fields with a value of a wrong type or out of range, and the name of the first one.
    pub(crate) unreadable: u64,
    pub(crate) first_unreadable: Option<&'static str>,
    /// Numbers in integer attributes that are not 64-bit integers and were kept as doubles.
    pub(crate) as_double: u64,
    /// Texts with invalid Unicode, which were kept with replacement characters.
    pub(crate) replaced: u64,
}

impl Counts {
    pub(crate) fn rejected(&self) -> u64 {
        self.reasons().iter().map(|(count, _)| count).sum()
    }

    fn reasons(&self) -> [(u64, &'static str); 6] {
        [
            (self.invalid_trace_id, "with invalid trace id"),
            (self.invalid_span_id, "with invalid span id"),
            (self.invalid_parent_id, "with invalid parent span id"),
            (self.invalid_time, "with start missing or after end"),
            (self.repeated_spans, "in a list that was sent twice"),
            (self.unreadable_spans, "of a wrong type"),
        ]
    }

    pub(crate) fn reject(&mut self, reason: InvalidSpan) {
        match reason {
            InvalidSpan::TraceId => self.invalid_trace_id += 1,
            InvalidSpan::SpanId => self.invalid_span_id += 1,
            InvalidSpan::ParentId => self.invalid_parent_id += 1,
            InvalidSpan::Repeated => self.repeated_spans += 1,
            InvalidSpan::Time => self.invalid_time += 1,
            InvalidSpan::Unreadable => self.unreadable_spans += 1,
        }
    }

    /// Counts a field that is treated as absent.
    pub(crate) fn note_unreadable(&mut self, field: &'static str) {
        self.unreadable += 1;
        self.first_unreadable.get_or_insert(field);
    }

    /// Returns the value of an enum. An unknown number is counted and left out.
    pub(crate) fn known<T: Default>(&mut self, field: &'static str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.note_unreadable(field);
            T::default()
        })
    }

    /// Counts an attribute, event or link that is dropped because its list is full.
    pub(crate) fn drop_over_limit(&mut self) {
        self.dropped += 1;
        self.over_limit += 1;
    }

    /// Counts a link that is dropped because its ids are invalid.
    pub(crate) fn drop_invalid_link(&mut self) {
        self.dropped += 1;
        self.invalid_links += 1;
    }

    /// Counts parts of a field that are dropped because a later field replaces it.
    pub(crate) fn drop_replaced(&mut self, parts: u32) {
        self.dropped += u64::from(parts);
        self.replaced_parts += u64::from(parts);
    }

    /// Adds the losses of one value.
    pub(crate) fn spent(&mut self, budget: &Budget) {
        self.truncated += u64::from(budget.exceeded);
        self.replaced += budget.replaced;
    }

    /// Returns the text of a partial success: counts and fixed words, never the sender's text. It
    /// is empty if everything was kept as it was sent.
    pub(crate) fn message(&self) -> String {
        let reasons = self.reasons().into_iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<String> = reasons
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        let mut parts = vec![reasons.join(", ")];
        if let Some(field) = self.first_unreadable {
            let count = self.unreadable;
            parts.push(format!(
                "fields left out for a wrong type or range: {count}, first {field}"
            ));
        }
        for (count, what) in [
            (
                self.as_double,
                "numbers beyond 64-bit integers kept as doubles",
            ),
            (self.replaced, "texts kept with U+FFFD for invalid Unicode"),
            (
                self.over_limit,
                "attributes, events and links beyond a limit dropped",
            ),
            (self.invalid_links, "links with invalid ids dropped"),
            (
                self.replaced_parts,
                "parts of a field that was sent twice dropped",
            ),
            (self.truncated, "values and texts cut at a limit"),
        ] {
            if count > 0 {
                parts.push(format!("{what}: {count}"));
            }
        }
        parts.retain(|part| !part.is_empty());
        parts.join("; ")
    }
}

/// Text from a sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Text<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Whether it holds replacement characters in place of invalid Unicode.
    pub(crate) replaced: bool,
}

/// Returns the trace id of these bytes, or the reason why they are none.
pub(crate) fn trace_id(bytes: &[u8]) -> Result<TraceId, InvalidSpan> {
    TraceId::try_from(bytes)
        .ok()
        .filter(|id| *id != TraceId::default())
        .ok_or(InvalidSpan::TraceId)
}

/// Returns the span id of these bytes, or the reason why they are none.
pub(crate) fn span_id(bytes: &[u8]) -> Result<SpanId, InvalidSpan> {
    SpanId::try_from(bytes)
        .ok()
        .filter(|id| *id != SpanId::default())
        .ok_or(InvalidSpan::SpanId)
}

/// Returns the parent id of these bytes. No bytes mean no parent, and so do zeros, which some
/// senders write.
pub(crate) fn parent_id(bytes: &[u8]) -> Result<Option<SpanId>, InvalidSpan> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id = SpanId::try_from(bytes).map_err(|_| InvalidSpan::ParentId)?;
    Ok(Some(id).filter(|id| *id != SpanId::default()))
}

/// Checks the times of a span. A span without duration is valid. A span that ends before it starts,
/// or has no start, cannot be shown. The upper bound is the year 2262: the store keeps nanoseconds
/// as signed 64-bit integers.
pub(crate) fn times(span: &Span) -> Result<(), InvalidSpan> {
    let fits = i64::try_from(span.end_nanos).is_ok();
    if span.start_nanos == 0 || span.end_nanos < span.start_nanos || !fits {
        return Err(InvalidSpan::Time);
    }
    Ok(())
}

/// The text and nodes that one attribute value may still use. The parts of the value use it up in
/// their order.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    nodes: usize,
    /// Whether anything was cut.
    exceeded: bool,
    /// Texts with invalid Unicode.
    replaced: u64,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            bytes: MAX_TEXT_BYTES,
            nodes: MAX_NODES,
            exceeded: false,
            replaced: 0,
        }
    }

    /// Takes one array element or map entry. Returns false if there are too many.
    pub(crate) fn take_node(&mut self) -> bool {
        let Some(left) = self.nodes.checked_sub(1) else {
            self.exceeded = true;
            return false;
        };
        self.nodes = left;
        true
    }

    /// Notes that a value lies deeper than [`MAX_DEPTH`].
    pub(crate) fn too_deep(&mut self) {
        self.exceeded = true;
    }

    /// Returns the part of `text` that still fits, cut between characters.
    pub(crate) fn take_text(&mut self, text: &Text<'_>) -> String {
        let kept = cut(&text.text, self.bytes);
        self.exceeded |= kept.len() < text.text.len();
        self.replaced += u64::from(text.replaced);
        self.bytes -= kept.len();
        kept.to_owned()
    }

    /// Returns the part of `bytes` that still fits.
    pub(crate) fn take_bytes<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let kept = bytes.get(..self.bytes).unwrap_or(bytes);
        self.exceeded |= kept.len() < bytes.len();
        self.bytes -= kept.len();
        kept
    }
}

/// Returns the longest start of `text` that has at most `max` bytes and ends between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    text.get(..text.floor_char_boundary(max)).unwrap_or("")
}

/// Cuts a name, key or message at [`MAX_TEXT_BYTES`] and counts that.
pub(crate) fn bounded_text(text: &Text<'_>, counts: &mut Counts) -> String {
    let kept = cut(&text.text, MAX_TEXT_BYTES);
    counts.truncated += u64::from(kept.len() < text.text.len());
    counts.replaced += u64::from(text.replaced);
    kept.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_must_have_their_length_and_not_be_zero() {
        assert_eq!(trace_id(&[0; 16]), Err(InvalidSpan::TraceId));
        assert_eq!(trace_id(&[1; 15]), Err(InvalidSpan::TraceId));
        assert_eq!(trace_id(&[1; 17]), Err(InvalidSpan::TraceId));
        assert_eq!(trace_id(&[1; 16]), Ok([1; 16]));
        assert_eq!(span_id(&[]), Err(InvalidSpan::SpanId));
        assert_eq!(span_id(&[0; 8]), Err(InvalidSpan::SpanId));
        assert_eq!(span_id(&[2; 8]), Ok([2; 8]));
        assert_eq!(parent_id(&[]), Ok(None));
        assert_eq!(parent_id(&[0; 8]), Ok(None));
        assert_eq!(parent_id(&[0; 7]), Err(InvalidSpan::ParentId));
    }

    #[test]
    fn times_must_be_in_order_and_fit_the_store() {
        let span = |start_nanos, end_nanos| Span {
            start_nanos,
            end_nanos,
            ..Span::default()
        };
        assert_eq!(times(&span(5, 5)), Ok(()));
        assert_eq!(times(&span(0, 5)), Err(InvalidSpan::Time));
        assert_eq!(times(&span(6, 5)), Err(InvalidSpan::Time));
        assert_eq!(times(&span(1, i64::MAX as u64)), Ok(()));
        assert_eq!(times(&span(1, i64::MAX as u64 + 1)), Err(InvalidSpan::Time));
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("é", 0), "");
    }

    #[test]
    fn a_value_has_one_budget_for_all_its_parts() {
        let mut budget = Budget::new();
        let mut take = |text: &str| {
            let (text, replaced) = (text.into(), false);
            budget.take_text(&Text { text, replaced })
        };
        let long = "x".repeat(MAX_TEXT_BYTES - 1);
        assert_eq!(take(&long).len(), long.len());
        assert_eq!(take("yz"), "y");
        assert!(budget.exceeded);

        let mut budget = Budget::new();
        for _ in 0..MAX_NODES {
            assert!(budget.take_node());
        }
        assert!(!budget.take_node());
    }

    #[test]
    fn the_message_holds_counts_only() {
        let mut counts = Counts::default();
        assert_eq!(counts.message(), "");
        counts.reject(InvalidSpan::TraceId);
        counts.reject(InvalidSpan::TraceId);
        counts.reject(InvalidSpan::Time);
        assert_eq!(
            counts.message(),
            "2 with invalid trace id, 1 with start missing or after end"
        );
        assert_eq!(counts.rejected(), 3);

        let mut counts = Counts {
            as_double: 4,
            replaced: 5,
            ..Counts::default()
        };
        counts.note_unreadable("intValue");
        counts.note_unreadable("kind");
        assert_eq!(
            counts.message(),
            "fields left out for a wrong type or range: 2, first intValue; \
             numbers beyond 64-bit integers kept as doubles: 4; \
             texts kept with U+FFFD for invalid Unicode: 5"
        );
        assert_eq!(counts.rejected(), 0);
        counts.reject(InvalidSpan::Unreadable);
        let message = counts.message();
        assert!(
            message.starts_with("1 of a wrong type; fields left out"),
            "{message}"
        );
    }
}
