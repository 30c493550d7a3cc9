//! The parents and children of spans.

use std::collections::HashMap;

use opentelemetry::SpanId;

use crate::testing::FinishedSpan;

/// Spans with their children, each list in the order of the starts.
pub(super) struct Forest<'a> {
    spans: Vec<&'a FinishedSpan>,
    /// The indexes of the children in `spans`, for each span.
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl<'a> Forest<'a> {
    pub(super) fn new(spans: &'a [FinishedSpan]) -> Self {
        let mut spans: Vec<_> = spans.iter().collect();
        // If the clock stands still, sequential ids give the order.
        spans.sort_by_key(|span| (span.start, span.span_id().to_bytes()));
        let indexes: HashMap<_, _> = (0..)
            .zip(&spans)
            .map(|(index, span)| ((span.trace_id(), span.span_id()), index))
            .collect();
        let mut forest = Self {
            children: vec![Vec::new(); spans.len()],
            roots: Vec::new(),
            spans,
        };
        for (index, span) in forest.spans.iter().enumerate() {
            let parent = indexes.get(&(span.trace_id(), span.parent_span_id));
            match parent.and_then(|parent| forest.children.get_mut(*parent)) {
                Some(children) => children.push(index),
                None => forest.roots.push(index),
            }
        }
        forest.break_cycles();
        forest
    }

    /// Makes the first span of each cycle a root. If ids were used twice, spans may be each other's
    /// parents, and no root leads to them.
    fn break_cycles(&mut self) {
        let mut visited = vec![false; self.spans.len()];
        let mut ahead = self.roots.clone();
        let mut next = 0;
        loop {
            while let Some(index) = ahead.pop() {
                if let Some(visited) = visited.get_mut(index) {
                    *visited = true;
                }
                ahead.extend(self.children.get(index).into_iter().flatten());
            }
            let unvisited = visited.iter().skip(next).position(|visited| !visited);
            let Some(unreached) = unvisited.map(|offset| next + offset) else {
                return;
            };
            next = unreached;
            for children in &mut self.children {
                children.retain(|child| *child != unreached);
            }
            self.roots.push(unreached);
            ahead.push(unreached);
        }
    }

    pub(super) fn roots(&self) -> &[usize] {
        &self.roots
    }

    pub(super) fn children(&self, index: usize) -> &[usize] {
        self.children
            .get(index)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    pub(super) fn span(&self, index: usize) -> Option<&'a FinishedSpan> {
        self.spans.get(index).copied()
    }

    /// Returns the word for a parent that is not in the tree above.
    pub(super) fn parent(&self, index: usize) -> Option<&'static str> {
        let span = self.span(index)?;
        if span.parent_is_remote {
            Some("remote")
        } else if span.parent_span_id != SpanId::INVALID && self.roots.contains(&index) {
            Some("orphan")
        } else {
            None
        }
    }
}
