//! `traceparent`: W3C Trace Context level 2, section 3.2, and how a service mutates it (3.5).

use std::collections::HashSet;

use crate::service::{call, calls};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

/// A header of these fields.
fn header(version: &str, trace_id: &str, span_id: &str, flags: &str) -> String {
    format!("{version}-{trace_id}-{span_id}-{flags}")
}

/// Is not taken: a trace of its own begins.
#[track_caller]
fn restarts(value: &str) {
    let parent = call(&[("traceparent", value)]).parent();
    let received: HashSet<_> = value.split('-').collect();
    assert!(!received.contains(parent.trace_id.as_str()), "{value}");
    // Of a field that is too long, no part is taken either.
    assert!(!value.contains(&parent.trace_id), "{value}");
}

/// Is taken: the same trace, another span.
#[track_caller]
fn continues(name: &str, value: &str) {
    let parent = call(&[(name, value)]).parent();
    assert_eq!(parent.trace_id, TRACE, "{name}: {value}");
    assert_ne!(parent.span_id, SPAN);
}

#[test]
fn without_headers_a_trace_begins() {
    assert_ne!(call(&[]).parent(), call(&[]).parent());
}

#[test]
fn without_tracestate_the_trace_goes_on() {
    continues("traceparent", &header("00", TRACE, SPAN, "01"));
}

#[test]
fn of_two_headers_none_is_taken() {
    let other = "5b8efff798038103d269b633813fc60d";
    let sent = call(&[
        ("traceparent", &header("00", TRACE, SPAN, "01")),
        ("traceparent", &header("00", other, SPAN, "01")),
    ]);
    assert!(![TRACE, other].contains(&sent.parent().trace_id.as_str()));
}

#[test]
fn a_name_with_a_separator_is_another_header() {
    for name in ["trace-parent", "trace.parent", "trace_parent"] {
        let sent = call(&[(name, &header("00", TRACE, SPAN, "01"))]);
        assert_ne!(sent.parent().trace_id, TRACE, "{name}");
    }
}

#[test]
fn the_case_of_the_name_does_not_matter() {
    for name in ["TraceParent", "TRACEPARENT", "tRaCePaReNt"] {
        continues(name, &header("00", TRACE, SPAN, "01"));
    }
}

#[test]
fn version_00_has_nothing_after_the_flags() {
    for tail in [".", "-", "-01", "-what-the-future-will-be-like"] {
        restarts(&(header("00", TRACE, SPAN, "01") + tail));
    }
}

#[test]
fn a_later_version_is_taken_with_what_follows_a_dash() {
    for tail in ["", "-", "-what-the-future-will-be-like"] {
        continues("traceparent", &(header("cc", TRACE, SPAN, "01") + tail));
    }
    restarts(&(header("cc", TRACE, SPAN, "01") + ".what-the-future-will-be-like"));
}

#[test]
fn version_ff_is_forbidden() {
    restarts(&header("ff", TRACE, SPAN, "01"));
}

#[test]
fn a_version_has_hex_digits_only() {
    restarts(&header(".0", TRACE, SPAN, "01"));
    restarts(&header("0.", TRACE, SPAN, "01"));
    restarts(&header("CC", TRACE, SPAN, "01"));
}

#[test]
fn a_version_is_not_longer_than_two_digits() {
    restarts(&header("000", TRACE, SPAN, "01"));
    restarts(&header("0000", TRACE, SPAN, "01"));
}

#[test]
fn a_version_is_not_shorter_than_two_digits() {
    restarts(&header("0", TRACE, SPAN, "01"));
    restarts(&header("", TRACE, SPAN, "01"));
}

#[test]
fn a_trace_id_is_not_zero() {
    restarts(&header(
        "00",
        "00000000000000000000000000000000",
        SPAN,
        "01",
    ));
}

#[test]
fn a_trace_id_has_lowercase_hex_digits_only() {
    restarts(&header(
        "00",
        ".b8efff798038103d269b633813fc60c",
        SPAN,
        "01",
    ));
    restarts(&header(
        "00",
        "5b8efff798038103d269b633813fc60.",
        SPAN,
        "01",
    ));
    restarts(&header(
        "00",
        "5B8EFFF798038103D269B633813FC60C",
        SPAN,
        "01",
    ));
}

#[test]
fn a_trace_id_is_not_longer_than_32_digits() {
    restarts(&header(
        "00",
        "5b8efff798038103d269b633813fc60c0",
        SPAN,
        "01",
    ));
}

#[test]
fn a_trace_id_is_not_shorter_than_32_digits() {
    restarts(&header("00", "5b8efff798038103d269b633813fc60", SPAN, "01"));
}

#[test]
fn a_parent_id_is_not_zero() {
    restarts(&header("00", TRACE, "0000000000000000", "01"));
}

#[test]
fn a_parent_id_has_lowercase_hex_digits_only() {
    restarts(&header("00", TRACE, ".ee19b7ec3c1b174", "01"));
    restarts(&header("00", TRACE, "eee19b7ec3c1b17.", "01"));
    restarts(&header("00", TRACE, "EEE19B7EC3C1B174", "01"));
}

#[test]
fn a_parent_id_is_not_longer_than_16_digits() {
    restarts(&header("00", TRACE, "eee19b7ec3c1b1740", "01"));
}

#[test]
fn a_parent_id_is_not_shorter_than_16_digits() {
    restarts(&header("00", TRACE, "eee19b7ec3c1b17", "01"));
}

#[test]
fn flags_have_hex_digits_only() {
    restarts(&header("00", TRACE, SPAN, ".0"));
    restarts(&header("00", TRACE, SPAN, "0."));
}

#[test]
fn flags_are_not_longer_than_two_digits() {
    restarts(&header("00", TRACE, SPAN, "001"));
}

#[test]
fn flags_are_not_shorter_than_two_digits() {
    restarts(&header("00", TRACE, SPAN, "1"));
}

#[test]
fn white_space_around_the_value_is_ignored() {
    for (before, after) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        let value = header("00", TRACE, SPAN, "01");
        continues("traceparent", &format!("{before}{value}{after}"));
    }
}

#[test]
fn all_requests_of_a_span_share_its_trace() {
    let sent = calls(3, &[("traceparent", &header("00", TRACE, SPAN, "01"))]);
    let parents: Vec<_> = sent.iter().map(|sent| sent.parent()).collect();
    assert!(parents.iter().all(|parent| parent.trace_id == TRACE));
    let spans: HashSet<_> = parents.iter().map(|parent| &parent.span_id).collect();
    assert_eq!(spans.len(), 3);
}

#[test]
fn all_requests_of_a_new_trace_share_it() {
    let sent = calls(3, &[]);
    let parents: Vec<_> = sent.iter().map(|sent| sent.parent()).collect();
    let traces: HashSet<_> = parents.iter().map(|parent| &parent.trace_id).collect();
    let spans: HashSet<_> = parents.iter().map(|parent| &parent.span_id).collect();
    assert_eq!((traces.len(), spans.len()), (1, 3));
}

#[test]
fn all_requests_below_a_refused_header_share_a_new_trace() {
    let zero = "00000000000000000000000000000000";
    let sent = calls(3, &[("traceparent", &header("00", zero, SPAN, "01"))]);
    let parents: Vec<_> = sent.iter().map(|sent| sent.parent()).collect();
    let spans: HashSet<_> = parents.iter().map(|parent| &parent.span_id).collect();
    assert!(parents.iter().all(|parent| parent.trace_id != zero));
    assert_eq!(spans.len(), 3);
}

/// Section 3.2.2.5.2: as it came, set or not.
#[test]
fn the_random_flag_is_passed_on() {
    let flags = |flags| {
        let sent = call(&[("traceparent", &header("00", TRACE, SPAN, flags))]);
        let parent = sent.parent();
        assert_eq!(parent.trace_id, TRACE);
        parent.flags & 0b10
    };
    assert_eq!(flags("02"), 0b10);
    assert_eq!(flags("03"), 0b10);
    assert_eq!(flags("01"), 0);
}
