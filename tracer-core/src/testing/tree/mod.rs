//! The language of trees of spans: read, written and compared.
//!
//! What was recorded is written in the language and read again before it is compared, so that both
//! sides are of one type, every difference has a line on each side, and whatever a failure prints
//! can be put into a test.

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

/// How many spans deep a tree may be. All that walks trees calls itself.
const MAX_DEPTH: usize = 1000;

/// Enough for the deepest tree in a build without optimisation, with room to spare.
const STACK_BYTES: usize = 64 << 20;

/// Writes spans as a tree, in the language of [`assert_trace!`](crate::testing::assert_trace).
/// Nothing is left out but times, ids, scopes, resources and the numbers of what was dropped.
///
/// # Panics
/// When the spans are more than 1000 deep.
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

/// Walks trees where they have the stack for it, which a test's thread may not have.
#[track_caller]
pub(super) fn with_room<T: Send>(walk: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let there = thread::Builder::new().stack_size(STACK_BYTES);
        match there.spawn_scoped(scope, walk).map(|walk| walk.join()) {
            Ok(Ok(walked)) => walked,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread for a tree: {error}"),
        }
    })
}

/// One line of a tree that others may stand below.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Counted from 0. Meaningless for the forest.
    line: usize,
    what: What,
    /// Of a link, the name of the span that it leads to.
    name: Pattern,
    /// Of a link: `trace/span` in hexadecimal digits.
    ids: Option<String>,
    /// `None` where nothing is said. AttributeValue spans say all but `internal`.
    kind: Option<&'static str>,
    /// Code, and description if one is said. AttributeValue spans say all but `unset` and empty ones.
    status: Option<(&'static str, Option<Pattern>)>,
    /// `remote` or `orphan`.
    parent: Option<&'static str>,
    /// Nothing more may be recorded than is said.
    exactly: bool,
    /// The spans, events and links below may come in any order.
    unordered: bool,
    /// Further spans may be there.
    open: bool,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// What stands above all lines.
    Forest,
    Span,
    Event,
    Link,
}

impl What {
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
    /// `None` if it must not be there.
    value: Option<Pattern>,
}

impl Node {
    fn new(line: usize, what: What, name: Pattern) -> Self {
        Self {
            line,
            what,
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

    fn children(&self, what: What) -> Vec<&Node> {
        let children = self.children.iter();
        children.filter(|child| child.what == what).collect()
    }

    /// The words for it in a message.
    fn title(&self) -> String {
        match (self.what, &self.name, &self.ids) {
            (What::Link, Pattern::Any, Some(ids)) => format!("link {ids}"),
            (what, name, _) => format!("{} {name}", what.word()),
        }
    }
}
