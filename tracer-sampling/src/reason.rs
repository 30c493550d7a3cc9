//! The reasons for sampling decisions.

use std::fmt;

/// The reason for a sampling decision: the name of the strategy, and optionally the deciding
/// detail.
///
/// The text of a reason is `strategy`, `strategy:name` or `strategy:quantity=value`.
///
/// # Cost
///
/// Nothing is formatted or allocated until the reason is displayed.
///
/// # Examples
///
/// ```
/// use tracer_sampling::Reason;
///
/// assert_eq!(Reason::new("always_on").to_string(), "always_on");
/// assert_eq!(Reason::new("rule").with_name("checkout").to_string(), "rule:checkout");
/// let learned = Reason::new("learned").with_number("score", 0.8312);
/// assert_eq!(learned.to_string(), "learned:score=0.8312");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason<'a> {
    strategy: &'static str,
    detail: Detail<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Detail<'a> {
    Name(&'a str),
    None,
    Number(&'static str, f64),
}

impl<'a> Reason<'a> {
    /// Creates a reason without a detail.
    ///
    /// `strategy` is a short name in snake case. Decisions are counted by it.
    pub const fn new(strategy: &'static str) -> Self {
        Self {
            strategy,
            detail: Detail::None,
        }
    }

    /// Adds the name of the deciding detail, for example of a rule.
    pub const fn with_name(self, name: &'a str) -> Self {
        Self {
            strategy: self.strategy,
            detail: Detail::Name(name),
        }
    }

    /// Adds the deciding quantity, for example a score. It is displayed with at most four decimals.
    pub const fn with_number(self, quantity: &'static str, value: f64) -> Self {
        Self {
            strategy: self.strategy,
            detail: Detail::Number(quantity, value),
        }
    }

    /// Returns the name of the strategy.
    pub const fn strategy(&self) -> &'static str {
        self.strategy
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.strategy)?;
        match self.detail {
            Detail::None => Ok(()),
            Detail::Name(name) => write!(f, ":{name}"),
            Detail::Number(quantity, value) => {
                write!(f, ":{quantity}={}", (value * 10_000.0).round() / 10_000.0)
            }
        }
    }
}
