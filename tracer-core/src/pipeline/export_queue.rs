//! The worker's end of the queue of one exporter.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use tokio::sync::mpsc;

use super::{
    config::BatchConfig,
    export_queue_stats::{Bound, ExportQueueStats},
    export_thread::ExportThread,
    flush_barrier::{Answer, Order},
};
use crate::{
    error::ConfigError,
    exporter::{ExportError, FailureReason, SpanExporter},
    panic_guard::catch_panic,
    record::SpanBatch,
};

/// A bounded queue of batches, and the orders to the export thread that takes them.
#[derive(Debug)]
pub(crate) struct ExportQueue {
    batches: mpsc::UnboundedSender<SpanBatch>,
    // A channel of their own, because an order must be received even if an export hangs.
    orders: mpsc::UnboundedSender<Order>,
    stats: Arc<ExportQueueStats>,
    // Weak, because the export thread owns the exporter.
    exporter: Weak<dyn SpanExporter>,
}

impl ExportQueue {
    /// Starts the export thread.
    pub(crate) fn start(
        exporter: Arc<dyn SpanExporter>,
        stats: Arc<ExportQueueStats>,
        provider: u64,
        config: &BatchConfig,
    ) -> Result<Self, ConfigError> {
        let (batches, queued_batches) = mpsc::unbounded_channel();
        let (orders, queued_orders) = mpsc::unbounded_channel();
        let weak = Arc::downgrade(&exporter);
        let thread = ExportThread::new(
            exporter,
            Arc::clone(&stats),
            provider,
            config.clone(),
            queued_batches,
        );
        thread.start(queued_orders).map_err(ConfigError::Spawn)?;
        Ok(Self {
            batches,
            orders,
            stats,
            exporter: weak,
        })
    }

    pub(crate) fn stats(&self) -> &Arc<ExportQueueStats> {
        &self.stats
    }

    /// Queues a batch, or counts it as lost if there is no room.
    pub(crate) fn send(&self, batch: SpanBatch, bound: Bound) {
        let size = batch.size();
        if self.stats.accept(size, bound) && self.batches.send(batch).is_err() {
            // The export thread is gone, which only a bug in this crate can cause.
            self.stats.begin(size.spans);
            let lost = Err(ExportError::AlreadyShutdown);
            self.stats.settle(size, &lost);
        }
    }

    /// Counts spans as failed without queueing them.
    pub(crate) fn refuse(&self, spans: u64) {
        self.stats.refuse(spans, FailureReason::Deadline);
    }

    /// Announces a shutdown to the exporter.
    pub(crate) fn begin_shutdown(&self, deadline: Instant) {
        catch_panic(|| {
            if let Some(exporter) = self.exporter.upgrade() {
                exporter.begin_shutdown(deadline);
            }
        });
    }

    /// Sends an order for a flush or a shutdown. Its barrier gets the answer.
    pub(crate) fn order(&self, order: Order) {
        if let Err(mpsc::error::SendError(order)) = self.orders.send(order) {
            order.barrier.answer(Answer::LATE);
        }
    }
}
