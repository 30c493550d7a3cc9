//! `baggage`.

use opentelemetry::{baggage::BaggageExt as _, propagation::TextMapPropagator};
use opentelemetry_sdk::propagation::BaggagePropagator as Stock;
use tracer_propagation::BaggagePropagator as Ours;

use crate::{extract, inject};

fn value(
    propagator: &dyn TextMapPropagator,
    headers: &[(&'static str, &'static str)],
    key: &str,
) -> Option<String> {
    let context = extract(propagator, headers);
    context.baggage().get(key).map(ToString::to_string)
}

/// What goes out to the next service after one hop.
fn one_hop(propagator: &dyn TextMapPropagator, header: &'static str) -> String {
    let context = extract(propagator, &[("baggage", header)]);
    let mut sent = inject(propagator, &context);
    sent.remove("baggage").unwrap_or_default()
}

/// W3C Baggage, section 3.3.1: a value may hold `=`.
#[test]
fn d9_values_may_hold_equals_signs() {
    let headers = [("baggage", "a=b=c")];
    assert_eq!(
        value(&Ours::default(), &headers, "a").as_deref(),
        Some("b=c")
    );
    // Stock today: cut.
    assert_eq!(value(&Stock::new(), &headers, "a").as_deref(), Some("b"));
}

/// Section 3.2: several headers are one list.
#[test]
fn all_headers_are_read() {
    let headers = [("baggage", "a=1"), ("baggage", "b=2")];
    assert_eq!(value(&Ours::default(), &headers, "b").as_deref(), Some("2"));
    // Stock today: only the first.
    assert_eq!(value(&Stock::new(), &headers, "b"), None);
}

/// A property stays what it is: it must not become a member at the next hop, nor a header line.
#[test]
fn properties_smuggle_neither_members_nor_lines() {
    let member = "a=1;p=%2Cevil=2";
    assert!(!one_hop(&Ours::default(), member).contains(','));
    // Stock today: decoded and sent raw.
    assert!(one_hop(&Stock::new(), member).contains(",evil=2"));
    let line = "a=1;p=%0d%0aX:1";
    assert!(!one_hop(&Ours::default(), line).contains(char::is_control));
    // Stock today: the same.
    assert!(one_hop(&Stock::new(), line).contains("\r\n"));
}
