//! Allocations of one operation on the caller's thread, started by `compare.rs`, or with `logs` of
//! one log line, started by `logs.rs`. A program of its own, because counting replaces the
//! allocator, which would slow down the timed cases.
//!
//! What the caller itself allocates (a `String` for an attribute's value, the `Vec` of an event's
//! attributes, the API's own memory for a span in a `Context`) is counted against a tracer that
//! does nothing, and taken off.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on is to stop"
)]

use allocation_counter::measure;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use tracer_benches::{
    Carry, Case, System, Target,
    encode::{SPANS, encode_stock, stored_by_ours, stored_by_stock},
    line, log_lines, system,
};
use tracer_export::OtlpEncoder;

/// Few enough that no ring and no queue is full; so many that what happens now and then shows.
const OPERATIONS: usize = 100;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("logs") {
        for pair in log_lines::pairs() {
            pair.count(|write| measure(write).count_total);
        }
        return;
    }
    let [ours, otel, nothing] = ["ours", "otel", "nothing"].map(|name| system(name, &Target::Null));
    for case in Case::ALL {
        let of = |system: &dyn System| {
            // Pools are filled, rings registered.
            system.run(case, OPERATIONS);
            system.flush();
            let counted = measure(|| system.run(case, OPERATIONS));
            system.flush();
            counted.count_total as f64 / OPERATIONS as f64
        };
        // Where nobody records, the peer is the API's own tracer and would be taken off from itself.
        let callers = if case == Case::NoProvider {
            0.0
        } else {
            of(&*nothing)
        };
        let name = format!("allocations_{}", case.name());
        line(&name, of(&*ours) - callers, "otel", of(&*otel) - callers);
    }
    carry();
    encode();
}

/// Allocations of one message; those of the API's `Context` are in it.
fn carry() {
    for work in Carry::ALL {
        let of = |by_ours| {
            let count = |operations| measure(|| work.run(by_ours, operations)).count_total;
            // What stands around the operations, once, cancels out.
            (count(2 * OPERATIONS) - count(OPERATIONS)) as f64 / OPERATIONS as f64
        };
        line(
            &format!("allocations_{}", work.name()),
            of(true),
            "otel",
            of(false),
        );
    }
}

/// Allocations of a whole batch.
fn encode() {
    let (batch, spans) = (stored_by_ours(), stored_by_stock());
    let mut encoder = OtlpEncoder::default();
    encoder.request(&batch).expect("bytes");
    let ours = measure(|| assert!(encoder.request(&batch).is_ok()));
    let resource = ResourceAttributesWithSchema::from(&Resource::builder().build());
    let mut out = Vec::new();
    encode_stock(spans.clone(), &resource, &mut out);
    let otel = measure(|| encode_stock(spans, &resource, &mut out));
    let per_span = |count: u64| count as f64 / SPANS as f64;
    let (ours, otel) = (per_span(ours.count_total), per_span(otel.count_total));
    line("allocations_encode_per_span", ours, "prost", otel);
}
