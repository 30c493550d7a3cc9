//! The spans of a trace as a tree.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use crate::api::{Span, Trace};

/// A span at its place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node<'t> {
    /// The span.
    pub span: &'t Span,
    /// Its children, by their start.
    pub children: Vec<Self>,
}

/// The roots of a trace: one if it is complete. A span whose parent is not there is a root too.
#[must_use]
pub fn roots(trace: &Trace) -> Vec<Node<'_>> {
    let ids: HashSet<&str> = trace
        .spans
        .iter()
        .map(|span| span.span_id.as_str())
        .collect();
    let mut children: HashMap<Option<&str>, Vec<&Span>> = HashMap::new();
    for span in &trace.spans {
        let parent = span
            .parent_span_id
            .as_deref()
            .filter(|parent| ids.contains(parent));
        children.entry(parent).or_default().push(span);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|span| span.start_time);
    }
    below(None, &mut children)
}

/// Takes what it visits, so that no answer, however wrong, makes it go round.
fn below<'t>(
    parent: Option<&'t str>,
    children: &mut HashMap<Option<&'t str>, Vec<&'t Span>>,
) -> Vec<Node<'t>> {
    let spans = children.remove(&parent).unwrap_or_default();
    spans
        .into_iter()
        .map(|span| Node {
            span,
            children: below(Some(&span.span_id), children),
        })
        .collect()
}

/// The tree as text: service, name, kind, duration and status, a span a line.
#[must_use]
pub fn text(trace: &Trace) -> String {
    let mut rows = Vec::new();
    for root in roots(trace) {
        rows.push((
            format!("{}  {}", root.span.service_name, root.span.operation_name),
            root.span,
        ));
        push_rows(&root.children, "", &mut rows);
    }
    let width = rows
        .iter()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (label, span) in rows {
        let milliseconds = span.duration as f64 / 1000.0;
        let message = span
            .status
            .message
            .as_deref()
            .filter(|message| !message.is_empty());
        let message = message
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  {label:width$}  {:8}  {milliseconds:9.3} ms  {}{message}",
            span.kind, span.status.code
        );
    }
    text
}

fn push_rows<'t>(nodes: &[Node<'t>], indent: &str, rows: &mut Vec<(String, &'t Span)>) {
    for (index, node) in nodes.iter().enumerate() {
        let is_last = index + 1 == nodes.len();
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        rows.push((
            format!(
                "{indent}{branch}{}  {}",
                node.span.service_name, node.span.operation_name
            ),
            node.span,
        ));
        push_rows(&node.children, &format!("{indent}{below}"), rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, start_time: u64) -> Span {
        Span {
            span_id: id.to_owned(),
            parent_span_id: parent.map(str::to_owned),
            operation_name: id.to_owned(),
            service_name: "s".to_owned(),
            kind: "SERVER".to_owned(),
            start_time,
            duration: 1500,
            status: crate::api::Status {
                code: "UNSET".to_owned(),
                message: None,
            },
        }
    }

    #[test]
    fn children_stand_under_their_parents_by_their_start() {
        let spans = vec![
            span("c", Some("a"), 3),
            span("d", Some("b"), 4),
            span("b", Some("a"), 2),
            span("a", None, 1),
        ];
        let text = text(&Trace {
            spans,
            ..Trace::default()
        });
        let expected = "  s  a        SERVER        1.500 ms  UNSET\n  \
                        ├─ s  b     SERVER        1.500 ms  UNSET\n  \
                        │  └─ s  d  SERVER        1.500 ms  UNSET\n  \
                        └─ s  c     SERVER        1.500 ms  UNSET\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn orphans_are_roots_and_circles_end() {
        let spans = vec![
            span("a", Some("gone"), 1),
            span("b", Some("b"), 1),
            span("c", Some("d"), 1),
            span("d", Some("c"), 1),
        ];
        let trace = Trace {
            spans,
            ..Trace::default()
        };
        let roots = roots(&trace);
        assert_eq!(roots.len(), 1);
        assert_eq!(roots[0].span.span_id, "a");
    }
}
