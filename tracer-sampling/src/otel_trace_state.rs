//! The OpenTelemetry member of a trace state, `ot` (OpenTelemetry, *TraceState Handling*).
//!
//! Its value is a list, `key:value;key:value`. This module reads `th` and `rv`, and writes only
//! `th`. It keeps all other entries of the list.

use opentelemetry::trace::{TraceId, TraceState};

use crate::threshold::{self, Threshold};

/// Returns the threshold of `th`, if there is a valid one.
pub(crate) fn threshold(state: &TraceState) -> Option<Threshold> {
    entry(state, "th").and_then(Threshold::parse)
}

/// The 56-bit random number of a trace.
pub(crate) struct Randomness {
    pub(crate) value: u64,
    /// Whether the value comes from `rv`, and not from the trace id.
    pub(crate) explicit: bool,
}

/// Returns the randomness of `rv` if there is a valid one, or else that of the trace id.
pub(crate) fn randomness(state: &TraceState, trace_id: TraceId) -> Randomness {
    match entry(state, "rv").and_then(threshold::parse_randomness) {
        Some(value) => Randomness {
            value,
            explicit: true,
        },
        None => Randomness {
            value: threshold::randomness(trace_id),
            explicit: false,
        },
    }
}

/// Returns the trace state with this text as its `th`, or `None` if the member would exceed 256
/// characters.
pub(crate) fn with_threshold(state: &TraceState, threshold: &str) -> Option<TraceState> {
    let Some(list) = state.get(MEMBER) else {
        return state.insert(MEMBER, format!("th:{threshold}")).ok();
    };
    if entry(state, "th") == Some(threshold) {
        return Some(state.clone());
    }
    let mut updated = format!("th:{threshold}");
    for other in others(list) {
        updated.push(';');
        updated.push_str(other);
    }
    // The type refuses a value of more than 256 bytes.
    state.insert(MEMBER, updated).ok()
}

/// Returns the trace state without `th`. An `ot` member that is empty without `th` is removed.
pub(crate) fn without_threshold(state: &TraceState) -> TraceState {
    let Some(list) = state.get(MEMBER) else {
        return state.clone();
    };
    let kept: Vec<&str> = others(list).collect();
    let kept = kept.join(";");
    if kept.len() == list.len() {
        return state.clone();
    }
    let updated = if kept.is_empty() {
        state.delete(MEMBER)
    } else {
        state.insert(MEMBER, kept)
    };
    updated.unwrap_or_else(|_| state.clone())
}

fn entry<'a>(state: &'a TraceState, key: &str) -> Option<&'a str> {
    let entries = state
        .get(MEMBER)?
        .split(';')
        .filter_map(|entry| entry.split_once(':'));
    entries
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .next()
}

/// Returns the entries of the list in their order, except thresholds and empty entries.
fn others(list: &str) -> impl Iterator<Item = &str> {
    let is_threshold = |entry: &str| entry == "th" || entry.starts_with("th:");
    list.split(';')
        .filter(move |entry| !entry.is_empty() && !is_threshold(entry))
}

pub(crate) const MEMBER: &str = "ot";

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> TraceState {
        text.parse().unwrap()
    }

    #[test]
    fn entries_are_found_among_others() {
        let state = state("a=1,ot=p:8;rv:6e6d1a75832a2f;th:c;other:x:y");
        assert_eq!(threshold(&state), Threshold::parse("c"));
        let found = randomness(&state, TraceId::from(7));
        assert!(found.explicit && found.value == 0x6e_6d1a_7583_2a2f);
    }

    #[test]
    fn entries_that_are_not_valid_are_not_read() {
        for text in [
            "a=th:c",
            "ot=th:",
            "ot=th",
            "ot=th:C;rv:1",
            "ot=xth:c",
            "ot=;;",
        ] {
            assert_eq!(threshold(&state(text)), None, "{text}");
            let found = randomness(&state(text), TraceId::from(7));
            assert!(!found.explicit && found.value == 7, "{text}");
        }
    }

    /// `ot=p:8;r:62` and `ot=p:8;k1:7;r:62` are the examples of *Setting values*.
    #[test]
    fn setting_a_threshold_keeps_what_others_set() {
        let set = |text: &str| with_threshold(&state(text), "c").map(|state| state.header());
        assert_eq!(set("").as_deref(), Some("ot=th:c"));
        assert_eq!(set("a=1,b=2").as_deref(), Some("ot=th:c,a=1,b=2"));
        assert_eq!(
            set("a=1,ot=p:8;r:62").as_deref(),
            Some("ot=th:c;p:8;r:62,a=1")
        );
        assert_eq!(
            set("ot=p:8;th:8;r:62;th:1").as_deref(),
            Some("ot=th:c;p:8;r:62")
        );
        assert_eq!(
            set("a=1,ot=p:8;th:c").as_deref(),
            Some("a=1,ot=p:8;th:c"),
            "nothing to do"
        );
        assert_eq!(set("ot=rv:not;x").as_deref(), Some("ot=th:c;rv:not;x"));
    }

    /// The grammar allows neither form, so neither is kept as an entry of another sampler.
    #[test]
    fn empty_entries_and_a_threshold_without_value_are_removed() {
        let updated = with_threshold(&state("ot=;th;;x:1;"), "c").map(|state| state.header());
        assert_eq!(updated.as_deref(), Some("ot=th:c;x:1"));
    }

    #[test]
    fn a_member_cannot_grow_beyond_256_characters() {
        let fits = format!("ot=x:{}", "y".repeat(256 - 2 - 5));
        let full = format!("ot=x:{}", "y".repeat(256 - 2 - 4));
        assert!(with_threshold(&state(&fits), "c").is_some());
        assert_eq!(with_threshold(&state(&full), "c"), None);
    }

    #[test]
    fn removing_the_threshold_keeps_what_others_set() {
        let removed = |text: &str| without_threshold(&state(text)).header();
        assert_eq!(
            removed("a=1,ot=p:8;th:c;rv:6e6d1a75832a2f"),
            "ot=p:8;rv:6e6d1a75832a2f,a=1"
        );
        assert_eq!(removed("a=1,ot=th:c"), "a=1");
        assert_eq!(removed("a=1,ot=p:8"), "a=1,ot=p:8");
        assert_eq!(removed("a=1"), "a=1");
    }
}
