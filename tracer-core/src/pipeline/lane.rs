//! One exporter's lane: a bounded queue, and a thread with a runtime that runs its exports.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use opentelemetry::Context;
use tokio::{
    runtime,
    sync::mpsc,
    task::{self, JoinError, JoinSet},
    time::{timeout, timeout_at},
};

use super::{
    batch::SpanBatch,
    config::BatchConfig,
    control::{Gather, Request},
    outage::{Notice, Outage},
};
use crate::{
    exporter::{ExportError, ExportResult, SpanExporter},
    stats::ExporterStats,
};

/// The worker's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    batches: mpsc::UnboundedSender<SpanBatch>,
    // Apart from the batches: a hung export must not keep a request from being seen.
    requests: mpsc::UnboundedSender<Order>,
    stats: Arc<LaneStats>,
    max_queue_size: u64,
}

/// A flush or shutdown on its way to the lane's thread.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) gather: Arc<Gather>,
    /// The spans this exporter had lost before.
    pub(crate) failed_before: u64,
}

/// What one lane counts, in spans. Written by the worker and the lane's thread, read by anyone;
/// all relaxed, because each is a statistic that orders nothing.
#[derive(Debug, Default)]
pub(crate) struct LaneStats {
    component_type: &'static str,
    accepted: AtomicU64,
    /// Of the accepted, those whose export has begun.
    begun: AtomicU64,
    exported: AtomicU64,
    rejected: AtomicU64,
    queue_full: AtomicU64,
    failed: [AtomicU64; ExportError::REASONS.len()],
}

impl Lane {
    /// Starts the lane's thread.
    pub(crate) fn start(exporter: Box<dyn SpanExporter>, config: &BatchConfig) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            // Only exporters that block use these; see `sdk.rs`.
            .max_blocking_threads(config.max_concurrent_exports.max(1))
            .thread_name("tracer-export")
            .build()?;
        let stats = Arc::new(LaneStats {
            component_type: exporter.component_type(),
            ..LaneStats::default()
        });
        let (batches, queued_batches) = mpsc::unbounded_channel();
        let (requests, queued_requests) = mpsc::unbounded_channel();
        let run = Run {
            exporter: Arc::from(exporter),
            stats: Arc::clone(&stats),
            config: config.clone(),
            batches: queued_batches,
            exports: JoinSet::new(),
            sizes: HashMap::new(),
            outage: Outage::default(),
            started: Instant::now(),
        };
        thread::Builder::new()
            .name("tracer-export".to_owned())
            .spawn(move || {
                // What the exporter does is not traced: it would export its own spans for ever.
                let _suppressed = Context::enter_telemetry_suppressed_scope();
                runtime.block_on(run.run(queued_requests));
                // An exporter that still blocks a thread must not keep this one.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            batches,
            requests,
            stats,
            max_queue_size: config.max_queue_size as u64,
        })
    }

    pub(crate) fn stats(&self) -> &Arc<LaneStats> {
        &self.stats
    }

    /// Whether the queue takes a batch of `spans` more.
    pub(crate) fn has_room(&self, spans: u64) -> bool {
        let begun = self.stats.begun.load(Ordering::Relaxed);
        let queued = self
            .stats
            .accepted
            .load(Ordering::Relaxed)
            .saturating_sub(begun);
        queued + spans <= self.max_queue_size
    }

    /// Queues a batch, or counts it as dropped if there is no room.
    pub(crate) fn send(&self, batch: SpanBatch) {
        let spans = batch.len() as u64;
        if !self.has_room(spans) {
            self.stats.queue_full.fetch_add(spans, Ordering::Relaxed);
            return;
        }
        self.stats.accepted.fetch_add(spans, Ordering::Relaxed);
        if self.batches.send(batch).is_err() {
            // The lane's thread is gone, which only a panic of ours could cause.
            self.stats.begun.fetch_add(spans, Ordering::Relaxed);
            self.stats.fail(&ExportError::AlreadyShutdown, spans);
        }
    }

    /// Counts a batch as failed without queueing it.
    pub(crate) fn refuse(&self, spans: u64, error: &ExportError) {
        self.stats.accepted.fetch_add(spans, Ordering::Relaxed);
        self.stats.begun.fetch_add(spans, Ordering::Relaxed);
        self.stats.fail(error, spans);
    }

    /// Asks for a flush or a shutdown, which `gather` hears of when it is done.
    pub(crate) fn order(&self, order: Order) {
        if let Err(mpsc::error::SendError(order)) = self.requests.send(order) {
            order.gather.answer(0, false);
        }
    }
}

/// The lane's thread.
struct Run {
    exporter: Arc<dyn SpanExporter>,
    stats: Arc<LaneStats>,
    config: BatchConfig,
    batches: mpsc::UnboundedReceiver<SpanBatch>,
    exports: JoinSet<ExportResult>,
    /// The spans of each export under way.
    sizes: HashMap<task::Id, u64>,
    outage: Outage,
    started: Instant,
}

impl Run {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                order = requests.recv() => {
                    // `None`: the worker is gone without a shutdown, so nothing more will come.
                    let Some(order) = order else { return };
                    self.serve(&order).await;
                    if order.request == Request::Shutdown {
                        return;
                    }
                }
                // Never resolves without an order: each branch of `advance` waits for something.
                () = self.advance() => {}
            }
        }
    }

    /// Waits for the next thing to do, and does it: settles an export, or begins one.
    ///
    /// # Cancellation
    /// Safe to drop: what was received is begun or settled before the next await.
    async fn advance(&mut self) {
        tokio::select! {
            Some(done) = self.exports.join_next_with_id(), if !self.exports.is_empty() => {
                self.settle(done);
            }
            Some(batch) = self.batches.recv(),
                if self.exports.len() < self.config.max_concurrent_exports => self.begin(batch),
            else => std::future::pending().await,
        }
    }

    /// Completes what was queued before the order, closes the exporter's own part, and answers.
    async fn serve(&mut self, order: &Order) {
        let deadline = order.gather.deadline;
        let accepted = self.stats.accepted.load(Ordering::Relaxed);
        let mut in_time = timeout_at(deadline.into(), self.complete(accepted))
            .await
            .is_ok();
        if order.request == Request::Shutdown {
            self.give_up_rest().await;
        }
        in_time &= self.close_out(deadline, order.request).await;
        let failed = self.stats.not_delivered() - order.failed_before;
        order.gather.answer(failed, in_time);
    }

    /// Begins exports until `accepted` spans have begun, and settles those under way.
    async fn complete(&mut self, accepted: u64) {
        while self.stats.begun.load(Ordering::Relaxed) < accepted {
            self.advance().await;
        }
        while let Some(done) = self.exports.join_next_with_id().await {
            self.settle(done);
        }
    }

    /// Counts what is still queued or under way as failed by the deadline.
    async fn give_up_rest(&mut self) {
        self.exports.abort_all();
        while let Some(done) = self.exports.join_next_with_id().await {
            self.settle(done);
        }
        while let Ok(batch) = self.batches.try_recv() {
            let spans = batch.len() as u64;
            self.stats.begun.fetch_add(spans, Ordering::Relaxed);
            let after = self.config.export_timeout;
            self.stats.fail(&ExportError::Deadline { after }, spans);
        }
    }

    fn begin(&mut self, batch: SpanBatch) {
        let spans = batch.len() as u64;
        self.stats.begun.fetch_add(spans, Ordering::Relaxed);
        let exporter = Arc::clone(&self.exporter);
        let after = self.config.export_timeout;
        let export = self.exports.spawn(async move {
            timeout(after, exporter.export(&batch))
                .await
                .unwrap_or(Err(ExportError::Deadline { after }))
        });
        self.sizes.insert(export.id(), spans);
    }

    /// Counts the outcome of one export.
    fn settle(&mut self, done: Result<(task::Id, ExportResult), JoinError>) {
        let (id, result) = match done {
            Ok(done) => done,
            Err(error) if error.is_panic() => (error.id(), Err(ExportError::Panicked)),
            Err(error) => {
                let after = self.config.export_timeout;
                (error.id(), Err(ExportError::Deadline { after }))
            }
        };
        let spans = self.sizes.remove(&id).unwrap_or_default();
        match result {
            Ok(success) => {
                let rejected = success.rejected_spans.min(spans);
                self.stats.rejected.fetch_add(rejected, Ordering::Relaxed);
                self.stats
                    .exported
                    .fetch_add(spans - rejected, Ordering::Relaxed);
                let notice = if rejected > 0 {
                    self.outage.lost(rejected, self.started.elapsed())
                } else {
                    self.outage.over()
                };
                self.tell(notice, "rejected");
            }
            Err(error) => {
                self.stats.fail(&error, spans);
                let notice = self.outage.lost(spans, self.started.elapsed());
                self.tell(notice, error.reason());
            }
        }
    }

    fn tell(&self, notice: Option<Notice>, reason: &'static str) {
        if let Some(notice) = notice {
            notice.tell(self.stats.component_type, reason);
        }
    }

    /// Runs the exporter's own flush or shutdown, in a task so that a panic stays there.
    async fn close_out(&self, deadline: Instant, request: Request) -> bool {
        let exporter = Arc::clone(&self.exporter);
        let closing = task::spawn(async move {
            match request {
                Request::Flush => exporter.force_flush().await,
                Request::Shutdown => exporter.shutdown().await,
            }
        });
        let abort = closing.abort_handle();
        let outcome = timeout_at(deadline.into(), closing).await;
        abort.abort();
        outcome.is_ok()
    }
}

impl LaneStats {
    fn fail(&self, error: &ExportError, spans: u64) {
        if let Some(failed) = self.failed.get(error.reason_index()) {
            failed.fetch_add(spans, Ordering::Relaxed);
        }
    }

    /// Spans that this exporter lost so far.
    pub(crate) fn not_delivered(&self) -> u64 {
        let failed: u64 = self
            .failed
            .iter()
            .map(|failed| failed.load(Ordering::Relaxed))
            .sum();
        failed + self.rejected.load(Ordering::Relaxed) + self.queue_full.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot(&self) -> ExporterStats {
        // Outcomes before `accepted`, so that a snapshot under load never shows more outcomes.
        let exported = self.exported.load(Ordering::Relaxed);
        let rejected = self.rejected.load(Ordering::Relaxed);
        let failed: BTreeMap<_, _> = ExportError::REASONS
            .into_iter()
            .zip(&self.failed)
            .map(|(reason, failed)| (reason, failed.load(Ordering::Relaxed)))
            .filter(|(_, spans)| *spans > 0)
            .collect();
        let settled = exported + rejected + failed.values().sum::<u64>();
        ExporterStats {
            component_type: self.component_type,
            exported,
            rejected,
            failed,
            queue_full: self.queue_full.load(Ordering::Relaxed),
            waiting: self
                .accepted
                .load(Ordering::Relaxed)
                .saturating_sub(settled),
        }
    }
}
