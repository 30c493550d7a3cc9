//! The export queue of the model checkers. Its limits, counters and metrics are the real ones, but
//! its thread has no runtime: it runs one export after the other, and an export takes no time.

#![allow(clippy::expect_used, reason = "a model may fail")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::{
    config::BatchConfig,
    control::Request,
    export_queue_stats::{Bound, ExportQueueStats},
    flush_barrier::{Answer, Order},
};
use crate::{
    error::ConfigError,
    exporter::{ExportError, ExportFuture, ExportResult, FailureReason, SpanExporter},
    panic_guard::catch_panic,
    record::SpanBatch,
    sync::{Condvar, Mutex, thread},
};

/// The worker's end of an export queue.
#[derive(Debug)]
pub(crate) struct ExportQueue {
    queue: Arc<Queue>,
    stats: Arc<ExportQueueStats>,
    exporter: Weak<dyn SpanExporter>,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: Mutex<Vec<Task>>,
    arrival: Condvar,
}

#[derive(Debug)]
enum Task {
    Export(SpanBatch),
    Serve(Order),
    End,
}

impl ExportQueue {
    pub(crate) fn start(
        exporter: Arc<dyn SpanExporter>,
        stats: Arc<ExportQueueStats>,
        _provider: u64,
        _config: &BatchConfig,
    ) -> Result<Self, ConfigError> {
        let queue = Arc::new(Queue::default());
        let weak = Arc::downgrade(&exporter);
        let (own_queue, own_stats) = (Arc::clone(&queue), Arc::clone(&stats));
        thread::Builder::new()
            .spawn(move || run(&*exporter, &own_queue, &own_stats))
            .map_err(ConfigError::Spawn)?;
        Ok(Self {
            queue,
            stats,
            exporter: weak,
        })
    }

    pub(crate) fn stats(&self) -> &Arc<ExportQueueStats> {
        &self.stats
    }

    pub(crate) fn send(&self, batch: SpanBatch, bound: Bound) {
        if self.stats.accept(batch.size(), bound) {
            self.queue.put(Task::Export(batch));
        }
    }

    pub(crate) fn refuse(&self, spans: u64) {
        self.stats.refuse(spans, FailureReason::Deadline);
    }

    pub(crate) fn begin_shutdown(&self, deadline: Instant) {
        catch_panic(|| {
            if let Some(exporter) = self.exporter.upgrade() {
                exporter.begin_shutdown(deadline);
            }
        });
    }

    pub(crate) fn order(&self, order: Order) {
        self.queue.put(Task::Serve(order));
    }
}

impl Drop for ExportQueue {
    fn drop(&mut self) {
        self.queue.put(Task::End);
    }
}

impl Queue {
    fn put(&self, task: Task) {
        self.tasks.lock().push(task);
        self.arrival.notify_all();
    }

    fn take(&self) -> Vec<Task> {
        let mut tasks = self.tasks.lock();
        while tasks.is_empty() {
            tasks = self.arrival.wait(tasks);
        }
        std::mem::take(&mut tasks)
    }
}

fn run(exporter: &dyn SpanExporter, queue: &Queue, stats: &ExportQueueStats) {
    loop {
        for task in queue.take() {
            match task {
                Task::Export(batch) => {
                    let began = Instant::now();
                    stats.begin(batch.size().spans);
                    let result = outcome(|| exporter.export(&batch));
                    if let Some(metrics) = stats.metrics() {
                        metrics.exported(began.elapsed(), &result);
                    }
                    stats.settle(batch.size(), &result);
                }
                Task::Serve(order) => {
                    let closed = match order.request {
                        Request::Flush => outcome(|| exporter.force_flush()),
                        Request::Shutdown => {
                            stats.seal();
                            outcome(|| exporter.shutdown())
                        }
                    };
                    order.barrier.answer(Answer {
                        lost: stats.lost() - order.lost_before,
                        in_time: Instant::now() <= order.barrier.deadline,
                        exporter_failed: closed.is_err(),
                    });
                }
                Task::End => return,
            }
        }
    }
}

/// The result of a future that is ready at once, or of a panic.
fn outcome<'a>(call: impl FnOnce() -> ExportFuture<'a>) -> ExportResult {
    let poll = || {
        let future = pin!(call());
        match { future }.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ExportError::Panicked),
        }
    };
    catch_unwind(AssertUnwindSafe(poll)).unwrap_or(Err(ExportError::Panicked))
}
