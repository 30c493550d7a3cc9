//! `x-amzn-trace-id`. "AWS" is the X-Ray Developer Guide, "Tracing header" and "Trace ID Format",
//! and the guide of the Application Load Balancer, "Request tracing".

use opentelemetry::{
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_aws::trace::XrayPropagator as Stock;
use tracer_propagation::{TraceContextPropagator, XrayPropagator as Ours};

use crate::{extract, extract_beside, inject, one_hop, remote};

const HEADER: &str = "x-amzn-trace-id";
const IDS: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

fn both(value: &str) -> [SpanContext; 2] {
    let headers = [(HEADER, &*value.to_owned().leak())];
    let propagators: [&dyn TextMapPropagator; 2] = [&Ours::default(), &Stock::default()];
    propagators.map(|propagator| extract(propagator, &headers).span().span_context().clone())
}

/// OpenTelemetry context/api-propagators.md, "Extract": what cannot be parsed leaves the value that
/// the context has. A load balancer sends `Root` alone (AWS).
#[test]
fn a_header_without_a_parent_leaves_the_span_that_is_there() {
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let malformed = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=x;Sampled=1";
    for value in [root, malformed] {
        let known = remote(1, "");
        let read = |propagator: &dyn TextMapPropagator| {
            let context = extract_beside(&known, propagator, &[(HEADER, value)]);
            context.span().span_context().clone()
        };
        assert_eq!(read(&Ours::default()), *known.span().span_context());
        // Stock today: replaced by one that is not valid, so a new trace begins.
        assert!(!read(&Stock::default()).is_valid());
    }
}

/// AWS: version `1`, 8 and 24 hexadecimal digits, and a segment id of 16.
#[test]
fn ids_have_their_version_length_and_digits() {
    for wrong in [
        "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988-bd862e3fe1be46a994272793-;Parent=53995c3f42cd8ad8",
        "Root=1-5-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988bd86-2e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-+759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=1",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=+3995c3f42cd8ad8",
        "Root=1-1-1;Parent=1",
    ] {
        let [ours, stock] = both(wrong);
        assert!(!ours.is_valid(), "{wrong}");
        // Stock today: taken.
        assert!(stock.is_valid(), "{wrong}");
    }
    let [ours, stock] = both(&format!("{IDS};Sampled=1"));
    assert!(ours.is_valid() && ours == stock);
}

/// W3C Trace Context Level 2, section 3.2.2.5.2: bit 1 tells that the trace id is random. A header
/// without a decision, or with `?` for one, says nothing of the kind: its id begins with the time
/// (AWS).
#[test]
fn an_open_decision_is_not_the_random_flag() {
    for value in [IDS.to_owned(), format!("{IDS};Sampled=?")] {
        let sent = |propagator: &dyn TextMapPropagator| {
            let context = extract(propagator, &[(HEADER, value.clone().leak())]);
            inject(&TraceContextPropagator::default(), &context).remove("traceparent")
        };
        let parent = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8";
        assert_eq!(sent(&Ours::default()), Some(format!("{parent}-00")));
        // Stock today: it says random.
        assert_eq!(sent(&Stock::default()), Some(format!("{parent}-02")));
    }
    // And back: a sampled trace with a random id.
    let sent = |propagator: &dyn TextMapPropagator| inject(propagator, &remote(0x03, ""));
    assert!(sent(&Ours::default())[HEADER].ends_with(";Sampled=1"));
    // Stock today: the decision is lost.
    assert!(sent(&Stock::default())[HEADER].ends_with(";Sampled=?"));
}

/// W3C Trace Context Level 2, section 3.3: the keys of `tracestate` are names of tracing systems. In
/// this header they would be fields, of which AWS knows three.
#[test]
fn tracestate_does_not_become_fields() {
    let given = remote(0, "");
    for state in [
        "sampled=1",
        "parent=1111111111111111",
        "root=1-11111111-111111111111111111111111",
    ] {
        let ours = inject(&Ours::default(), &remote(0, state));
        let [next, _] = both(&ours[HEADER]);
        assert_eq!(next, *given.span().span_context());
        // Stock today: the field is there twice, and the next service takes the smuggled one.
        let stock = inject(&Stock::default(), &remote(0, state));
        let [_, next] = both(&stock[HEADER]);
        assert!(next.is_valid());
        assert_ne!(next, *given.span().span_context());
    }
}

/// AWS: there are further fields, `Self`, `Lineage` and those of applications. They belong to this
/// header, cost it nothing and are no `tracestate`.
#[test]
fn other_fields_cost_nothing_and_are_no_tracestate() {
    let [ours, stock] = both(&format!("{IDS};Sampled=1;Token=YQ=="));
    assert!(ours.is_sampled());
    // Stock today: the trace is lost, because `tracestate` takes no such value.
    assert!(!stock.is_valid());

    let load_balancer = "Self=1-67891234-12456789abcdef012345678;";
    let [ours, stock] = both(&format!("{load_balancer}{IDS};CalledFrom=app"));
    assert_eq!(ours.trace_state().header(), "");
    // Stock today: they go to every service that speaks the W3C's format.
    let state = "self=1-67891234-12456789abcdef012345678,calledfrom=app";
    assert_eq!(stock.trace_state().header(), state);
}

/// AWS: Lambda adds `Lineage`, for itself. The form is that of OpenTelemetry for Java.
#[test]
fn a_lineage_is_sent_on_in_its_header_and_nowhere_else() {
    let value = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;\
                 Lineage=32767:e65a2c4d:255";
    let headers = [(HEADER, value)];
    let w3c = TraceContextPropagator::new();
    for propagator in [&Ours::new() as &dyn TextMapPropagator, &Stock::default()] {
        assert_eq!(one_hop(propagator, &headers)[HEADER], value);
    }
    let strangers = |propagator: &dyn TextMapPropagator| {
        let sent = inject(&w3c, &extract(propagator, &headers));
        sent.get("tracestate").cloned().unwrap_or_default()
    };
    assert_eq!(strangers(&Ours::new()), "");
    // Stock today: to every service that speaks the W3C's format.
    assert_eq!(strangers(&Stock::default()), "lineage=32767:e65a2c4d:255");

    // Stock today: whatever came is sent on.
    let other = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;\
                 Lineage=anything at all";
    let headers = [(HEADER, other)];
    assert_eq!(
        one_hop(&Ours::new(), &headers)[HEADER],
        format!("{IDS};Sampled=1")
    );
    assert_eq!(one_hop(&Stock::default(), &headers)[HEADER], other);
}

/// OpenTelemetry semantic conventions, "Instrumenting AWS Lambda": `_X_AMZN_TRACE_ID` is a variable
/// of the environment, for the propagator `xray-lambda`. No peer can set that.
#[test]
fn a_header_named_as_the_variable_is_not_the_variable() {
    let value = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let headers = [("_X_AMZN_TRACE_ID", value)];
    for ours in [Ours::new(), Ours::lambda()] {
        assert!(one_hop(&ours, &headers).is_empty());
    }
    // Stock today: read from the carrier.
    assert_eq!(one_hop(&Stock::default(), &headers)[HEADER], value);
}
