//! Who is whose parent.

use std::collections::HashMap;

use opentelemetry::SpanId;

use crate::testing::FinishedSpan;

/// Spans with their children, each list in order of start.
pub(super) struct Forest<'a> {
    spans: Vec<&'a FinishedSpan>,
    /// Places in `spans`, for each place.
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl<'a> Forest<'a> {
    pub(super) fn new(spans: &'a [FinishedSpan]) -> Self {
        let mut spans: Vec<_> = spans.iter().collect();
        // With a clock that stands still, sequential ids tell who was first.
        spans.sort_by_key(|span| (span.start, span.span_id().to_bytes()));
        let places: HashMap<_, _> = (0..)
            .zip(&spans)
            .map(|(place, span)| ((span.trace_id(), span.span_id()), place))
            .collect();
        let mut forest = Self {
            children: vec![Vec::new(); spans.len()],
            roots: Vec::new(),
            spans,
        };
        for (place, span) in forest.spans.iter().enumerate() {
            let parent = places.get(&(span.trace_id(), span.parent_span_id));
            match parent.and_then(|parent| forest.children.get_mut(*parent)) {
                Some(children) => children.push(place),
                None => forest.roots.push(place),
            }
        }
        forest.break_cycles();
        forest
    }

    /// Ids that were given twice may make spans each other's parents: then no root leads to them,
    /// and the first of them is taken for one.
    fn break_cycles(&mut self) {
        let mut seen = vec![false; self.spans.len()];
        let mut ahead = self.roots.clone();
        let mut next = 0;
        loop {
            while let Some(place) = ahead.pop() {
                if let Some(seen) = seen.get_mut(place) {
                    *seen = true;
                }
                ahead.extend(self.children.get(place).into_iter().flatten());
            }
            let unseen = seen.iter().skip(next).position(|seen| !seen);
            let Some(lost) = unseen.map(|offset| next + offset) else {
                return;
            };
            next = lost;
            for children in &mut self.children {
                children.retain(|child| *child != lost);
            }
            self.roots.push(lost);
            ahead.push(lost);
        }
    }

    pub(super) fn roots(&self) -> &[usize] {
        &self.roots
    }

    pub(super) fn children(&self, place: usize) -> &[usize] {
        self.children
            .get(place)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    pub(super) fn span(&self, place: usize) -> Option<&'a FinishedSpan> {
        self.spans.get(place).copied()
    }

    /// The word for a parent that is not in the tree above.
    pub(super) fn parent(&self, place: usize) -> Option<&'static str> {
        let span = self.span(place)?;
        if span.parent_is_remote {
            Some("remote")
        } else if span.parent_span_id != SpanId::INVALID && self.roots.contains(&place) {
            Some("orphan")
        } else {
            None
        }
    }
}
