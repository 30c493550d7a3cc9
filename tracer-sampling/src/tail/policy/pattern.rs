//! Exact values and regular expressions for `string_attribute`.

use std::collections::HashSet;
use std::sync::Arc;

use regex::RegexSet;

use crate::tail::lru::LruMap;

/// A matcher for several exact values or several patterns.
#[derive(Debug)]
pub(super) enum Matcher {
    Exact(HashSet<String>),
    Patterns {
        patterns: RegexSet,
        /// The results for recent texts.
        results: LruMap<Arc<str>, bool>,
    },
}

impl Matcher {
    /// Creates a matcher of patterns that caches up to `cache_max_size` results, or 128 if that is
    /// 0.
    pub(super) fn patterns(patterns: RegexSet, cache_max_size: usize) -> Self {
        Self::Patterns {
            patterns,
            results: LruMap::new(match cache_max_size {
                0 => DEFAULT_CACHE_SIZE,
                size => size,
            }),
        }
    }

    /// Returns whether the text matches. The time is linear in the length of the text.
    pub(super) fn matches(&mut self, text: &str) -> bool {
        match self {
            Self::Exact(values) => values.contains(text),
            Self::Patterns { patterns, results } => {
                if text.len() > LONGEST_CACHED_BYTES {
                    return patterns.is_match(text);
                }
                if let Some(result) = results.get(text) {
                    return *result;
                }
                let result = patterns.is_match(text);
                results.insert(text.into(), result);
                result
            }
        }
    }
}

const DEFAULT_CACHE_SIZE: usize = 128;

/// Longer texts are matched each time, so that the cache cannot hold large attributes.
const LONGEST_CACHED_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(matcher: &Matcher) -> usize {
        match matcher {
            Matcher::Exact(_) => 0,
            Matcher::Patterns { results, .. } => results.len(),
        }
    }

    #[test]
    fn cache_holds_its_size_and_gives_the_same_results() {
        for (size, expected) in [(10, 10), (0, 128)] {
            let mut matcher = Matcher::patterns(RegexSet::new(["7$"]).unwrap(), size);
            for _ in 0..2 {
                for number in 0..1000 {
                    assert_eq!(matcher.matches(&number.to_string()), number % 10 == 7);
                    assert_eq!(matcher.matches(&number.to_string()), number % 10 == 7);
                }
            }
            assert_eq!(cached(&matcher), expected);
        }
    }

    #[test]
    fn long_texts_are_not_cached() {
        let mut matcher = Matcher::patterns(RegexSet::new(["b"]).unwrap(), 10);
        assert!(!matcher.matches(&"a".repeat(1025)));
        assert!(matcher.matches(&("a".repeat(100_000) + "b")));
        assert_eq!(cached(&matcher), 0);
        assert!(!matcher.matches(&"a".repeat(1024)));
        assert_eq!(cached(&matcher), 1);
    }
}
