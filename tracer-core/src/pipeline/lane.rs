//! One exporter's lane: a bounded queue, and a thread with a runtime that runs its exports.

use std::{
    collections::{HashMap, VecDeque},
    io, mem,
    sync::{Arc, Weak},
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
    batch::{Size, SpanBatch},
    config::BatchConfig,
    control::{Answer, Gather, Request, work_for},
    lane_stats::{Bound, LaneStats},
    outage::{Loss, Outage},
};
use crate::{
    error::ConfigError,
    exporter::{ExportError, ExportResult, SpanExporter},
    foreign::isolated,
    provider::Shared,
};

/// Threads for exporters that block and for the resolver of host names.
const BLOCKING_THREADS: usize = 16;

/// The worker's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    batches: mpsc::UnboundedSender<SpanBatch>,
    // Apart from the batches: a hung export must not keep a request from being seen.
    orders: mpsc::UnboundedSender<Order>,
    stats: Arc<LaneStats>,
    // Weak, because the lane's thread owns the exporter.
    exporter: Weak<dyn SpanExporter>,
}

/// A flush or shutdown on its way to the lane's thread.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) gather: Arc<Gather>,
    /// The spans this exporter had lost before.
    pub(crate) failed_before: u64,
}

impl Lane {
    /// Starts the lane's thread.
    pub(crate) fn start(
        exporter: Arc<dyn SpanExporter>,
        stats: Arc<LaneStats>,
        shared: &Shared,
    ) -> Result<Self, ConfigError> {
        let config = &shared.batch;
        let (batches, queued_batches) = mpsc::unbounded_channel();
        let (orders, queued_orders) = mpsc::unbounded_channel();
        let weak = Arc::downgrade(&exporter);
        let run = Run {
            provider: shared.id,
            exporter,
            stats: Arc::clone(&stats),
            config: config.clone(),
            batches: queued_batches,
            exports: JoinSet::new(),
            under_way: HashMap::new(),
            outage: Outage::default(),
            lost_by: "",
            started: Instant::now(),
        };
        run.spawn(queued_orders).map_err(ConfigError::Spawn)?;
        Ok(Self {
            batches,
            orders,
            stats,
            exporter: weak,
        })
    }

    pub(crate) fn stats(&self) -> &Arc<LaneStats> {
        &self.stats
    }

    /// Queues a batch, or counts it as lost if there is no room.
    pub(crate) fn send(&self, batch: SpanBatch, bound: Bound) {
        let size = batch.size();
        if self.stats.accept(size, bound) && self.batches.send(batch).is_err() {
            // The lane's thread is gone, which only a fault of ours could cause.
            self.stats.begin(size.spans);
            let lost = Err(ExportError::AlreadyShutdown);
            self.stats.settle(size, &lost);
        }
    }

    /// Counts spans as failed without queueing them.
    pub(crate) fn refuse(&self, spans: u64) {
        self.stats.refuse(spans, ExportError::DEADLINE);
    }

    /// Announces a shutdown to the exporter.
    pub(crate) fn begin_shutdown(&self, deadline: Instant) {
        isolated(|| {
            if let Some(exporter) = self.exporter.upgrade() {
                exporter.begin_shutdown(deadline);
            }
        });
    }

    /// Asks for a flush or a shutdown, which `gather` hears of when it is done.
    pub(crate) fn order(&self, order: Order) {
        if let Err(mpsc::error::SendError(order)) = self.orders.send(order) {
            order.gather.answer(Answer::LATE);
        }
    }
}

/// The lane's thread.
struct Run {
    /// The id of the provider.
    provider: u64,
    exporter: Arc<dyn SpanExporter>,
    stats: Arc<LaneStats>,
    config: BatchConfig,
    batches: mpsc::UnboundedReceiver<SpanBatch>,
    exports: JoinSet<ExportResult>,
    under_way: HashMap<task::Id, UnderWay>,
    outage: Outage,
    /// The reason for which spans were last lost.
    lost_by: &'static str,
    started: Instant,
}

/// An export that has no outcome yet.
struct UnderWay {
    size: Size,
    began: Instant,
}

impl Run {
    fn spawn(self, orders: mpsc::UnboundedReceiver<Order>) -> io::Result<()> {
        let provider = self.provider;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("tracer-export")
            // What an exporter does on such a thread is not traced either. The guard stays there.
            .on_thread_start(move || {
                work_for(provider);
                mem::forget(Context::enter_telemetry_suppressed_scope());
            })
            .build()?;
        thread::Builder::new()
            .name("tracer-export".to_owned())
            .spawn(move || {
                work_for(provider);
                // What the exporter does is not traced: it would export its own spans for ever.
                let _suppressed = Context::enter_telemetry_suppressed_scope();
                runtime.block_on(self.run(orders));
                // An exporter that still blocks a thread must not keep this one.
                runtime.shutdown_background();
            })?;
        Ok(())
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut later = VecDeque::new();
        loop {
            let order = match later.pop_front() {
                Some(order) => order,
                None => tokio::select! {
                    order = orders.recv() => match order {
                        Some(order) => order,
                        // The worker is gone without a shutdown: nothing more will come.
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
                    flush.gather.answer(Answer::LATE);
                }
                return self.serve(&shutdown).await;
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
    ///
    /// # Cancellation
    /// Safe to drop, as `advance` is; the order is then not answered.
    async fn serve(&mut self, order: &Order) {
        let deadline = order.gather.deadline;
        let (accepted, _) = self.stats.progress();
        let mut in_time = timeout_at(deadline.into(), self.complete(accepted))
            .await
            .is_ok();
        if order.request == Request::Shutdown {
            self.give_up_rest().await;
        }
        let closed = self.close_out(deadline, order.request).await;
        in_time &= closed != Closed::Late;
        order.gather.answer(Answer {
            failed: self.stats.not_delivered() - order.failed_before,
            in_time,
            exporter_failed: closed == Closed::Failed,
        });
    }

    /// Begins exports until `accepted` spans have begun, and settles those under way.
    async fn complete(&mut self, accepted: u64) {
        while self.stats.progress().1 < accepted {
            self.advance().await;
        }
        while let Some(done) = self.exports.join_next_with_id().await {
            self.settle(done);
        }
    }

    /// Counts what is still queued or under way as failed by the deadline.
    async fn give_up_rest(&mut self) {
        self.stats.seal();
        self.exports.shutdown().await;
        for UnderWay { began, .. } in self.under_way.values() {
            let after = began.elapsed();
            self.tell_duration(*began, &Err(ExportError::Deadline { after }));
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

    fn tell_duration(&self, began: Instant, result: &ExportResult) {
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
        self.tell_duration(began, &result);
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

    /// Runs the exporter's own flush or shutdown, in a task so that a panic stays there.
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

/// The next shutdown; flushes before it are kept for later.
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

/// A hint for the log message about an export that lost spans.
fn hint(result: &ExportResult) -> String {
    match result {
        Ok(_) => "the destination rejected some spans of a batch".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What a panic carries may panic again when it is dropped.
fn forget_panic(error: JoinError) {
    if let Ok(payload) = error.try_into_panic() {
        mem::forget(payload);
    }
}
