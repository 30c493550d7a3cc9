//! Finds the first difference between two trees.

use super::{Attribute, Node, What, pattern::Pattern};

/// Where two trees differ. Lines are counted from 0; there is none where something is missing at
/// the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Difference {
    pub(in crate::testing) message: String,
    pub(in crate::testing) expected_line: Option<usize>,
    pub(in crate::testing) recorded_line: Option<usize>,
}

type Found = Result<(), Difference>;

/// Whether what was recorded is as expected.
pub(in crate::testing) fn compare(expected: &Node, recorded: &Node) -> Found {
    below(expected, recorded, What::Span, !expected.open)
}

fn differ(expected: &Node, recorded: &Node, message: String) -> Found {
    Err(Difference {
        message,
        expected_line: line(expected),
        recorded_line: line(recorded),
    })
}

fn line(node: &Node) -> Option<usize> {
    (node.what != What::Forest).then_some(node.line)
}

/// Compares one span, event or link with another, line by line.
fn node(expected: &Node, recorded: &Node, is_root: bool) -> Found {
    let title = recorded.title();
    if !names_match(expected, recorded) {
        let message = format!("{title} is not {}", expected.title());
        return differ(expected, recorded, message);
    }
    if expected.what == What::Span {
        head(expected, recorded, is_root)?;
    }
    attributes(expected, recorded)?;
    if expected.what == What::Span {
        below(expected, recorded, What::Event, expected.exactly)?;
        below(expected, recorded, What::Link, expected.exactly)?;
        below(expected, recorded, What::Span, !expected.open)?;
    }
    Ok(())
}

fn names_match(expected: &Node, recorded: &Node) -> bool {
    expected.name.matches(&recorded.name)
        && (expected.ids.is_none() || expected.ids == recorded.ids)
}

/// Kind, parent and status.
fn head(expected: &Node, recorded: &Node, is_root: bool) -> Found {
    let title = recorded.title();
    let kind = recorded.kind.unwrap_or("internal");
    let asked = expected.kind.or(expected.exactly.then_some("internal"));
    if let Some(asked) = asked.filter(|asked| *asked != kind) {
        let message = format!("kind of {title} is {kind}, not {asked}");
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
        let (has, asked) = (of(recorded.parent), of(expected.parent));
        return differ(
            expected,
            recorded,
            format!("{title} has {has}, not {asked}"),
        );
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
    let title = recorded.title();
    let found = |attribute: &Attribute| {
        let mut all = recorded.attributes.iter();
        all.find(|other| other.key == attribute.key)
    };
    let unexpected = |attribute: &Attribute, expected_line| {
        let message = format!("unexpected attribute {} of {title}", attribute.key);
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
                    message: format!("no attribute {} of {title}", attribute.key),
                    expected_line: Some(attribute.line),
                    recorded_line: line(recorded),
                });
            }
            (Some(asked), Some(found)) => {
                let value = found.value.as_ref().unwrap_or(&Pattern::Any);
                if !asked.matches(value) {
                    return Err(Difference {
                        message: format!("{} of {title} is {value}, not {asked}", found.key),
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
fn below(expected: &Node, recorded: &Node, what: What, closed: bool) -> Found {
    let lists = Lists {
        above: (expected, recorded),
        expected: expected.children(what),
        recorded: recorded.children(what),
        is_root: expected.what == What::Forest,
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

    /// One for one.
    fn in_step(&self) -> Found {
        let mut recorded = self.recorded.iter();
        for (at, expected) in self.expected.iter().enumerate() {
            let Some(next) = recorded.next() else {
                return self.missing(expected, "");
            };
            if !names_match(expected, next) {
                // One too many, one too few, or another: what comes later tells.
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

    /// Each after the one before it, with any others between. Taking the first that fits leaves
    /// the most for the rest.
    fn in_order(&self) -> Found {
        let mut from = 0;
        for expected in &self.expected {
            let rest = self.recorded.iter().skip(from);
            let tried: Vec<_> = rest
                .map(|next| node(expected, next, self.is_root))
                .collect();
            if let Some(at) = tried.iter().position(Result::is_ok) {
                from += at + 1;
                continue;
            }
            let before = self.recorded.iter().take(from);
            let mut before = before.map(|next| node(expected, next, self.is_root));
            if before.any(|found| found.is_ok()) {
                return self.missing(expected, " after the one before it");
            }
            let free = self.recorded.iter().skip(from).zip(tried);
            return self.closest(expected, free);
        }
        Ok(())
    }

    /// Each with another one: a matching in the graph of those that fit, found by augmenting paths,
    /// because a wildcard must not take what only it could leave to a stricter line.
    fn in_any_order(&self, closed: bool) -> Found {
        let mut tried: Vec<Vec<_>> = Vec::new();
        for expected in &self.expected {
            let each = self.recorded.iter();
            tried.push(
                each.map(|next| node(expected, next, self.is_root))
                    .collect(),
            );
        }
        let mut taken_by = vec![None; self.recorded.len()];
        for (at, expected) in self.expected.iter().enumerate() {
            let mut seen = vec![false; self.recorded.len()];
            if !place(at, &tried, &mut taken_by, &mut seen) {
                let found = tried.into_iter().nth(at).unwrap_or_default();
                let all = self.recorded.iter().zip(found).zip(taken_by);
                let free = all.filter(|(_, taken)| taken.is_none());
                return self.closest(expected, free.map(|(found, _)| found));
            }
        }
        let mut left = self.recorded.iter().zip(taken_by);
        match left.find(|(_, taken)| closed && taken.is_none()) {
            Some((left, _)) => self.unexpected(left),
            None => Ok(()),
        }
    }

    /// The difference from the first that has the name; where none has, it is missing.
    fn closest<'b>(
        &self,
        expected: &Node,
        mut free: impl Iterator<Item = (&'b &'b Node, Found)>,
    ) -> Found {
        match free.find(|(next, _)| names_match(expected, next)) {
            Some((_, found)) => found,
            None => self.missing(expected, ""),
        }
    }
}

/// Finds one that fits, moving those that were placed before if need be.
fn place(
    at: usize,
    tried: &[Vec<Found>],
    taken_by: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for (candidate, found) in tried.get(at).into_iter().flatten().enumerate() {
        let fresh = seen
            .get_mut(candidate)
            .is_some_and(|seen| !std::mem::replace(seen, true));
        if found.is_err() || !fresh {
            continue;
        }
        let holder = taken_by.get(candidate).copied().flatten();
        if holder.is_none_or(|holder| place(holder, tried, taken_by, seen)) {
            if let Some(taken) = taken_by.get_mut(candidate) {
                *taken = Some(at);
            }
            return true;
        }
    }
    false
}
