//! The names and values of a tree.

use std::fmt;

use opentelemetry::{Array, Value};

/// A pattern for a name or a value. A recorded one is always `Text` or `Literal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `*`: anything.
    Any,
    /// `~"a*b"`: a text that consists of these pieces, with any text between them.
    Like(Vec<String>),
    /// `"a"`: this text.
    Text(String),
    /// A number, a boolean or an array, in its only spelling.
    Literal(String),
}

impl Pattern {
    /// Returns the pattern for exactly this value. As text, 1 differs from 1.0, and NaN equals
    /// itself.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.as_str().to_owned()),
            Value::Bool(value) => Self::Literal(value.to_string()),
            Value::I64(value) => Self::Literal(value.to_string()),
            Value::F64(value) => Self::Literal(format!("{value:?}")),
            Value::Array(Array::Bool(values)) => array(values, bool::to_string),
            Value::Array(Array::I64(values)) => array(values, i64::to_string),
            Value::Array(Array::F64(values)) => array(values, |value| format!("{value:?}")),
            Value::Array(Array::String(values)) => {
                array(values, |value| format!("{:?}", value.as_str()))
            }
            // Later versions of the API may have other types.
            other => Self::Text(other.as_str().into_owned()),
        }
    }

    /// Parses a word that is a value: a number or a boolean.
    pub(super) fn literal(word: &str) -> Option<Self> {
        let written = if let Ok(value) = word.parse::<i64>() {
            value.to_string()
        } else if let Ok(value) = word.parse::<f64>() {
            format!("{value:?}")
        } else {
            word.parse::<bool>().ok()?.to_string()
        };
        Some(Self::Literal(written))
    }

    pub(super) fn array(values: &[Self]) -> Self {
        array(values, Self::to_string)
    }

    pub(super) fn matches(&self, recorded: &Self) -> bool {
        match (self, recorded) {
            (Self::Any, _) => true,
            (Self::Like(pieces), Self::Text(text)) => is_like(pieces, text),
            (expected, recorded) => expected == recorded,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Like(pieces) => {
                let pieces = pieces.iter().map(|piece| piece.replace('*', "\\*"));
                let pieces: Vec<_> = pieces.map(|piece| escaped(&piece)).collect();
                write!(f, "~\"{}\"", pieces.join("*"))
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Literal(written) => f.write_str(written),
        }
    }
}

/// Returns the inside of the text's literal, without escaping the escapes of stars again.
fn escaped(piece: &str) -> String {
    let quoted = format!("{piece:?}");
    let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    inside.replace("\\\\*", "\\*")
}

fn array<T>(values: &[T], written: impl Fn(&T) -> String) -> Pattern {
    let values: Vec<_> = values.iter().map(written).collect();
    Pattern::Literal(format!("[{}]", values.join(", ")))
}

/// Finds each piece at its first position, which leaves the most text for the pieces after it.
fn is_like(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|piece| piece == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece.as_str()) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_like(pattern: &str, text: &str) -> bool {
        let pieces: Vec<_> = pattern.split('*').map(str::to_owned).collect();
        Pattern::Like(pieces).matches(&Pattern::Text(text.to_owned()))
    }

    #[test]
    fn star_stands_for_any_text() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*", "abc"),
            ("a*", "a"),
            ("*c", "abc"),
            ("a*b*c", "a b b c"),
            ("a**c", "abc"),
            ("*ab*ab*", "abab"),
        ] {
            assert!(is_like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "ab"),
            ("a*a", "a"),
            ("a*b", "abc"),
            ("*ab*ab*", "aba"),
            ("b*", "ab"),
        ] {
            assert!(!is_like(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn values_of_different_types_are_different() {
        let texts = ["1", "1.0", "true", "[1]", "[1.0]", "[\"1\"]", "\"1\""];
        let values = [
            Value::I64(1),
            Value::F64(1.0),
            Value::Bool(true),
            Value::Array(vec![1].into()),
            Value::Array(vec![1.0].into()),
            Value::Array(Array::String(vec!["1".into()])),
            Value::from("1"),
        ];
        for (text, value) in texts.iter().zip(&values) {
            assert_eq!(Pattern::of(value).to_string(), *text);
        }
        let nan = Pattern::of(&Value::F64(f64::NAN));
        assert!(nan.matches(&nan));
    }
}
