//! A lane for the model checkers: the queue and the counts are those of the real one, but its
//! thread has no runtime. It runs one export after the other and takes no time for it.

#![allow(clippy::expect_used, reason = "a model may fail")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::{
    batch::SpanBatch,
    control::{Answer, Gather, Request},
    lane_stats::{Bound, LaneStats},
};
use crate::{
    error::ConfigError,
    exporter::{ExportError, ExportFuture, ExportResult, SpanExporter},
    foreign::isolated,
    provider::Shared,
    sync::{Condvar, Mutex, thread},
};

/// The worker's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    queue: Arc<Queue>,
    stats: Arc<LaneStats>,
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

/// A flush or shutdown on its way to the lane's thread.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) gather: Arc<Gather>,
    pub(crate) failed_before: u64,
}

impl Lane {
    pub(crate) fn start(
        exporter: Arc<dyn SpanExporter>,
        stats: Arc<LaneStats>,
        _: &Shared,
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

    pub(crate) fn stats(&self) -> &Arc<LaneStats> {
        &self.stats
    }

    pub(crate) fn send(&self, batch: SpanBatch, bound: Bound) {
        if self.stats.accept(batch.size(), bound) {
            self.queue.put(Task::Export(batch));
        }
    }

    pub(crate) fn refuse(&self, spans: u64) {
        self.stats.refuse(spans, ExportError::DEADLINE);
    }

    pub(crate) fn begin_shutdown(&self, deadline: Instant) {
        isolated(|| {
            if let Some(exporter) = self.exporter.upgrade() {
                exporter.begin_shutdown(deadline);
            }
        });
    }

    pub(crate) fn order(&self, order: Order) {
        self.queue.put(Task::Serve(order));
    }
}

impl Drop for Lane {
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

fn run(exporter: &dyn SpanExporter, queue: &Queue, stats: &LaneStats) {
    loop {
        for task in queue.take() {
            match task {
                Task::Export(batch) => {
                    stats.begin(batch.size().spans);
                    stats.settle(batch.size(), &outcome(|| exporter.export(&batch)));
                }
                Task::Serve(order) => {
                    let closed = match order.request {
                        Request::Flush => outcome(|| exporter.force_flush()),
                        Request::Shutdown => {
                            stats.seal();
                            outcome(|| exporter.shutdown())
                        }
                    };
                    order.gather.answer(Answer {
                        failed: stats.not_delivered() - order.failed_before,
                        in_time: true,
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
