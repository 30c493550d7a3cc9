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

use super::{batch::SpanBatch, config::BatchConfig, control::Gather};
use crate::{
    exporter::{ExportError, ExportResult, SpanExporter},
    stats::ExporterStats,
};

/// The worker's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    messages: mpsc::UnboundedSender<Message>,
    stats: Arc<LaneStats>,
    max_queue_size: u64,
}

#[derive(Debug)]
enum Message {
    Batch(SpanBatch),
    Flush {
        gather: Arc<Gather>,
        failed_before: u64,
    },
    Shutdown {
        gather: Arc<Gather>,
        failed_before: u64,
    },
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
        let (sender, messages) = mpsc::unbounded_channel();
        let run = Run {
            exporter: Arc::from(exporter),
            stats: Arc::clone(&stats),
            config: config.clone(),
            exports: JoinSet::new(),
            sizes: HashMap::new(),
        };
        thread::Builder::new()
            .name("tracer-export".to_owned())
            .spawn(move || {
                // What the exporter does is not traced: it would export its own spans for ever.
                let _suppressed = Context::enter_telemetry_suppressed_scope();
                runtime.block_on(run.run(messages));
                // An exporter that still blocks a thread must not keep this one.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            messages: sender,
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
        if self.messages.send(Message::Batch(batch)).is_err() {
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

    pub(crate) fn flush(&self, gather: &Arc<Gather>, failed_before: u64) {
        let gather = Arc::clone(gather);
        self.ask(Message::Flush {
            gather,
            failed_before,
        });
    }

    pub(crate) fn shutdown(&self, gather: &Arc<Gather>, failed_before: u64) {
        let gather = Arc::clone(gather);
        self.ask(Message::Shutdown {
            gather,
            failed_before,
        });
    }

    fn ask(&self, message: Message) {
        if let Err(mpsc::error::SendError(
            Message::Flush { gather, .. } | Message::Shutdown { gather, .. },
        )) = self.messages.send(message)
        {
            gather.answer(0, false);
        }
    }
}

/// The lane's thread.
struct Run {
    exporter: Arc<dyn SpanExporter>,
    stats: Arc<LaneStats>,
    config: BatchConfig,
    exports: JoinSet<ExportResult>,
    /// The spans of each export under way.
    sizes: HashMap<task::Id, u64>,
}

impl Run {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        loop {
            let message = tokio::select! {
                Some(done) = self.exports.join_next_with_id(), if !self.exports.is_empty() => {
                    self.settle(done);
                    continue;
                }
                message = messages.recv(),
                    if self.exports.len() < self.config.max_concurrent_exports => message,
            };
            match message {
                Some(Message::Batch(batch)) => self.begin(batch),
                Some(Message::Flush {
                    gather,
                    failed_before,
                }) => {
                    let in_time = self.quiesce(gather.deadline).await
                        && self.close_out(gather.deadline, false).await;
                    gather.answer(self.stats.not_delivered() - failed_before, in_time);
                }
                Some(Message::Shutdown {
                    gather,
                    failed_before,
                }) => {
                    let in_time = self.quiesce(gather.deadline).await;
                    self.abort().await;
                    let in_time = self.close_out(gather.deadline, true).await && in_time;
                    gather.answer(self.stats.not_delivered() - failed_before, in_time);
                    return;
                }
                // The worker is gone without a shutdown: nothing more will come.
                None => return,
            }
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
                if rejected > 0 {
                    tracing::warn!(
                        target: "tracer_core",
                        exporter = self.stats.component_type,
                        spans = rejected,
                        "destination rejected spans"
                    );
                }
            }
            Err(error) => {
                self.stats.fail(&error, spans);
                tracing::warn!(
                    target: "tracer_core",
                    exporter = self.stats.component_type,
                    spans,
                    reason = error.reason(),
                    %error,
                    "spans were not delivered"
                );
            }
        }
    }

    /// Waits until every export under way is settled; false when the deadline comes first.
    async fn quiesce(&mut self, deadline: Instant) -> bool {
        while !self.exports.is_empty() {
            match timeout_at(deadline.into(), self.exports.join_next_with_id()).await {
                Ok(Some(done)) => self.settle(done),
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        true
    }

    /// Drops the exports still under way; they count as failed with the deadline.
    async fn abort(&mut self) {
        self.exports.abort_all();
        while let Some(done) = self.exports.join_next_with_id().await {
            self.settle(done);
        }
    }

    /// Runs the exporter's own flush or shutdown, in a task so that a panic stays there.
    async fn close_out(&self, deadline: Instant, shutdown: bool) -> bool {
        let exporter = Arc::clone(&self.exporter);
        let closing = task::spawn(async move {
            if shutdown {
                exporter.shutdown().await
            } else {
                exporter.force_flush().await
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
