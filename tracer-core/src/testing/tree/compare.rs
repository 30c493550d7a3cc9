//! Finds the first difference between two trees.

use super::{Attribute, LineKind, Node, pattern::Pattern};

/// The first difference between two trees. Lines are counted from 0. A line is `None` if something
/// is missing at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Difference {
    pub(in crate::testing) message: String,
    pub(in crate::testing) expected_line: Option<usize>,
    pub(in crate::testing) recorded_line: Option<usize>,
}

type Found = Result<(), Difference>;

/// Compares the recorded spans with the expected ones.
pub(in crate::testing) fn compare(expected: &Node, recorded: &Node) -> Found {
    below(expected, recorded, LineKind::Span, !expected.open)
}

fn differ(expected: &Node, recorded: &Node, message: String) -> Found {
    Err(Difference {
        message,
        expected_line: line(expected),
        recorded_line: line(recorded),
    })
}

fn line(node: &Node) -> Option<usize> {
    (node.line_kind != LineKind::Forest).then_some(node.line)
}

/// Compares one span, event or link with another, line by line.
fn node(expected: &Node, recorded: &Node, is_root: bool) -> Found {
    if !names_match(expected, recorded) {
        let message = format!("{} is not {}", recorded.title(), expected.title());
        return differ(expected, recorded, message);
    }
    if expected.line_kind == LineKind::Span {
        head(expected, recorded, is_root)?;
    }
    attributes(expected, recorded)?;
    if expected.line_kind == LineKind::Span {
        below(expected, recorded, LineKind::Event, expected.exactly)?;
        below(expected, recorded, LineKind::Link, expected.exactly)?;
        below(expected, recorded, LineKind::Span, !expected.open)?;
    }
    Ok(())
}

fn names_match(expected: &Node, recorded: &Node) -> bool {
    expected.name.matches(&recorded.name)
        && (expected.ids.is_none() || expected.ids == recorded.ids)
}

/// Compares kind, parent and status.
fn head(expected: &Node, recorded: &Node, is_root: bool) -> Found {
    let kind = recorded.kind.unwrap_or("internal");
    let asked = expected.kind.or(expected.exactly.then_some("internal"));
    if let Some(asked) = asked.filter(|asked| *asked != kind) {
        let message = format!("kind of {} is {kind}, not {asked}", recorded.title());
        return differ(expected, recorded, message);
    }
    let strict = is_root || expected.exactly;
    if recorded.parent != expected.parent && (strict || expected.parent.is_some()) {
        let of = |parent| match parent {
            Some("remote") => "a remote parent",
            Some(_) => "a parent that has not ended or is not here",
            None if is_root => "no parent",
            None => "a parent of its own process",
        };
        let (title, has) = (recorded.title(), of(recorded.parent));
        let message = format!("{title} has {has}, not {}", of(expected.parent));
        return differ(expected, recorded, message);
    }
    status(expected, recorded)
}

fn status(expected: &Node, recorded: &Node) -> Found {
    let (code, description) = match &recorded.status {
        None => ("unset", ""),
        Some((code, Some(Pattern::Text(description)))) => (*code, description.as_str()),
        Some((code, _)) => (*code, ""),
    };
    let is_as_asked = match &expected.status {
        None if expected.exactly => code == "unset",
        None => code != "error",
        Some((asked, None)) => *asked == code && (description.is_empty() || !expected.exactly),
        Some((asked, Some(pattern))) => {
            *asked == code && pattern.matches(&Pattern::Text(description.to_owned()))
        }
    };
    if is_as_asked {
        return Ok(());
    }
    let has = match description {
        "" => code.to_owned(),
        description => format!("{code} {description:?}"),
    };
    let asked = match &expected.status {
        None => "unset".to_owned(),
        Some((asked, None)) => (*asked).to_owned(),
        Some((asked, Some(description))) => format!("{asked} {description}"),
    };
    let message = format!("status of {} is {has}, not {asked}", recorded.title());
    differ(expected, recorded, message)
}

fn attributes(expected: &Node, recorded: &Node) -> Found {
    let found = |attribute: &Attribute| {
        let mut all = recorded.attributes.iter();
        all.find(|other| other.key == attribute.key)
    };
    let unexpected = |attribute: &Attribute, expected_line| {
        let (key, title) = (&attribute.key, recorded.title());
        let message = format!("unexpected attribute {key} of {title}");
        Err(Difference {
            message,
            expected_line: Some(expected_line),
            recorded_line: Some(attribute.line),
        })
    };
    for attribute in &expected.attributes {
        match (&attribute.value, found(attribute)) {
            (None, None) => {}
            (None, Some(found)) => return unexpected(found, attribute.line),
            (Some(_), None) => {
                return Err(Difference {
                    message: format!("no attribute {} of {}", attribute.key, recorded.title()),
                    expected_line: Some(attribute.line),
                    recorded_line: line(recorded),
                });
            }
            (Some(asked), Some(found)) => {
                let value = found.value.as_ref().unwrap_or(&Pattern::Any);
                if !asked.matches(value) {
                    let (key, title) = (&found.key, recorded.title());
                    return Err(Difference {
                        message: format!("{key} of {title} is {value}, not {asked}"),
                        expected_line: Some(attribute.line),
                        recorded_line: Some(found.line),
                    });
                }
            }
        }
    }
    let is_said = |attribute: &&Attribute| {
        let mut all = expected.attributes.iter();
        all.any(|other| other.key == attribute.key)
    };
    let mut all = recorded.attributes.iter();
    match all.find(|attribute| expected.exactly && !is_said(attribute)) {
        Some(attribute) => unexpected(attribute, expected.line),
        None => Ok(()),
    }
}

/// Compares all spans, events or links below a line.
fn below(expected: &Node, recorded: &Node, line_kind: LineKind, closed: bool) -> Found {
    let lists = Lists {
        above: (expected, recorded),
        expected: expected.children(line_kind),
        recorded: recorded.children(line_kind),
        is_root: expected.line_kind == LineKind::Forest,
    };
    match (expected.unordered, closed) {
        (true, closed) => lists.in_any_order(closed),
        (false, true) => lists.in_step(),
        (false, false) => lists.in_order(),
    }
}

struct Lists<'a> {
    above: (&'a Node, &'a Node),
    expected: Vec<&'a Node>,
    recorded: Vec<&'a Node>,
    is_root: bool,
}

impl Lists<'_> {
    fn missing(&self, expected: &Node, why: &str) -> Found {
        Err(Difference {
            message: format!("no {}{why}", expected.title()),
            expected_line: line(expected),
            recorded_line: line(self.above.1),
        })
    }

    fn unexpected(&self, recorded: &Node) -> Found {
        Err(Difference {
            message: format!("unexpected {}", recorded.title()),
            expected_line: line(self.above.0),
            recorded_line: line(recorded),
        })
    }

    /// Compares the lists one by one.
    fn in_step(&self) -> Found {
        let mut recorded = self.recorded.iter();
        for (at, expected) in self.expected.iter().enumerate() {
            let Some(next) = recorded.next() else {
                return self.missing(expected, "");
            };
            if !names_match(expected, next) {
                // The later lines decide whether a line is unexpected, missing or different.
                let later = self.expected.iter().skip(at + 1);
                if recorded.any(|later| names_match(expected, later)) {
                    return self.unexpected(next);
                }
                if later.into_iter().any(|later| names_match(later, next)) {
                    return self.missing(expected, "");
                }
            }
            node(expected, next, self.is_root)?;
        }
        recorded.next().map_or(Ok(()), |next| self.unexpected(next))
    }

    /// Finds a match for each line after the match of the line before it, with any number of others
    /// between them. Taking the first match leaves the most for the rest.
    fn in_order(&self) -> Found {
        let mut from = 0;
        for expected in &self.expected {
            let fits = |next: &&Node| node(expected, next, self.is_root).is_ok();
            if let Some(at) = self.recorded.iter().skip(from).position(fits) {
                from += at + 1;
                continue;
            }
            if self.recorded.iter().take(from).any(fits) {
                return self.missing(expected, " after the one before it");
            }
            return self.closest(expected, self.recorded.iter().skip(from));
        }
        Ok(())
    }

    /// Finds a different match for each line. This is a matching in a bipartite graph, found by
    /// augmenting paths. A simple search would let a wildcard take the only match of a stricter
    /// line.
    fn in_any_order(&self, closed: bool) -> Found {
        let mut pairs = Pairs {
            lists: self,
            fit: vec![None; self.expected.len() * self.recorded.len()],
            taken_by: vec![None; self.recorded.len()],
        };
        for (at, expected) in self.expected.iter().enumerate() {
            if !pairs.assign(at, &mut vec![false; self.recorded.len()]) {
                let all = self.recorded.iter().zip(&pairs.taken_by);
                let free = all.filter(|(_, taken)| taken.is_none());
                return self.closest(expected, free.map(|(next, _)| next));
            }
        }
        let mut left = self.recorded.iter().zip(&pairs.taken_by);
        match left.find(|(_, taken)| closed && taken.is_none()) {
            Some((left, _)) => self.unexpected(left),
            None => Ok(()),
        }
    }

    /// Returns the difference from the first free node with the same name, or reports the line as
    /// missing.
    fn closest<'b>(&self, expected: &Node, mut free: impl Iterator<Item = &'b &'b Node>) -> Found {
        match free.find(|next| names_match(expected, next)) {
            Some(next) => node(expected, next, self.is_root),
            None => self.missing(expected, ""),
        }
    }
}

/// An assignment of recorded spans to expected lines.
struct Pairs<'a> {
    lists: &'a Lists<'a>,
    /// Whether a line fits a span, by line and then by span. `None` until it is known.
    fit: Vec<Option<bool>>,
    /// For each span, the line to which it is assigned.
    taken_by: Vec<Option<usize>>,
}

impl Pairs<'_> {
    fn fits(&mut self, line: usize, span: usize) -> bool {
        let at = line * self.lists.recorded.len() + span;
        if let Some(Some(known)) = self.fit.get(at) {
            return *known;
        }
        let lists = self.lists;
        let pair = lists.expected.get(line).zip(lists.recorded.get(span));
        let fits = pair.is_some_and(|(line, span)| node(line, span, lists.is_root).is_ok());
        if let Some(known) = self.fit.get_mut(at) {
            *known = Some(fits);
        }
        fits
    }

    /// Assigns a span to a line: a free span, or else a span whose line can be assigned another
    /// one.
    fn assign(&mut self, line: usize, visited: &mut [bool]) -> bool {
        for free in [true, false] {
            for span in 0..self.taken_by.len() {
                let holder = self.taken_by.get(span).copied().flatten();
                if holder.is_none() != free || !self.fits(line, span) {
                    continue;
                }
                let is_fresh = visited
                    .get_mut(span)
                    .is_some_and(|visited| !std::mem::replace(visited, true));
                if is_fresh && holder.is_none_or(|holder| self.assign(holder, visited)) {
                    if let Some(taken) = self.taken_by.get_mut(span) {
                        *taken = Some(line);
                    }
                    return true;
                }
            }
        }
        false
    }
}
