use super::*;
use crate::{
    exporter::ExportFuture,
    pipeline::{ring_writer::RingWriter, test_host::TestHost},
    record::SpanBatch,
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
    let (host, mut worker) = TestHost::start(config, vec![Arc::new(Hangs)]);
    let mut writer = host.writer();
    let lose_one = |writer: &mut RingWriter| {
        let before = host.stats().dropped.queue_full;
        while host.stats().dropped.queue_full == before {
            host.end_span(writer);
        }
        host.state().control.wakeup().is_set()
    };
    assert!(lose_one(&mut writer), "the worker is behind");
    while host
        .stats()
        .exporters
        .iter()
        .all(|exporter| exporter.in_flight == 0)
    {
        worker.round();
    }
    while worker.held.is_none() {
        host.end_span(&mut writer);
        worker.round();
    }
    host.state().control.wakeup().pause(Duration::ZERO);
    assert!(!lose_one(&mut writer), "the worker waits for the exporter");
}

/// The rings may hold gigabytes, which must not be copied into one buffer.
#[test]
fn spans_that_are_given_up_are_not_collected() {
    let (host, mut worker) = TestHost::start(BatchConfig::default(), Vec::new());
    let mut writer = host.writer();
    for _ in 0..10_000 {
        host.end_span(&mut writer);
    }
    host.state().registry.take_new(&mut worker.consumers);
    worker.give_up_rest();
    assert_eq!(host.stats().queued, 10_000);
    let bytes = worker.records.capacity();
    assert!(bytes < 10_000, "{bytes}");
}
