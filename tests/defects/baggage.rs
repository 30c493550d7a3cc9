//! `baggage`.

use opentelemetry::{baggage::BaggageExt as _, propagation::TextMapPropagator};
use opentelemetry_sdk::propagation::BaggagePropagator as Stock;
use tracer_propagation::{BaggagePropagator as Ours, carrier::CarrierInjector};

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

/// The same over HTTP: what a header cannot hold must not cost the members that it can.
#[test]
fn a_line_break_in_a_property_does_not_cost_the_baggage() {
    let sent = |propagator: &dyn TextMapPropagator| {
        let context = extract(propagator, &[("baggage", "a=1;p=%0d%0aX:1,b=2")]);
        let mut headers = http::HeaderMap::new();
        propagator.inject_context(&context, &mut CarrierInjector(&mut headers));
        headers
            .get("baggage")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        sent(&Ours::default()).as_deref(),
        Some("a=1;p=%0d%0aX:1,b=2")
    );
    // Stock today: `http` refuses the header, so all baggage is lost.
    assert_eq!(sent(&Stock::new()), None);
}

/// Section 3.3.2: what is over the limits goes, the members that fit stay, the same ones each time.
#[test]
fn members_that_fit_survive_those_that_do_not() {
    let value = format!("a=1,b={},c=3", "v".repeat(8192)).leak();
    let headers = [("baggage", &*value)];
    let keys = |propagator: &dyn TextMapPropagator| -> Vec<_> {
        let context = extract(propagator, &headers);
        ["a", "b", "c"]
            .into_iter()
            .filter(|key| context.baggage().get(*key).is_some())
            .collect()
    };
    assert_eq!(keys(&Ours::default()), ["a", "c"]);
    // Stock today: nothing is left.
    assert_eq!(keys(&Stock::new()), Vec::<&str>::new());
}
