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

pub use self::print::tree;
pub(super) use self::{
    compare::{Difference, compare},
    parse::{Error as ParseError, parse},
};

use self::pattern::Pattern;

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
    /// `None` where nothing is said. Recorded spans say all but `internal`.
    kind: Option<&'static str>,
    /// Code, and description if one is said. Recorded spans say all but `unset` and empty ones.
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
