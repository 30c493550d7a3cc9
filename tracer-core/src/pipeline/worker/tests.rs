use opentelemetry::trace::Tracer as _;

use super::*;
use crate::{
    BatchConfig, TracerProvider,
    exporter::{ExportFuture, SpanExporter},
    tracer::Tracer,
};

#[derive(Debug)]
struct Hangs;

impl SpanExporter for Hangs {
    fn component_type(&self) -> &'static str {
        "hangs"
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(std::future::pending())
    }
}

/// A worker that waits for an exporter could not empty the ring, and each lost span would wake it.
#[test]
fn full_ring_wakes_the_worker_only_while_an_exporter_has_room() {
    let config = BatchConfig::default().max_ring_bytes(1 << 10);
    let config = config.max_queue_bytes(1).max_export_batch_size(1);
    let builder = TracerProvider::builder()
        .exporter(Hangs)
        .batch_config(config);
    let (shared, mut worker) = builder.idle().expect("provider");
    let engine = shared.engine();
    let tracer = Tracer::new(Arc::clone(&shared), 0);
    let lose_one = || {
        let before = engine.stats().dropped.queue_full;
        while engine.stats().dropped.queue_full == before {
            drop(tracer.start("x"));
        }
        engine.control.bell().is_rung()
    };
    assert!(lose_one(), "the worker is behind");
    while engine
        .stats()
        .exporters
        .iter()
        .all(|lane| lane.in_flight == 0)
    {
        worker.round();
    }
    while worker.held.is_none() {
        drop(tracer.start("x"));
        worker.round();
    }
    engine.control.pause(Duration::ZERO);
    assert!(!lose_one(), "the worker waits for the exporter");
}

/// The rings may hold gigabytes, which must not be copied into one buffer.
#[test]
fn what_is_given_up_is_not_collected() {
    let (shared, mut worker) = TracerProvider::builder().idle().expect("provider");
    let tracer = Tracer::new(Arc::clone(&shared), 0);
    for _ in 0..10_000 {
        drop(tracer.start("x"));
    }
    shared.engine().registry.take_new(&mut worker.consumers);
    worker.give_up_rest();
    assert_eq!(shared.engine().stats().drained, 10_000);
    let bytes = worker.records.capacity();
    assert!(bytes < 10_000, "{bytes}");
}
