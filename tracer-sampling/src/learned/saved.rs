//! The text form of weights.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The weights of a learned sampler, which can be displayed, saved and loaded.
///
/// The text form has one weight on each line: its kind, its value, and its name.
///
/// ```text
/// bias -3.1
/// operation 0.8 GET /cart
/// attribute 1.2 17
/// ```
///
/// The name of an attribute's weight is a number: the hash of its key and value, reduced to the
/// table of weights.
///
/// # Examples
///
/// ```
/// use tracer_sampling::{Learned, Weights};
///
/// let learned = Learned::new(10.0)?;
/// let weights: Weights = "bias -3.5\noperation 0.75 GET /cart\n".parse()?;
/// learned.load(&weights);
/// assert!(learned.weights().to_string().ends_with("operation 0.75 GET /cart\n"));
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub(super) fixed: Vec<(String, f64)>,
    pub(super) operations: Vec<(String, f64)>,
    pub(super) attributes: Vec<(usize, f64)>,
}

impl Weights {
    /// Returns the weights of operations, by span name.
    pub fn operations(&self) -> impl Iterator<Item = (&str, f64)> {
        self.operations
            .iter()
            .map(|(name, weight)| (name.as_str(), *weight))
    }

    /// Returns the weights of the features that every request has: `bias`, `expected_duration`,
    /// `error_probability` and `criticality`.
    pub fn fixed(&self) -> impl Iterator<Item = (&str, f64)> {
        self.fixed
            .iter()
            .map(|(name, weight)| (name.as_str(), *weight))
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, weight) in &self.fixed {
            writeln!(f, "{name} {weight}")?;
        }
        for (place, weight) in &self.attributes {
            writeln!(f, "attribute {weight} {place}")?;
        }
        for (name, weight) in &self.operations {
            writeln!(f, "operation {weight} {}", name.escape_debug())?;
        }
        Ok(())
    }
}

impl FromStr for Weights {
    type Err = Error;

    /// Parses the text form. Empty lines are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] with the number of the first malformed line.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut weights = Self::default();
        for (line, number) in text.lines().zip(1..) {
            if !line.is_empty() {
                weights.add(line).ok_or(Error::Weights { line: number })?;
            }
        }
        Ok(weights)
    }
}

impl Weights {
    fn add(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        let (weight, name) = rest.split_once(' ').unwrap_or((rest, ""));
        let weight: f64 = weight
            .parse()
            .ok()
            .filter(|weight: &f64| weight.is_finite())?;
        match kind {
            "attribute" => self.attributes.push((name.parse().ok()?, weight)),
            "operation" => self.operations.push((unescaped(name)?, weight)),
            _ if name.is_empty() => self.fixed.push((kind.to_owned(), weight)),
            _ => return None,
        }
        Some(())
    }
}

/// Reverses `escape_debug`.
fn unescaped(text: &str) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            result.push(next);
            continue;
        }
        result.push(match rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            'u' => {
                let digits = rest.as_str().strip_prefix('{')?;
                let (digits, after) = digits.split_once('}')?;
                rest = after.chars();
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            other => other,
        });
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let weights = Weights {
            fixed: vec![("bias".to_owned(), -2.5), ("criticality".to_owned(), 1e-9)],
            operations: vec![
                ("GET /cart".to_owned(), 0.75),
                ("two\nlines \\ \"é\" \u{1b}\u{200b}\0".to_owned(), -1.0),
            ],
            attributes: vec![(17, 3.5)],
        };
        assert_eq!(weights.to_string().parse(), Ok(weights));
    }

    #[test]
    fn other_texts_are_refused_with_their_line() {
        for text in [
            "bias",
            "bias x",
            "bias NaN",
            "bias 1 2",
            "attribute 1 x",
            "attribute 1",
            "operation 1 \\",
        ] {
            let error = Weights::from_str(&format!("bias 1\n\n{text}\n")).unwrap_err();
            assert_eq!(error, Error::Weights { line: 3 }, "{text}");
        }
    }
}
