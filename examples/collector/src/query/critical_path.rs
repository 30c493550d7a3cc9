//! The critical path of a trace: the spans that its duration waited for.
//!
//! The search goes backwards from the end of the root. A parent waited for the child that ended
//! last, at or before the moment in question. The path of this child is followed in the same way,
//! and the search goes on before its start. Children that ran beside the chosen child are not on
//! the path.
//!
//! Assumptions: a parent waits for its children (a child that outlives its parent is cut at the
//! parent's end and one that starts after it is left out), and clocks of different machines agree.
//! This is the walk of C. E. Zhang et al., "CRISP: Critical Path Analysis of Large-Scale
//! Microservice Architectures", USENIX ATC 2022, §3.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::model::{Span, SpanId};

/// Returns the ids on the critical path in the order of their start, the root first. Without a root
/// the path begins at the earliest span.
pub(super) fn critical_path(spans: &[&Span]) -> Vec<SpanId> {
    let known: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let mut children: HashMap<SpanId, Vec<&Span>> = HashMap::new();
    for span in spans {
        if let Some(parent) = span.parent {
            children.entry(parent).or_default().push(span);
        }
    }
    for list in children.values_mut() {
        list.sort_unstable_by_key(|span| (span.end_nanos, span.start_nanos, span.span_id));
    }
    let is_root = |span: &Span| span.parent.is_none();
    let is_top = |span: &Span| span.parent.is_none_or(|parent| !known.contains(&parent));
    let first = spans.iter().min_by_key(|span| {
        (
            !is_root(span),
            !is_top(span),
            span.start_nanos,
            // The last of several states of one span.
            Reverse(span.end_nanos),
            span.span_id,
        )
    });

    let mut path: Vec<&Span> = Vec::new();
    let mut visited = HashSet::new();
    // A span and the moment up to which it counts. A stack, not recursion: a trace may be a chain
    // of as many spans as it has.
    let mut stack: Vec<(&Span, u64)> = first
        .map(|span| (*span, span.end_nanos))
        .into_iter()
        .collect();
    while let Some((span, mut moment)) = stack.pop() {
        // Parents may form a ring, and several spans may share an id.
        if !visited.insert(span.span_id) {
            continue;
        }
        path.push(span);
        let parent_end = span.end_nanos;
        for child in children.get(&span.span_id).into_iter().flatten().rev() {
            let end = child.end_nanos.min(parent_end);
            if end <= moment && child.start_nanos <= end && child.start_nanos >= span.start_nanos {
                stack.push((child, end));
                moment = child.start_nanos;
            }
        }
    }
    path.sort_by_key(|span| span.start_nanos);
    path.iter().map(|span| span.span_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8, parent: Option<u8>, start: u64, end: u64) -> Span {
        Span {
            span_id: [id; 8],
            parent: parent.map(|id| [id; 8]),
            start_nanos: start,
            end_nanos: end,
            ..Span::default()
        }
    }

    // Paths worked out by hand on paper from the pictures.
    #[track_caller]
    fn check(spans: &[Span], expected: &[u8]) {
        let refs: Vec<&Span> = spans.iter().collect();
        let path: Vec<u8> = critical_path(&refs).iter().map(|id| id[0]).collect();
        assert_eq!(path, expected);
    }

    #[test]
    fn the_last_finishing_child_is_followed() {
        // 1 ----------
        // 2  ---            beside 3, ends before it: not waited for
        // 3  ------
        // 4    ---          child of 3
        // 5         --      after 3
        check(
            &[
                span(1, None, 0, 100),
                span(2, Some(1), 10, 40),
                span(3, Some(1), 10, 70),
                span(4, Some(3), 30, 60),
                span(5, Some(1), 80, 95),
            ],
            &[1, 3, 4, 5],
        );
    }

    #[test]
    fn a_child_that_outlives_its_parent_is_cut() {
        check(
            &[
                span(1, None, 0, 50),
                span(2, Some(1), 10, 90),
                span(3, Some(1), 60, 70),
            ],
            &[1, 2],
        );
    }

    #[test]
    fn without_a_root_the_earliest_span_without_known_parent_leads() {
        check(
            &[
                span(2, Some(9), 5, 50),
                span(3, Some(2), 6, 40),
                span(4, Some(8), 1, 3),
            ],
            &[4],
        );
    }

    #[test]
    fn rings_and_long_chains_end() {
        check(&[span(1, Some(2), 0, 9), span(2, Some(1), 0, 9)], &[1, 2]);
        let mut chain = vec![Span {
            span_id: 1u64.to_be_bytes(),
            end_nanos: 10,
            ..Span::default()
        }];
        for n in 2..50_000u64 {
            let parent = Some((n - 1).to_be_bytes());
            chain.push(Span {
                span_id: n.to_be_bytes(),
                parent,
                end_nanos: 10,
                ..Span::default()
            });
        }
        let refs: Vec<&Span> = chain.iter().collect();
        assert_eq!(critical_path(&refs).len(), chain.len());
    }
}
