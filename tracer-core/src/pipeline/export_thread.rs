//! The thread of one exporter. It takes batches from the export queue, and runs the exports on its
//! own tokio runtime.

use std::{
    collections::{HashMap, VecDeque},
    io, mem,
    sync::Arc,
    time::Instant,
};

use tokio::{
    runtime,
    sync::mpsc,
    task::{self, JoinError, JoinSet},
    time::{timeout, timeout_at},
};

use super::{
    config::BatchConfig,
    control::Request,
    export_queue_stats::ExportQueueStats,
    flush_barrier::{Answer, Order},
    outage::{Loss, Outage},
    thread,
};
use crate::{
    exporter::{ExportError, ExportResult, SpanExporter},
    record::{BatchSize, SpanBatch},
};

/// The name of the threads of an exporter.
const NAME: &str = "tracer-export";

/// The maximum number of threads for exporters that block and for the resolver of host names.
const BLOCKING_THREADS: usize = 16;

/// The state of the export thread.
pub(super) struct ExportThread {
    /// The id of the provider.
    provider: u64,
    exporter: Arc<dyn SpanExporter>,
    stats: Arc<ExportQueueStats>,
    config: BatchConfig,
    batches: mpsc::UnboundedReceiver<SpanBatch>,
    exports: JoinSet<ExportResult>,
    under_way: HashMap<task::Id, UnderWay>,
    outage: Outage,
    /// The reason for the last loss.
    lost_by: &'static str,
    started: Instant,
}

/// An export that has no outcome yet.
struct UnderWay {
    size: BatchSize,
    began: Instant,
}

impl ExportThread {
    pub(super) fn new(
        exporter: Arc<dyn SpanExporter>,
        stats: Arc<ExportQueueStats>,
        provider: u64,
        config: BatchConfig,
        batches: mpsc::UnboundedReceiver<SpanBatch>,
    ) -> Self {
        Self {
            provider,
            exporter,
            stats,
            config,
            batches,
            exports: JoinSet::new(),
            under_way: HashMap::new(),
            outage: Outage::default(),
            lost_by: "",
            started: Instant::now(),
        }
    }

    /// Starts the thread. Its runtime sets up all other threads in the same way.
    pub(super) fn start(self, orders: mpsc::UnboundedReceiver<Order>) -> io::Result<()> {
        let provider = self.provider;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name(NAME)
            // The guard is leaked, because the thread keeps this setting until it ends.
            .on_thread_start(move || mem::forget(thread::enter(Some(provider))))
            .build()?;
        thread::spawn(NAME, Some(provider), move || {
            runtime.block_on(self.run(orders));
            // An exporter that still blocks another thread must not delay this one.
            runtime.shutdown_background();
        })
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut later = VecDeque::new();
        loop {
            let order = match later.pop_front() {
                Some(order) => order,
                None => tokio::select! {
                    order = orders.recv() => match order {
                        Some(order) => order,
                        // The worker ended without a shutdown: no more orders will come.
                        None => return,
                    },
                    () = self.advance() => continue,
                },
            };
            if order.request == Request::Shutdown {
                return self.serve(&order).await;
            }
            let overtaken_by = tokio::select! {
                () = self.serve(&order) => None,
                shutdown = next_shutdown(&mut orders, &mut later) => Some(shutdown),
            };
            if let Some(shutdown) = overtaken_by {
                for flush in later.iter().chain([&order]) {
                    flush.barrier.answer(Answer::LATE);
                }
                return self.serve(&shutdown).await;
            }
        }
    }

    /// Waits until an export ends and counts its outcome, or until one can begin and starts it.
    ///
    /// # Cancellation
    /// Cancel safe: there is no await between receiving a batch or an outcome and handling it.
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

    /// Exports the batches that were queued before the order, then flushes or shuts down the
    /// exporter, and answers the order.
    ///
    /// # Cancellation
    /// Cancel safe, like `advance`. A cancelled order is not answered.
    async fn serve(&mut self, order: &Order) {
        let deadline = order.barrier.deadline;
        let (accepted, _) = self.stats.progress();
        let mut in_time = timeout_at(deadline.into(), self.complete(accepted))
            .await
            .is_ok();
        if order.request == Request::Shutdown {
            self.give_up_rest().await;
        }
        let closed = self.close_out(deadline, order.request).await;
        in_time &= closed != Closed::Late;
        order.barrier.answer(Answer {
            lost: self.stats.lost() - order.lost_before,
            in_time,
            exporter_failed: closed == Closed::Failed,
        });
    }

    /// Begins exports until `accepted` spans have left the queue, and waits for their outcomes.
    async fn complete(&mut self, accepted: u64) {
        while self.stats.progress().1 < accepted {
            self.advance().await;
        }
        while let Some(done) = self.exports.join_next_with_id().await {
            self.settle(done);
        }
    }

    /// Counts the spans that are still queued or in flight as failed because of the deadline.
    async fn give_up_rest(&mut self) {
        self.stats.seal();
        self.exports.shutdown().await;
        for UnderWay { began, .. } in self.under_way.values() {
            let after = began.elapsed();
            self.record_duration(*began, &Err(ExportError::Deadline { after }));
        }
        self.batches.close();
    }

    fn begin(&mut self, batch: SpanBatch) {
        let size = batch.size();
        let began = Instant::now();
        self.stats.begin(size.spans);
        let exporter = Arc::clone(&self.exporter);
        let after = self.config.export_limit();
        let export = self.exports.spawn(async move {
            timeout(after, exporter.export(&batch))
                .await
                .unwrap_or(Err(ExportError::Deadline { after }))
        });
        self.under_way.insert(export.id(), UnderWay { size, began });
    }

    fn record_duration(&self, began: Instant, result: &ExportResult) {
        if let Some(metrics) = self.stats.metrics() {
            metrics.exported(began.elapsed(), result);
        }
    }

    /// Counts the outcome of one export.
    fn settle(&mut self, done: Result<(task::Id, ExportResult), JoinError>) {
        let (id, result) = match done {
            Ok(done) => done,
            Err(error) => {
                let id = error.id();
                forget_panic(error);
                (id, Err(ExportError::Panicked))
            }
        };
        let Some(UnderWay { size, began }) = self.under_way.remove(&id) else {
            return;
        };
        self.record_duration(began, &result);
        let lost = self.stats.settle(size, &result);
        let now = self.started.elapsed();
        let notice = if lost > 0 {
            self.lost_by = result
                .as_ref()
                .map_or_else(ExportError::reason, |_| "rejected");
            self.outage.lost(lost, now)
        } else {
            self.outage.over(now)
        };
        if let Some(notice) = notice {
            notice.report(&Loss {
                place: self.stats.component_type,
                reason: self.lost_by,
                hint: hint(&result),
            });
        }
    }

    /// Runs the exporter's own flush or shutdown, in a task that catches a panic.
    async fn close_out(&self, deadline: Instant, request: Request) -> Closed {
        let exporter = Arc::clone(&self.exporter);
        let closing = task::spawn(async move {
            match request {
                Request::Flush => exporter.force_flush().await,
                Request::Shutdown => exporter.shutdown().await,
            }
        });
        let abort = closing.abort_handle();
        match timeout_at(deadline.into(), closing).await {
            Ok(Ok(Ok(_))) => Closed::Well,
            Ok(Ok(Err(_))) => Closed::Failed,
            Ok(Err(error)) => {
                forget_panic(error);
                Closed::Failed
            }
            Err(_) => {
                abort.abort();
                Closed::Late
            }
        }
    }
}

/// How an exporter's own flush or shutdown ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    Failed,
    Late,
    Well,
}

/// Returns the next shutdown. Flushes before it are moved to `later`.
async fn next_shutdown(
    orders: &mut mpsc::UnboundedReceiver<Order>,
    later: &mut VecDeque<Order>,
) -> Order {
    loop {
        match orders.recv().await {
            Some(order) if order.request == Request::Shutdown => return order,
            Some(order) => later.push_back(order),
            None => std::future::pending().await,
        }
    }
}

/// Returns a hint for the log message about an export that lost spans.
fn hint(result: &ExportResult) -> String {
    match result {
        Ok(_) => "the destination rejected some spans of a batch".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Leaks the payload of a panic, because dropping it may panic again.
fn forget_panic(error: JoinError) {
    if let Ok(payload) = error.try_into_panic() {
        mem::forget(payload);
    }
}
