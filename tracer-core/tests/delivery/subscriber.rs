//! A subscriber of the application that panics on every message.

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use tracing::{Event, Metadata, Subscriber, span};

use crate::support::{Mood, Recorder, TIMEOUT, balanced, process::in_own_process, provider};

struct Panicking;

impl Subscriber for Panicking {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tracer_core"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        panic!("asked to");
    }
}

#[test]
fn panicking_subscriber_loses_its_line_and_no_later_span() {
    in_own_process!();
    tracing::subscriber::set_global_default(Panicking).expect("first");
    let recorder = Recorder::with_mood(Mood::Refuse);
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    tracer.start("lost");
    assert!(provider.force_flush(TIMEOUT).is_err());
    recorder.set_mood(Mood::Take);
    tracer.start("kept");
    provider.force_flush(TIMEOUT).expect("flush");
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].exported, 1);
}
