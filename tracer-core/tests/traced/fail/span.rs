use tracer_core::{span, start_span};

fn name_as_an_option() {
    let _span = span!(name: "charge");
}

fn options_last() {
    let _span = start_span!("charge", kind: opentelemetry::trace::SpanKind::Client);
}

fn colon_for_equals() {
    let _span = span!("charge", "cents": 5);
}

fn no_name() {
    let _span = span!(parent: None);
}

fn main() {}
