//! The parser of trees.

use std::fmt;

use opentelemetry::{SpanId, TraceId};

use super::{
    Attribute, LineKind, MAX_DEPTH, Node,
    pattern::Pattern,
    token::{Token, tokens},
};

pub(super) const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];
const PARENTS: [&str; 2] = ["remote", "orphan"];
const OPTIONS: [&str; 2] = ["exactly", "unordered"];
const WORDS: [&[&str]; 4] = [&KINDS, &STATUSES, &PARENTS, &OPTIONS];

/// A position at which a tree cannot be parsed, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Error {
    /// Counted from 0.
    pub(in crate::testing) line: usize,
    /// Counted from 1, in characters.
    pub(in crate::testing) column: usize,
    pub(in crate::testing) message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
        } = self;
        write!(f, "line {}, column {column}: {message}", line + 1)
    }
}

fn error<T>(column: usize, message: impl Into<String>) -> Result<T, Error> {
    Err(Error {
        line: 0,
        column,
        message: message.into(),
    })
}

/// Parses a whole tree. Blank lines are skipped. The first line sets the indentation of all roots.
pub(in crate::testing) fn parse(text: &str) -> Result<Node, Error> {
    let forest = Node::new(0, LineKind::Forest, Pattern::Any);
    let mut open = vec![Open::new(forest, 0)];
    for (line, text) in text.lines().enumerate() {
        if !text.trim().is_empty() {
            read_line(&mut open, line, text).map_err(|error| Error { line, ..error })?;
        }
    }
    close(&mut open, 1);
    let forest = open.pop().map(|open| open.node);
    let mut forest = forest.unwrap_or_else(|| Node::new(0, LineKind::Forest, Pattern::Any));
    let (exactly, unordered) = (forest.exactly, forest.unordered);
    inherit(&mut forest, exactly, unordered);
    Ok(forest)
}

/// A line that may still get lines below it.
struct Open {
    node: Node,
    /// The column of the line, from 1. The forest has 0.
    column: usize,
    /// The column of the lines below.
    below: Option<usize>,
}

impl Open {
    fn new(node: Node, column: usize) -> Self {
        Self {
            node,
            column,
            below: None,
        }
    }
}

/// Closes lines until this many are open.
fn close(open: &mut Vec<Open>, left: usize) {
    while open.len() > left
        && let Some(closed) = open.pop()
        && let Some(parent) = open.last_mut()
    {
        parent.node.children.push(closed.node);
    }
}

fn read_line(open: &mut Vec<Open>, line: usize, text: &str) -> Result<(), Error> {
    let mut indentation = text
        .chars()
        .take_while(|character| character.is_whitespace());
    if let Some(at) = indentation.position(|character| character != ' ') {
        return error(at + 1, "indent with spaces only");
    }
    let tokens = tokens(text)?;
    let column = tokens.first().map_or(1, |(column, _)| *column);
    let above = open.iter().filter(|open| open.column < column).count();
    close(open, above.max(1));
    let Some(parent) = open.last_mut() else {
        return Ok(());
    };
    if above > MAX_DEPTH + 2 {
        return error(column, format!("more than {MAX_DEPTH} deep"));
    }
    let below = *parent.below.get_or_insert(column);
    if below != column {
        return error(
            column,
            format!(
                "not aligned with the line before it on its level, which begins in column {below}"
            ),
        );
    }
    let mut words = Words {
        tokens,
        at: 0,
        end: text.chars().count() + 1,
    };
    if let Some(attribute) = words.attribute(line)? {
        if parent.node.line_kind == LineKind::Forest {
            return error(column, "an attribute belongs below a span");
        }
        parent.node.attributes.push(attribute);
        return words.finish();
    }
    if matches!(parent.node.line_kind, LineKind::Event | LineKind::Link) {
        return error(column, "only attributes can be below an event or a link");
    }
    if words.word_is("...") {
        parent.node.open = true;
        return words.finish();
    }
    let is_first = parent.node.line_kind == LineKind::Forest
        && parent.node.children.is_empty()
        && !parent.node.open;
    if is_first && words.options(&mut parent.node) {
        return words.finish();
    }
    let node = words.node(line, parent.node.line_kind)?;
    words.finish()?;
    open.push(Open::new(node, column));
    Ok(())
}

/// The tokens of a line, from first to last.
struct Words {
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// The column after the last token.
    end: usize,
}

impl Words {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn column(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.end, |(column, _)| *column)
    }

    fn word_is(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(found);
        found
    }

    fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().find(|word| self.word_is(word)).copied()
    }

    /// Parses `exactly` and `unordered`. Returns whether there was one.
    fn options(&mut self, node: &mut Node) -> bool {
        match self.one_of(&OPTIONS) {
            Some("exactly") => node.exactly = true,
            Some(_) => node.unordered = true,
            None => return false,
        }
        self.options(node);
        true
    }

    fn finish(&self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(Token::Word(word)) => {
                let known = word.to_ascii_lowercase();
                let is_known = WORDS.iter().any(|words| words.contains(&known.as_str()));
                let hint = if is_known && known != *word {
                    format!("; is it `{known}`?")
                } else {
                    String::new()
                };
                error(self.column(), format!("unknown word `{word}`{hint}"))
            }
            Some(Token::Equals) => error(self.column(), "`=` without a key before it"),
            Some(Token::Quoted(value)) => error(self.column(), format!("unexpected {value}")),
        }
    }

    /// Parses `key = value` or `no key`.
    fn attribute(&mut self, line: usize) -> Result<Option<Attribute>, Error> {
        let is_pair = matches!(self.tokens.get(self.at + 1), Some((_, Token::Equals)));
        if !is_pair {
            if self.tokens.len() == 1 || !self.word_is("no") {
                return Ok(None);
            }
            let key = self.key()?;
            let value = None;
            return Ok(Some(Attribute { line, key, value }));
        }
        let key = self.key()?;
        // Skips the equals sign.
        self.at += 1;
        let value = Some(self.pattern("a value")?);
        Ok(Some(Attribute { line, key, value }))
    }

    fn key(&mut self) -> Result<String, Error> {
        let key = match self.peek() {
            Some(Token::Word(key) | Token::Quoted(Pattern::Text(key))) => key.clone(),
            _ => return error(self.column(), "expected the key of an attribute"),
        };
        self.at += 1;
        Ok(key)
    }

    fn pattern(&mut self, what: &str) -> Result<Pattern, Error> {
        let found = match self.peek() {
            Some(Token::Quoted(pattern)) => Some(pattern.clone()),
            Some(Token::Word(word)) if word == "*" => Some(Pattern::Any),
            Some(Token::Word(word)) if what == "a value" => Pattern::literal(word),
            _ => None,
        };
        let Some(found) = found else {
            let hint = match self.peek() {
                Some(Token::Word(word)) => match word.strip_suffix(':') {
                    Some(key) => format!("; an attribute is `{key} = value`"),
                    None => format!("; is it \"{word}\"?"),
                },
                _ => String::new(),
            };
            return error(self.column(), format!("expected {what}{hint}"));
        };
        self.at += 1;
        Ok(found)
    }

    fn name(&mut self, what: &str) -> Result<Pattern, Error> {
        let column = self.column();
        match self.pattern(what)? {
            Pattern::Literal(_) => error(column, format!("expected {what}")),
            name => Ok(name),
        }
    }

    fn node(&mut self, line: usize, parent: LineKind) -> Result<Node, Error> {
        let line_kind = match self.one_of(&["event", "link"]) {
            None => LineKind::Span,
            Some("event") => LineKind::Event,
            Some(_) => LineKind::Link,
        };
        if parent == LineKind::Forest && line_kind != LineKind::Span {
            return error(1, "an event or a link belongs below a span");
        }
        let mut node = Node::new(line, line_kind, Pattern::Any);
        match line_kind {
            LineKind::Forest | LineKind::Span => self.span(&mut node)?,
            LineKind::Event => {
                node.name = self.name("the name of an event, in quotes")?;
                self.options(&mut node);
            }
            LineKind::Link => self.link(&mut node)?,
        }
        Ok(node)
    }

    fn span(&mut self, node: &mut Node) -> Result<(), Error> {
        node.name = self.name("the name of a span, in quotes")?;
        loop {
            if let Some(kind) = self.one_of(&KINDS) {
                node.kind = Some(kind);
            } else if let Some(parent) = self.one_of(&PARENTS) {
                node.parent = Some(parent);
            } else if let Some(status) = self.one_of(&STATUSES) {
                let is_star = |token: &Token| *token == Token::Word("*".to_owned());
                let is_described = |token| matches!(token, &Token::Quoted(_)) || is_star(token);
                let description = match self.peek() {
                    Some(next) if status == "error" && is_described(next) => {
                        Some(self.name("a description")?)
                    }
                    _ => None,
                };
                node.status = Some((status, description));
            } else if !self.options(node) {
                return Ok(());
            }
        }
    }

    /// Parses the name of the linked span, its ids, or both.
    fn link(&mut self, node: &mut Node) -> Result<(), Error> {
        let start = self.at;
        if matches!(self.peek(), Some(Token::Quoted(_))) || self.word_is("*") {
            self.at = start;
            node.name = self.name("the name of a span")?;
        }
        if let Some(Token::Word(word)) = self.peek()
            && let Some(ids) = link_ids(word)
        {
            node.ids = Some(ids);
            self.at += 1;
        }
        if self.at == start {
            return error(
                self.column(),
                "expected the name of the linked span, `trace/span` in hexadecimal digits, or `*`",
            );
        }
        self.options(node);
        Ok(())
    }
}

fn link_ids(word: &str) -> Option<String> {
    let (trace, span) = word.split_once('/')?;
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    Some(written_ids(trace, span))
}

/// Returns the ids without leading zeros.
pub(super) fn written_ids(trace: TraceId, span: SpanId) -> String {
    let trace = u128::from_be_bytes(trace.to_bytes());
    let span = u64::from_be_bytes(span.to_bytes());
    format!("{trace:x}/{span:x}")
}

/// Applies the options of the forest to all lines, and those of a span to its events and links.
fn inherit(node: &mut Node, exactly: bool, unordered: bool) {
    for child in &mut node.children {
        let of_parent = child.line_kind != LineKind::Span && node.exactly;
        child.exactly |= exactly || of_parent;
        child.unordered |= unordered;
        inherit(child, exactly, unordered);
    }
}
