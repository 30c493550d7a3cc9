//! The owner of a pipeline in its tests and models: a provider without tracers and spans.

#![allow(clippy::expect_used, reason = "a test may fail")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use opentelemetry::{InstrumentationScope, SpanId, TraceId};
use opentelemetry_sdk::Resource;

use super::{
    BatchConfig, Host, Pipeline, PipelineOwner, PipelineState,
    ring_writer::{NotQueued, RingWriter},
    worker::Worker,
};
use crate::{
    exporter::SpanExporter,
    record::layout::{HEAD_BYTES, Head},
    stats::{ProviderCounts, Stats},
};

/// The name of all spans.
const NAME: &str = "s";

pub(super) struct TestHost {
    pipeline: Pipeline,
    resource: Arc<Resource>,
    /// The number of spans, for their ids.
    spans: AtomicU64,
}

impl TestHost {
    /// Builds a pipeline, and a worker that does not run yet.
    pub(super) fn start(
        config: BatchConfig,
        exporters: Vec<Arc<dyn SpanExporter>>,
    ) -> (Arc<Self>, Worker) {
        let exporters: Vec<_> = exporters
            .into_iter()
            .map(|exporter| (exporter.component_type(), exporter))
            .collect();
        let host = Arc::new(Self {
            pipeline: Pipeline::new(1, config, &exporters),
            resource: Arc::new(Resource::builder_empty().build()),
            spans: AtomicU64::new(0),
        });
        let exporters = exporters.into_iter().map(|(_, exporter)| exporter);
        let worker = Pipeline::start(&host, exporters).expect("threads");
        (host, worker)
    }

    #[cfg(not(any(tracer_loom, tracer_shuttle)))]
    pub(super) fn writer(self: &Arc<Self>) -> RingWriter {
        Pipeline::writer(self).expect("a ring")
    }

    #[cfg(any(tracer_loom, tracer_shuttle))]
    pub(super) fn flush(&self, timeout: std::time::Duration) -> Result<(), crate::FlushError> {
        self.pipeline.flush(self, timeout)
    }

    /// Shuts down. Returns `None` if that was done before.
    #[cfg(any(tracer_loom, tracer_shuttle))]
    pub(super) fn shutdown(
        &self,
        timeout: std::time::Duration,
    ) -> Option<Result<(), crate::FlushError>> {
        let is_first = self.pipeline.begin_shutdown();
        is_first.then(|| self.pipeline.finish_shutdown(self, timeout))
    }

    pub(super) fn state(&self) -> Arc<PipelineState> {
        self.pipeline.state(self)
    }

    pub(super) fn stats(&self) -> Stats {
        self.state().stats(ProviderCounts::default())
    }

    /// Starts and ends a sampled span in a ring.
    pub(super) fn end_span(&self, writer: &mut RingWriter) {
        writer.count_start();
        self.end(writer);
    }

    fn end(&self, writer: &mut RingWriter) {
        if self.pipeline.is_closed() {
            writer.end_without_record(NotQueued::AlreadyShutdown);
            return;
        }
        // Relaxed: only uniqueness matters.
        let id = 1 + self.spans.fetch_add(1, Ordering::Relaxed);
        let head = Head {
            trace_id: TraceId::from(u128::from(id)),
            span_id: SpanId::from(id),
            len: (HEAD_BYTES + NAME.len()) as u32,
            name_len: NAME.len() as u32,
            flags: 1,
            ..Head::default()
        };
        writer.end_words(head.words(), NAME.as_bytes());
    }
}

impl PipelineOwner for TestHost {
    fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl Host for TestHost {
    fn resource(&self) -> Arc<Resource> {
        Arc::clone(&self.resource)
    }

    fn scopes(&self) -> Arc<[InstrumentationScope]> {
        Arc::default()
    }

    fn adjust_clock(&self) {}

    fn report_limits(&self, _is_last: bool) {}

    fn reset_counters(&self) {}
}

/// A thread of a model, which ends spans as `thread_state` does. It has a ring of its own, or
/// shares one if no ring is left. It takes no ring of a closed pipeline.
#[cfg(any(tracer_loom, tracer_shuttle))]
pub(super) struct TestThread {
    host: Arc<TestHost>,
    writer: Option<RingWriter>,
}

#[cfg(any(tracer_loom, tracer_shuttle))]
impl TestThread {
    pub(super) fn new(host: &Arc<TestHost>) -> Self {
        Self {
            host: Arc::clone(host),
            writer: None,
        }
    }

    /// Starts and ends a sampled span.
    pub(super) fn end_span(&mut self) {
        let Self { host, writer } = self;
        let is_closed = host.pipeline.is_closed();
        if writer.is_none() && !is_closed {
            *writer = Pipeline::writer(host);
        }
        let state = host.state();
        if let Some(writer) = writer {
            host.end_span(writer);
        } else if is_closed {
            state.count_start_after_shutdown();
            state.count_end_after_shutdown();
        } else {
            state.count_start_without_ring();
            state.end_without_ring(|shared| host.end(shared));
        }
    }
}

#[cfg(any(tracer_loom, tracer_shuttle))]
impl Drop for TestThread {
    /// Leaves the ring to other threads.
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.give_back();
        }
    }
}
