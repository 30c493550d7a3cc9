//! `tracestate`: W3C Trace Context level 2, section 3.3.

use crate::service::{Sent, call};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const PARENT: &str = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-00";

/// What is sent on below a valid parent.
#[track_caller]
fn with(lines: &[(&str, &str)]) -> Sent {
    let mut all = vec![("traceparent", PARENT)];
    all.extend(lines);
    let sent = call(&all);
    // Whatever the state holds, it never costs the parent.
    assert_eq!(sent.parent().trace_id, TRACE);
    sent
}

#[track_caller]
fn passes(values: &[&str], expected: &[(&str, &str)]) {
    let lines: Vec<_> = values.iter().map(|value| ("tracestate", *value)).collect();
    let state = with(&lines).state();
    let state: Vec<_> = state
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(state, expected, "{values:?}");
}

/// The whole list goes.
#[track_caller]
fn spoils(values: &[&str]) {
    passes(values, &[]);
}

#[test]
fn without_a_parent_it_means_nothing() {
    assert!(!call(&[("tracestate", "foo=1")]).has("tracestate"));
    assert!(!call(&[("tracestate", "foo=1,bar=2")]).has("tracestate"));
}

#[test]
fn it_is_passed_on_with_the_trace() {
    passes(&["foo=1,bar=2"], &[("foo", "1"), ("bar", "2")]);
}

#[test]
fn a_name_with_a_separator_is_another_header() {
    for name in ["trace-state", "trace.state", "trace_state"] {
        assert!(!with(&[(name, "foo=1")]).has("tracestate"));
    }
}

#[test]
fn the_case_of_the_name_does_not_matter() {
    for name in ["TraceState", "TRACESTATE", "tRaCeStAtE"] {
        let state = with(&[(name, "foo=1")]).state();
        assert_eq!(state, [("foo".to_owned(), "1".to_owned())]);
    }
}

#[test]
fn an_empty_header_is_allowed_and_not_sent_on() {
    assert!(!with(&[("tracestate", "")]).has("tracestate"));
    passes(&["foo=1", ""], &[("foo", "1")]);
    passes(&["", "foo=1"], &[("foo", "1")]);
    passes(&["foo=1,,\t, ,bar=2,"], &[("foo", "1"), ("bar", "2")]);
}

#[test]
fn several_headers_are_one_list_in_their_order() {
    passes(
        &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
        &[
            ("foo", "1"),
            ("bar", "2"),
            ("rojo", "1"),
            ("congo", "2"),
            ("baz", "3"),
        ],
    );
}

/// Section 3.5 allows to reduce them, and the first is the newest.
#[test]
fn of_repeated_keys_the_first_stays() {
    passes(&["foo=1,foo=1"], &[("foo", "1")]);
    passes(&["foo=1,foo=2"], &[("foo", "1")]);
    passes(&["foo=1", "foo=1"], &[("foo", "1")]);
    passes(&["foo=1", "foo=2"], &[("foo", "1")]);
}

#[test]
fn every_allowed_character_is_passed_on() {
    let plain = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let vendor = format!("{plain}@a-z0-9_-*/");
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    for key in [plain, &vendor] {
        passes(&[&format!("{key}={value}")], &[(key, &value)]);
    }
}

#[test]
fn white_space_around_members_is_ignored() {
    let three = [("foo", "1"), ("bar", "2"), ("baz", "3")];
    passes(&["foo=1 \t , \t bar=2, \t baz=3"], &three);
    passes(&["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], &three);
    for value in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        passes(&[value], &[("foo", "1")]);
    }
    // In front of a value it is part of it (section 3.3.1.3.2).
    passes(&["foo= 1"], &[("foo", " 1")]);
}

#[test]
fn a_key_of_other_characters_spoils_the_list() {
    for key in ["foo ", "FOO", "foo.bar", "_foo", "é", ""] {
        spoils(&[&format!("{key}=1,bar=2")]);
    }
}

#[test]
fn a_key_may_hold_at_signs_but_not_begin_with_one() {
    for key in ["foo@", "foo@@bar", "foo@bar@baz", "0@1"] {
        passes(&[&format!("{key}=1,bar=2")], &[(key, "1"), ("bar", "2")]);
    }
    spoils(&["@foo=1,bar=2"]);
}

#[test]
fn there_are_at_most_32_members() {
    let member = |n: usize| format!("bar{n:02}={n:02}");
    let all: Vec<_> = (1..=33).map(member).collect();
    let headers =
        |count| -> Vec<_> { all[..count].chunks(10).map(|part| part.join(",")).collect() };
    let lines = headers(32);
    let lines: Vec<_> = lines
        .iter()
        .map(|line| ("tracestate", line.as_str()))
        .collect();
    let state = with(&lines).state();
    let sent: Vec<_> = state.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(sent, all[..32]);

    let lines = headers(33);
    spoils(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_key_has_at_most_256_characters_however_they_are_split() {
    let z = "z".repeat(256);
    let longest = format!("{}@{}", "t".repeat(241), "v".repeat(14));
    let tenant = format!("{}@v", "t".repeat(242));
    let system = format!("t@{}", "v".repeat(15));
    for key in [&z, &longest, &tenant, &system] {
        passes(&["foo=1", &format!("{key}=1")], &[("foo", "1"), (key, "1")]);
    }
    spoils(&["foo=1", &format!("{z}z=1")]);
}

#[test]
fn a_value_of_other_characters_or_of_none_spoils_the_list() {
    spoils(&["foo=bar=baz"]);
    spoils(&["foo=,bar=3"]);
    spoils(&["foo=é,bar=3"]);
    spoils(&[&format!("foo={},bar=3", "v".repeat(257))]);
    spoils(&["foo,bar=3"]);
}
