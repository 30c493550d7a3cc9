//! The conformance suite of the W3C in part, and the defects of other implementations.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceFlags;

use super::*;

const VALID: &str = "00-12345678901234567890123456789012-1234567890123456-03";

/// Headers in order, names may repeat.
struct Headers(Vec<(&'static str, String)>);

impl Carrier for Headers {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        for (key, value) in &self.0 {
            if *key == name && visit(value.as_bytes()).is_break() {
                return;
            }
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        for (key, _) in &self.0 {
            if visit(key).is_break() {
                return;
            }
        }
    }
}

fn headers(list: &[(&'static str, &str)]) -> Headers {
    Headers(
        list.iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect(),
    )
}

fn extracted(list: &[(&'static str, &str)]) -> Option<SpanContext> {
    TraceContextPropagator::new().extract_span_context(&headers(list))
}

fn sent(cx: &Context) -> HashMap<String, String> {
    let mut map = HashMap::new();
    TraceContextPropagator::new().inject_context(cx, &mut map);
    map
}

#[test]
fn two_traceparent_headers_start_a_new_trace() {
    let other = "00-12345678901234567890123456789011-1234567890123456-01";
    assert_eq!(
        extracted(&[("traceparent", VALID), ("traceparent", other)]),
        None
    );
    assert_eq!(
        extracted(&[("traceparent", VALID), ("traceparent", VALID)]),
        None
    );
}

/// §3.2.4: of a version that is not known, only the flags that are.
#[test]
fn no_other_version_is_read_as_this_one() {
    for version in 1..=0xfe_u8 {
        let value = VALID.replacen("00-", &format!("{version:02x}-"), 1);
        let value = format!("{}ff", &value[..53]);
        let parent = extracted(&[("traceparent", &value)]).unwrap();
        assert_eq!(parent.trace_flags(), TraceFlags::new(3), "{version}");
    }
}

#[test]
fn a_bad_tracestate_does_not_cost_the_traceparent() {
    let parent = extracted(&[("traceparent", VALID), ("tracestate", "FOO=1")]).unwrap();
    assert_eq!(parent.trace_state(), &TraceState::NONE);
    assert_eq!(parent.trace_flags(), TraceFlags::new(3));
    assert!(parent.is_remote());
}

#[test]
fn a_tracestate_is_received_as_far_as_it_is_sent() {
    let members: Vec<_> = (10..30)
        .map(|n| format!("k{n}={}", "x".repeat(256)))
        .collect();
    let parent = extracted(&[("traceparent", VALID), ("tracestate", &members.join(","))]);
    // 20 x 260 bytes and 19 commas; 15 of them and 14 commas are the most below 4,096.
    let state = parent.unwrap().trace_state().header();
    assert_eq!(state, members[..15].join(","));
}

#[test]
fn a_tracestate_alone_is_ignored() {
    assert_eq!(extracted(&[("tracestate", "foo=1")]), None);
}

#[test]
fn an_empty_tracestate_is_not_sent_and_an_old_one_is_removed() {
    let parent = extracted(&[("traceparent", VALID), ("tracestate", "")]).unwrap();
    let map = sent(&Context::new().with_remote_span_context(parent));
    assert_eq!(map.len(), 1);
    assert_eq!(map["traceparent"], VALID);
}

#[cfg(feature = "http")]
#[test]
fn a_reused_header_map_keeps_no_old_tracestate() {
    let mut map = http::HeaderMap::new();
    map.insert("tracestate", http::HeaderValue::from_static("old=1"));
    let parent = extracted(&[("traceparent", VALID)]).unwrap();
    TraceContextPropagator::new().inject_span_context(&parent, &mut map);
    assert_eq!(map.get("tracestate"), None);
    assert_eq!(map["traceparent"], VALID);
}

#[test]
fn an_invalid_span_context_sends_nothing() {
    assert!(sent(&Context::new()).is_empty());
}

#[test]
fn what_is_not_valid_leaves_the_context_as_it_was() {
    let before =
        Context::new().with_remote_span_context(extracted(&[("traceparent", VALID)]).unwrap());
    let after = TraceContextPropagator::new()
        .extract_from(&before, &headers(&[("traceparent", "00-1-1-1")]));
    assert_eq!(after.span().span_context(), before.span().span_context());
}

/// The keys of the conformance suite of the W3C that `TraceState` refuses.
#[test]
fn level_2_keys_cross_a_context() {
    let long = format!("{}@{}", "t".repeat(241), "v".repeat(14));
    for key in [
        "foo@",
        "foo@@bar",
        "foo@bar@baz",
        "t@vvvvvvvvvvvvvvv",
        &long,
    ] {
        let state = format!("{key}=1,bar=2");
        let carrier = headers(&[("traceparent", VALID), ("tracestate", &state)]);
        let cx = TraceContextPropagator::new().extract_from(&Context::new(), &carrier);
        assert_eq!(sent(&cx)["tracestate"], state);
    }
}

#[test]
fn kept_members_do_not_leak_into_another_trace() {
    let carrier = headers(&[("traceparent", VALID), ("tracestate", "foo@@bar=1")]);
    let cx = TraceContextPropagator::new().extract_from(&Context::new(), &carrier);
    let other = "00-12345678901234567890123456789011-1234567890123456-01";
    let other = extracted(&[("traceparent", other)]).unwrap();
    assert_eq!(
        sent(&cx.with_remote_span_context(other)).get("tracestate"),
        None
    );
}

/// Of two messages of one trace the second has a state of its own.
#[test]
fn kept_members_do_not_leak_into_another_message() {
    let extract = |cx: &Context, state| {
        let carrier = headers(&[("traceparent", VALID), ("tracestate", state)]);
        TraceContextPropagator::new().extract_from(cx, &carrier)
    };
    let first = extract(&Context::new(), "foo@@bar=1");
    let second = extract(&first, "bar=2");
    assert_eq!(sent(&second)["tracestate"], "bar=2");
}
