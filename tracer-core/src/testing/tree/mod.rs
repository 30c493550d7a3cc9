//! The language of trees of spans: its parser, printer and comparison.
//!
//! Recorded spans are printed in the language and parsed again before they are compared. So both
//! sides have one type, every difference has a line on each side, and a printed tree can be put
//! into a test.

mod compare;
mod forest;
mod parse;
mod pattern;
mod print;
mod token;

use std::thread;

use self::pattern::Pattern;
pub(super) use self::{
    compare::{Difference, compare},
    parse::{Error as ParseError, parse},
    print::printed,
};
use super::FinishedSpan;

/// The maximum depth of a tree, in spans. Functions that walk trees are recursive.
const MAX_DEPTH: usize = 1000;

/// Enough for the deepest tree in a build without optimisation, with room to spare.
const STACK_BYTES: usize = 64 << 20;

/// Prints spans as a tree, in the language of [`assert_trace!`](crate::testing::assert_trace). It
/// leaves out times, ids, scopes, resources and the numbers of dropped items.
///
/// # Panics
/// Panics if the spans are more than 1000 deep.
///
/// # Examples
/// ```
/// use tracer_core::{span, testing::{TestProvider, tree}};
///
/// let trace = TestProvider::new();
/// drop(span!("checkout", "items" = 3));
/// assert_eq!(tree(&trace.spans()), "\"checkout\"\n    items = 3\n");
/// ```
#[track_caller]
pub fn tree(spans: &[FinishedSpan]) -> String {
    match with_room(|| printed(spans)) {
        Ok(tree) => tree,
        Err(message) => panic!("{message}"),
    }
}

/// Calls `walk` on a thread with enough stack, which a test's thread may not have.
#[track_caller]
pub(super) fn with_room<T: Send>(walk: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK_BYTES);
        match builder.spawn_scoped(scope, walk).map(|walk| walk.join()) {
            Ok(Ok(walked)) => walked,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread for a tree: {error}"),
        }
    })
}

/// A line of a tree, with the lines below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Counted from 0. Meaningless for the forest.
    line: usize,
    line_kind: LineKind,
    /// For a link, the name of the linked span.
    name: Pattern,
    /// For a link, `trace/span` in hexadecimal digits.
    ids: Option<String>,
    /// `None` if it is not given. Printed spans give every kind except `internal`.
    kind: Option<&'static str>,
    /// The code, and the description if it is given. Printed spans give every status except
    /// `unset`, and every description that is not empty.
    status: Option<(&'static str, Option<Pattern>)>,
    /// `remote` or `orphan`.
    parent: Option<&'static str>,
    /// True if nothing is left out.
    exactly: bool,
    /// True if the spans, events and links below may be in any order.
    unordered: bool,
    /// True if further spans are allowed.
    open: bool,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    /// The root of all lines.
    Forest,
    Span,
    Event,
    Link,
}

impl LineKind {
    fn word(self) -> &'static str {
        match self {
            Self::Forest => "forest",
            Self::Span => "span",
            Self::Event => "event",
            Self::Link => "link",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Attribute {
    line: usize,
    key: String,
    /// `None` if the attribute must not be there.
    value: Option<Pattern>,
}

impl Node {
    fn new(line: usize, line_kind: LineKind, name: Pattern) -> Self {
        Self {
            line,
            line_kind,
            name,
            ids: None,
            kind: None,
            status: None,
            parent: None,
            exactly: false,
            unordered: false,
            open: false,
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    fn children(&self, line_kind: LineKind) -> Vec<&Node> {
        let children = self.children.iter();
        children
            .filter(|child| child.line_kind == line_kind)
            .collect()
    }

    /// Returns the words for the line in a message.
    fn title(&self) -> String {
        match (self.line_kind, &self.name, &self.ids) {
            (LineKind::Link, Pattern::Any, Some(ids)) => format!("link {ids}"),
            (line_kind, name, _) => format!("{} {name}", line_kind.word()),
        }
    }
}
