//! Patterns with wildcards, as in OpenTelemetry's declarative configuration.

/// Returns whether the text matches the pattern. `*` stands for any number of characters, and `?`
/// for exactly one. Matching is case-sensitive.
///
/// The time is at most proportional to the product of both lengths, because only the last `*` is
/// tried again.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // After the last `*`: the rest of the pattern, and the rest of the text on which it was tried.
    let mut retry = None;
    loop {
        let text_before = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = text_before.clone();
                retry = Some((pattern.clone(), text_before));
            }
            (Some(expected), Some(found)) if expected == '?' || expected == found => {}
            _ => {
                let Some((after_star, tried)) = &mut retry else {
                    return false;
                };
                // Let the `*` match one more character.
                if tried.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = tried.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("GET /*", "GET /cart", true),
            ("GET /*", "POST /cart", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("*b*d", "abcd", true),
            ("*b*d", "abcde", false),
            ("*ab", "aab", true),
            ("**", "x", true),
            ("a*", "A", false),
            ("*a", "b", false),
            ("a", "a*", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// A matcher that tries every `*` again would need 2^64 steps.
    #[test]
    fn many_stars_take_polynomial_time() {
        let pattern = "*a".repeat(64) + "b";
        assert!(!matches(&pattern, &"a".repeat(4_096)));
    }
}
