//! The printer of trees.

use std::collections::HashMap;

use opentelemetry::{
    KeyValue, SpanId, TraceId,
    trace::{SpanKind, Status},
};

use super::{MAX_DEPTH, forest::Forest, parse::written_ids, pattern::Pattern};
use crate::testing::FinishedSpan;

/// Prints spans as a tree, unless it is too deep.
pub(in crate::testing) fn printed(spans: &[FinishedSpan]) -> Result<String, String> {
    let names = spans
        .iter()
        .map(|span| ((span.trace_id(), span.span_id()), span.name.as_str()));
    let forest = Forest::new(spans);
    let mut printer = Printer {
        forest: &forest,
        names: names.collect(),
        text: String::new(),
    };
    for root in forest.roots() {
        printer.span(*root, 0)?;
    }
    Ok(printer.text)
}

struct Printer<'a> {
    forest: &'a Forest<'a>,
    names: HashMap<(TraceId, SpanId), &'a str>,
    text: String,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        self.text.extend(std::iter::repeat_n("    ", depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn span(&mut self, index: usize, depth: usize) -> Result<(), String> {
        let Some(span) = self.forest.span(index) else {
            return Ok(());
        };
        if depth == MAX_DEPTH {
            return Err(format!("spans are more than {MAX_DEPTH} deep"));
        }
        let mut head = format!("{:?}", span.name);
        let kind = match span.kind {
            SpanKind::Internal => "",
            SpanKind::Server => " server",
            SpanKind::Client => " client",
            SpanKind::Producer => " producer",
            SpanKind::Consumer => " consumer",
        };
        head.push_str(kind);
        if let Some(parent) = self.forest.parent(index) {
            head.push(' ');
            head.push_str(parent);
        }
        match &span.status {
            Status::Unset => {}
            Status::Ok => head.push_str(" ok"),
            Status::Error { description } if description.is_empty() => head.push_str(" error"),
            Status::Error { description } => head.push_str(&format!(" error {description:?}")),
        }
        self.line(depth, &head);
        let depth = depth + 1;
        self.attributes(depth, &span.attributes);
        for event in &span.events {
            self.line(depth, &format!("event {:?}", event.name));
            self.attributes(depth + 1, &event.attributes);
        }
        for link in &span.links {
            let to = (link.span_context.trace_id(), link.span_context.span_id());
            let ids = written_ids(to.0, to.1);
            let line = match self.names.get(&to) {
                Some(name) => format!("link {name:?} {ids}"),
                None => format!("link {ids}"),
            };
            self.line(depth, &line);
            self.attributes(depth + 1, &link.attributes);
        }
        for child in self.forest.children(index) {
            self.span(*child, depth)?;
        }
        Ok(())
    }

    /// Prints attributes sorted by key, because their order has no meaning.
    fn attributes(&mut self, depth: usize, attributes: &[KeyValue]) {
        let mut attributes: Vec<_> = attributes.iter().collect();
        attributes.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        for attribute in attributes {
            let (key, value) = (attribute.key.as_str(), Pattern::of(&attribute.value));
            let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
            let line = if !key.is_empty() && key.bytes().all(is_bare) {
                format!("{key} = {value}")
            } else {
                format!("{key:?} = {value}")
            };
            self.line(depth, &line);
        }
    }
}
