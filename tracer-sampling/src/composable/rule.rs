//! The conditions of a rule.

use std::fmt;
use std::sync::Arc;

use opentelemetry::Value;
use opentelemetry::trace::SpanKind;

use super::{SpanToSample, glob};

/// A name and conditions on a new span, for [`RuleBased`](super::RuleBased).
///
/// The rule matches if all of its conditions match. A rule without conditions matches every span. A
/// condition that lists several values matches if one of the values does. Conditions see only what
/// is known when the span starts, so attributes that are set later cannot match.
///
/// # Cost
///
/// Each condition on an attribute searches the attributes of the span once.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::SpanKind;
/// use opentelemetry::KeyValue;
/// use tracer_sampling::composable::{Rule, SpanToSample};
///
/// let rule = Rule::new("premium checkout")
///     .kinds([SpanKind::Server])
///     .route_prefix("/checkout")
///     .attribute_values("user.tier", ["gold", "platinum"]);
/// let attributes = [
///     KeyValue::new("http.route", "/checkout/{id}"),
///     KeyValue::new("user.tier", "gold"),
/// ];
/// let mut span = SpanToSample::new("POST /checkout/{id}");
/// span.attributes = &attributes;
/// assert!(!rule.matches(&span));
/// span.kind = &SpanKind::Server;
/// assert!(rule.matches(&span));
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    name: Arc<str>,
    conditions: Vec<Condition>,
}

#[derive(Clone)]
enum Condition {
    AttributePatterns { key: String, patterns: Vec<String> },
    AttributeValues { key: String, values: Vec<String> },
    Kinds(Vec<SpanKind>),
    NamePatterns(Vec<String>),
    Parent(ParentOrigin),
    Predicate(Arc<Predicate>),
    RoutePrefix(String),
}

type Predicate = dyn Fn(&SpanToSample<'_>) -> bool + Send + Sync;

/// The location of a span's parent, for [`Rule::parent`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ParentOrigin {
    /// The parent is in this process.
    Local,
    /// There is no parent: the span is a root.
    None,
    /// The parent is in another process.
    Remote,
}

impl Rule {
    /// Creates a rule that matches every span. Its name appears in the reason of each decision.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            conditions: Vec::new(),
        }
    }

    /// Requires that the string form of this attribute matches one of the patterns, in which `*`
    /// stands for any characters and `?` for one.
    pub fn attribute_patterns<V: Into<String>>(
        self,
        key: impl Into<String>,
        patterns: impl IntoIterator<Item = V>,
    ) -> Self {
        self.and(Condition::AttributePatterns {
            key: key.into(),
            patterns: patterns.into_iter().map(Into::into).collect(),
        })
    }

    /// Requires that the string form of this attribute is one of the values. An array matches if
    /// one of its elements does.
    pub fn attribute_values<V: Into<String>>(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.and(Condition::AttributeValues {
            key: key.into(),
            values: values.into_iter().map(Into::into).collect(),
        })
    }

    /// Requires that the span is of one of these kinds.
    pub fn kinds(self, kinds: impl IntoIterator<Item = SpanKind>) -> Self {
        self.and(Condition::Kinds(kinds.into_iter().collect()))
    }

    /// Requires that the name of the span matches one of the patterns, in which `*` stands for any
    /// characters and `?` for one.
    pub fn name_patterns<V: Into<String>>(self, patterns: impl IntoIterator<Item = V>) -> Self {
        let patterns = patterns.into_iter().map(Into::into).collect();
        self.and(Condition::NamePatterns(patterns))
    }

    /// Requires that the parent has this origin. [`ParentOrigin::None`] requires that there is no
    /// parent.
    pub fn parent(self, origin: ParentOrigin) -> Self {
        self.and(Condition::Parent(origin))
    }

    /// Requires that this function returns `true`. The function must not panic, because a panic
    /// reaches the code that starts the span.
    pub fn predicate(
        self,
        predicate: impl Fn(&SpanToSample<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.and(Condition::Predicate(Arc::new(predicate)))
    }

    /// Requires that the route of an HTTP request begins with these segments: `/cart` matches
    /// `/cart` and `/cart/{id}`, not `/cartoon`. The route is `http.route` or, without it,
    /// `url.path`.
    pub fn route_prefix(self, prefix: impl Into<String>) -> Self {
        self.and(Condition::RoutePrefix(prefix.into()))
    }

    /// Returns the name of the rule.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether all conditions match.
    pub fn matches(&self, span: &SpanToSample<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.matches(span))
    }

    fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl Condition {
    fn matches(&self, span: &SpanToSample<'_>) -> bool {
        match self {
            Self::AttributePatterns { key, patterns } => span.attribute(key).is_some_and(|value| {
                let value = value.as_str();
                patterns
                    .iter()
                    .any(|pattern| glob::matches(pattern, &value))
            }),
            Self::AttributeValues { key, values } => span
                .attribute(key)
                .is_some_and(|value| values.iter().any(|expected| equals(value, expected))),
            Self::Kinds(kinds) => kinds.contains(span.kind),
            Self::NamePatterns(patterns) => patterns
                .iter()
                .any(|pattern| glob::matches(pattern, span.name)),
            Self::Parent(origin) => *origin == parent_origin(span),
            Self::Predicate(predicate) => predicate(span),
            Self::RoutePrefix(prefix) => {
                let route = span
                    .attribute("http.route")
                    .or_else(|| span.attribute("url.path"));
                route.is_some_and(|route| has_prefix(&route.as_str(), prefix))
            }
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttributePatterns { key, patterns } => write!(f, "{key} like {patterns:?}"),
            Self::AttributeValues { key, values } => write!(f, "{key} in {values:?}"),
            Self::Kinds(kinds) => write!(f, "kind in {kinds:?}"),
            Self::NamePatterns(patterns) => write!(f, "name like {patterns:?}"),
            Self::Parent(origin) => write!(f, "parent {origin:?}"),
            Self::Predicate(_) => f.write_str("predicate"),
            Self::RoutePrefix(prefix) => write!(f, "route {prefix:?}"),
        }
    }
}

/// Compares without allocating a string if the value is a string already.
fn equals(value: &Value, expected: &str) -> bool {
    match value {
        Value::Array(opentelemetry::Array::String(elements)) => {
            elements.iter().any(|element| element.as_str() == expected)
        }
        _ => value.as_str() == expected,
    }
}

fn parent_origin(span: &SpanToSample<'_>) -> ParentOrigin {
    span.with_parent(|parent| match (parent.is_valid(), parent.is_remote()) {
        (false, _) => ParentOrigin::None,
        (true, false) => ParentOrigin::Local,
        (true, true) => ParentOrigin::Remote,
    })
}

/// Returns whether the path begins with the segments of the prefix.
fn has_prefix(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        for (path, prefix, expected) in [
            ("/cart", "/cart", true),
            ("/cart", "/cart/", true),
            ("/cart/{id}", "/cart", true),
            ("/cartoon", "/cart", false),
            ("/", "/", true),
            ("/any", "/", true),
            ("/any", "", true),
            ("", "/cart", false),
        ] {
            assert_eq!(has_prefix(path, prefix), expected, "{path} {prefix}");
        }
    }
}
