//! The pipeline of a provider: starts it, flushes it, shuts it down, and starts a new one in a
//! forked child.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    config::BatchConfig,
    control::Request,
    export_queue_stats::ExportQueueStats,
    host::Host,
    ring_writer::RingWriter,
    state::PipelineState,
    thread::{self, works_for},
    worker::Worker,
};
use crate::{
    diagnostics::report,
    error::{ConfigError, FlushError},
    exporter::{ExportError, ExportFuture, SpanExporter},
    fork::PerProcess,
    panic_guard::catch_panic,
    record::SpanBatch,
    sync::{AtomicBool, Ordering},
};

/// The name of the worker's thread.
const WORKER: &str = "tracer-worker";

/// Everything between the threads that end spans and the destinations of the exporters.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// The id of the provider.
    provider: u64,
    config: BatchConfig,
    /// The exporters, held weakly so that a forked child can call `fork()` on them. The export
    /// threads own them.
    exporters: Vec<Weak<dyn SpanExporter>>,
    state: PerProcess<PipelineState>,
    closed: AtomicBool,
}

/// A provider that owns a pipeline.
pub(crate) trait PipelineOwner: Host {
    fn pipeline(&self) -> &Pipeline;
}

impl Pipeline {
    /// Creates a pipeline that does not run yet.
    pub(crate) fn new(
        provider: u64,
        config: BatchConfig,
        exporters: &[(&'static str, Arc<dyn SpanExporter>)],
    ) -> Self {
        let component_types = exporters.iter().map(|(component_type, _)| *component_type);
        let weak = |(_, exporter): &(_, Arc<_>)| Arc::downgrade(exporter);
        Self {
            provider,
            state: PerProcess::new(PipelineState::new(component_types, &config)),
            config,
            exporters: exporters.iter().map(weak).collect(),
            closed: AtomicBool::new(false),
        }
    }

    /// Starts the export threads. Returns the worker, which the caller [runs](start_worker).
    pub(crate) fn start<H: PipelineOwner>(
        host: &Arc<H>,
        exporters: impl Iterator<Item = Arc<dyn SpanExporter>>,
    ) -> Result<Worker, ConfigError> {
        let pipeline = host.pipeline();
        let state = pipeline.state(&**host);
        state.start();
        pipeline.start_worker(Arc::clone(host) as Arc<dyn Host>, state, exporters)
    }

    pub(crate) fn config(&self) -> &BatchConfig {
        &self.config
    }

    /// Returns how many exporters there are.
    pub(crate) fn exporters(&self) -> usize {
        self.exporters.len()
    }

    /// Returns whether the provider is shut down, or its shutdown has begun.
    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: a hint. A span that misses it stays in its ring and is counted from there.
        self.closed.load(Ordering::Relaxed)
    }

    /// Returns the state of this process.
    pub(crate) fn state(&self, host: &(impl Host + ?Sized)) -> Arc<PipelineState> {
        self.state.get(|parent| {
            host.reset_counters();
            parent.renewed(&self.config)
        })
    }

    /// Returns the state of this process, with a running worker. In a forked child, starts the
    /// worker unless the pipeline is closed.
    pub(crate) fn running_state<H: PipelineOwner>(host: &Arc<H>) -> Arc<PipelineState> {
        let state = host.pipeline().state(&**host);
        if state.start() {
            start_in_child(host, &state);
        }
        state
    }

    /// Takes a ring for the calling thread. Returns `None` if no ring is left.
    pub(crate) fn writer<H: PipelineOwner>(host: &Arc<H>) -> Option<RingWriter> {
        Self::running_state(host).writer()
    }

    /// Returns whether a flush waits for the calling thread.
    pub(crate) fn is_own_thread(&self) -> bool {
        works_for(self.provider)
    }

    /// Exports every span that ended before the call.
    pub(crate) fn flush(&self, host: &impl Host, timeout: Duration) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Err(FlushError::InsideExporter);
        }
        let state = self.state(host);
        if state.is_started() {
            state.control.call(Request::Flush, timeout)
        } else if self.is_closed() {
            Err(FlushError::AlreadyShutdown)
        } else {
            // This is a forked child that has made no spans.
            Ok(())
        }
    }

    /// Closes the pipeline for spans that end later. Returns false if it was closed before.
    pub(crate) fn begin_shutdown(&self) -> bool {
        // Relaxed: it only matters which caller is first.
        !self.closed.swap(true, Ordering::Relaxed)
    }

    /// Exports the remaining spans, shuts down the exporters and ends the worker. Call it after
    /// [`begin_shutdown`](Self::begin_shutdown).
    pub(crate) fn finish_shutdown(
        &self,
        host: &impl Host,
        timeout: Duration,
    ) -> Result<(), FlushError> {
        let state = self.state(host);
        if self.is_own_thread() {
            // The worker continues without the caller. It takes the request unless it has ended.
            let _ = state.control.post(Request::Shutdown, timeout);
            return Err(FlushError::InsideExporter);
        }
        let exported = if state.close_idle() {
            Ok(())
        } else {
            state.control.call(Request::Shutdown, timeout)
        };
        // The shutdown gives up on an exporter that still hangs, so that every span has an outcome.
        state.seal();
        exported
    }

    /// Closes the pipeline of a forked child that cannot start its threads.
    fn give_up(&self, state: &PipelineState, error: &ConfigError) {
        // Relaxed: as in `is_closed`.
        self.closed.store(true, Ordering::Relaxed);
        state.close();
        let error = error.to_string();
        report(move || {
            tracing::warn!(target: "tracer_core", %error, "this forked process exports no spans");
        });
    }

    fn start_worker(
        &self,
        host: Arc<dyn Host>,
        state: Arc<PipelineState>,
        exporters: impl Iterator<Item = Arc<dyn SpanExporter>>,
    ) -> Result<Worker, ConfigError> {
        Worker::start(self.provider, &self.config, host, state, exporters)
    }

    /// Creates the exporters of a forked child, one for each of the parent's.
    fn forked_exporters(
        &self,
        host: &dyn Host,
        state: &PipelineState,
    ) -> Vec<Arc<dyn SpanExporter>> {
        let exporters = self.exporters.iter().zip(&state.export_queues);
        exporters
            .map(|(parents, queue)| forked_exporter(parents, queue, host))
            .collect()
    }
}

/// Runs a worker on a thread of its own.
pub(crate) fn start_worker(worker: Worker) -> Result<(), ConfigError> {
    let provider = worker.provider();
    thread::spawn(WORKER, Some(provider), || worker.run()).map_err(ConfigError::Spawn)
}

fn start_in_child<H: PipelineOwner>(host: &Arc<H>, state: &Arc<PipelineState>) {
    let (there, state_there) = (Arc::clone(host), Arc::clone(state));
    // Exporters run user code, and starting threads takes time, so neither is done on the caller's
    // path.
    let start = move || {
        let pipeline = there.pipeline();
        let exporters = pipeline.forked_exporters(&*there, &state_there);
        let host = Arc::clone(&there) as Arc<dyn Host>;
        let worker = pipeline.start_worker(host, Arc::clone(&state_there), exporters.into_iter());
        match worker {
            Ok(worker) => worker.run(),
            Err(error) => pipeline.give_up(&state_there, &error),
        }
    };
    let pipeline = host.pipeline();
    if let Err(error) = thread::spawn(WORKER, Some(pipeline.provider), start) {
        pipeline.give_up(state, &ConfigError::Spawn(error));
    }
}

/// Creates the exporter of this process for the destination of an exporter of the parent process.
fn forked_exporter(
    parents: &Weak<dyn SpanExporter>,
    queue: &ExportQueueStats,
    host: &dyn Host,
) -> Arc<dyn SpanExporter> {
    let fork = || {
        let mut exporter = parents.upgrade()?.fork()?;
        exporter.set_resource(&host.resource());
        Some(Arc::<dyn SpanExporter>::from(exporter))
    };
    catch_panic(fork)
        .flatten()
        .unwrap_or_else(|| Arc::new(NotForked(queue.component_type)))
}

/// A replacement for an exporter that provides none for a forked child. Its export queue counts and
/// logs the lost spans like those of any other exporter.
#[derive(Debug)]
struct NotForked(&'static str);

impl SpanExporter for NotForked {
    fn component_type(&self) -> &'static str {
        self.0
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async { Err(ExportError::Forked) })
    }
}
