//! An exporter that hangs or is slow loses its own spans, but none of another exporter.

use std::{thread, time::Duration};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use tracer_core::{BatchConfig, TracerProvider};

use crate::support::{Mood, Recorder, TIMEOUT, balanced, eventually};

/// Returns a provider with both exporters, after it has ended so many spans that the queue of the
/// hung one is full.
fn beside(good: &Recorder, hung: &Recorder) -> TracerProvider {
    let config = BatchConfig::default()
        .max_export_batch_size(16)
        .scheduled_delay(Duration::from_millis(1));
    let provider = TracerProvider::builder()
        .exporter(good.clone())
        .exporter(hung.clone())
        .batch_config(config)
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    eventually("full queue", || {
        tracer.start("first").end();
        provider
            .stats()
            .exporters
            .get(1)
            .is_some_and(|hung| hung.queue_full > 0)
    });
    eventually("first spans", || {
        let stats = provider.stats();
        stats.waiting == 0
            && stats
                .exporters
                .first()
                .is_some_and(|good| good.waiting == 0)
    });
    provider
}

fn named(recorder: &Recorder, name: &str) -> usize {
    recorder
        .spans()
        .iter()
        .filter(|span| span.name == name)
        .count()
}

#[test]
fn shutdown_gives_a_healthy_exporter_all_spans_beside_a_hung_one() {
    let (good, hung) = (Recorder::default(), Recorder::with_mood(Mood::Hang));
    let provider = beside(&good, &hung);
    let tracer = provider.tracer("t");
    for _ in 0..40 {
        tracer.start("last").end();
    }
    provider
        .shutdown(Duration::from_secs(1))
        .expect_err("one hangs");
    assert_eq!(named(&good, "last"), 40);
    let stats = balanced(&provider);
    assert_eq!(
        stats.exporters.first().map(|good| good.failed_total()),
        Some(0)
    );
}

#[test]
fn flush_that_waits_for_a_hung_exporter_keeps_no_span_from_another() {
    let (good, hung) = (Recorder::default(), Recorder::with_mood(Mood::Hang));
    let provider = beside(&good, &hung);
    let flushing = provider.clone();
    let flush = thread::spawn(move || flushing.force_flush(TIMEOUT));
    let tracer = provider.tracer("t");
    // The flush is under way until the hung exporter is released.
    for _ in 0..1000 {
        tracer.start("during").end();
    }
    eventually("delivery during the flush", || {
        named(&good, "during") == 1000
    });
    assert!(!flush.is_finished());
    provider.shutdown(Duration::ZERO).expect_err("one hangs");
    flush.join().expect("thread").expect_err("one hangs");
    balanced(&provider);
}
