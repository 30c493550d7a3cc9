//! The fields that say something of the span itself.

use opentelemetry::trace::{SpanKind, Status};
use tracing::{field::Empty, info_span};

use super::support::{ours, peer, same, told};

#[test]
fn name_kind_and_status_are_taken_from_fields() {
    let told = same(|| {
        for kind in [
            "server", "CLIENT", "Producer", "consumer", "internal", "nonsense",
        ] {
            drop(info_span!("plain", otel.name = "dynamic", otel.kind = kind));
        }
        drop(info_span!("plain", otel.name = %"shown", otel.kind = ?SpanKind::Client));
        for code in ["ok", "OK", "error", "ERROR", "Unset", "nonsense"] {
            drop(info_span!("plain", otel.status_code = code));
        }
        drop(info_span!("plain", otel.status_code = ?Status::Ok));
        drop(info_span!("plain", otel.status_description = "broken"));
        drop(info_span!(
            "plain",
            otel.status_code = "error",
            otel.status_description = "broken"
        ));
        drop(info_span!(
            "plain",
            otel.other = "an attribute",
            otel.status_message = "another"
        ));
    });
    assert_eq!(told[0].name, "dynamic");
    let kinds: Vec<_> = told[..7].iter().map(|span| span.kind.clone()).collect();
    assert_eq!(kinds[1], SpanKind::Client);
    assert_eq!(kinds[5], SpanKind::Internal);
    assert_eq!(told[9].status, Status::error(""));
    assert_eq!(told[15].status, Status::error("broken"));
    assert_eq!(told[16].attributes.len(), 2);
}

#[test]
fn fields_that_are_recorded_before_the_span_is_entered_count_too() {
    let told = same(|| {
        let span = info_span!(
            "plain",
            otel.name = Empty,
            otel.kind = Empty,
            otel.status_code = Empty
        );
        span.record("otel.name", "late");
        span.record("otel.kind", "server");
        span.record("otel.status_code", "error");
        span.in_scope(|| ());
    });
    assert_eq!(told[0].name, "late");
    assert_eq!(told[0].kind, SpanKind::Server);
}

/// A name is often known inside only: a route that was matched.
#[test]
fn name_and_kind_that_are_recorded_inside_count_here() {
    let work = || {
        let span = info_span!(
            "plain",
            otel.name = Empty,
            otel.kind = Empty,
            otel.status_code = Empty
        );
        let _entered = span.enter();
        span.record("otel.name", "GET /orders/{id}");
        span.record("otel.kind", "server");
        span.record("otel.status_code", "error");
    };
    let (ours, peer) = (told(&ours(work)), told(&peer(|layer| layer, work)));
    assert_eq!(ours[0].name, "GET /orders/{id}");
    assert_eq!(ours[0].kind, SpanKind::Server);
    assert_eq!(ours[0].status, Status::error(""));
    assert_eq!(
        (peer[0].name.as_str(), &peer[0].kind),
        ("plain", &SpanKind::Internal)
    );
    assert_eq!(peer[0].status, ours[0].status);
}

/// In the peer the field that stands last wins, and takes the description with it.
#[test]
fn description_stands_wherever_it_stands() {
    let work = || {
        drop(info_span!(
            "plain",
            otel.status_description = "broken",
            otel.status_code = "error"
        ));
    };
    assert_eq!(ours(work)[0].status, Status::error("broken"));
    assert_eq!(peer(|layer| layer, work)[0].status, Status::error(""));
}
