//! The queue of write requests and the one task that empties it.
//!
//! Each round commits all requests that wait, so batches grow with the load, and a lone request
//! does not wait for others. Senders are answered after the commit. Accepted spans are in the file
//! by then, and survive the death of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::catalog::Catalog;
use super::commit::{AppendOutcome, Committer};
use super::error::AppendError;
use super::write_request::WriteRequest;
use crate::error::in_one_line;
use crate::ledger::{SpanRefusal, WaitingSpans};

/// Bytes of requests that may wait for the writer.
pub(crate) const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of requests after which a commit takes no more of them. Bounds how long a commit takes.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// The time between two probes of the store while nothing is written.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// A request that waits for the writer.
#[derive(Debug)]
struct QueuedWrite {
    request: WriteRequest,
    waiting: WaitingSpans,
    cost: usize,
    reply: oneshot::Sender<Result<AppendOutcome, AppendError>>,
    _permit: OwnedSemaphorePermit,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: mpsc::UnboundedSender<QueuedWrite>,
    room: Arc<Semaphore>,
    healthy: Arc<AtomicBool>,
}

/// A request in the queue.
#[derive(Debug)]
pub(crate) struct PendingAppend(oneshot::Receiver<Result<AppendOutcome, AppendError>>);

impl PendingAppend {
    /// Returns the outcome after the commit.
    ///
    /// # Cancellation
    /// The request stays in the queue, and the ledger gets its outcome.
    pub(crate) async fn committed(self) -> Result<AppendOutcome, AppendError> {
        // The writer drops its half without an answer if it ends early.
        self.0.await.unwrap_or(Err(AppendError::Stopped))
    }
}

impl Queue {
    /// Queues a request whose spans are `waiting`. A full queue refuses it.
    pub(super) fn submit(
        &self,
        request: WriteRequest,
        waiting: WaitingSpans,
    ) -> Result<PendingAppend, AppendError> {
        let cost = request.cost_bytes() + size_of::<QueuedWrite>();
        let permits = u32::try_from(cost.min(QUEUE_BYTES)).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(permits) else {
            waiting.refused(SpanRefusal::QueueFull);
            return Err(AppendError::QueueFull);
        };
        let (reply, outcome) = oneshot::channel();
        let queued = QueuedWrite {
            request,
            waiting,
            cost,
            reply,
            _permit: permit,
        };
        // If the writer has ended, `queued` is dropped here, which counts its spans as interrupted.
        let sent = self.sender.send(queued);
        sent.map_err(|_| AppendError::Stopped)?;
        Ok(PendingAppend(outcome))
    }

    /// Returns a queue of `room` bytes whose writer has ended.
    #[cfg(test)]
    pub(super) fn without_writer(room: usize) -> Self {
        Self {
            sender: mpsc::unbounded_channel().0,
            room: Arc::new(Semaphore::new(room)),
            healthy: Arc::default(),
        }
    }

    /// Returns whether the last commit or probe of the store succeeded.
    pub(super) fn is_healthy(&self) -> bool {
        // Relaxed: no other memory is read because of this flag.
        self.healthy.load(Ordering::Relaxed)
    }
}

/// Starts the writer. It ends when every [`Queue`] is gone and the last request is written.
pub(super) fn start(
    committer: Committer,
    catalog: Arc<Catalog>,
) -> (Queue, JoinHandle<Result<(), sqlx::Error>>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let healthy = Arc::new(AtomicBool::new(true));
    let queue = Queue {
        sender,
        room: Arc::new(Semaphore::new(QUEUE_BYTES)),
        healthy: Arc::clone(&healthy),
    };
    let writer = Writer {
        committer,
        catalog,
        healthy,
    };
    (queue, tokio::spawn(writer.run(receiver)))
}

struct Writer {
    committer: Committer,
    catalog: Arc<Catalog>,
    healthy: Arc<AtomicBool>,
}

impl Writer {
    async fn run(
        mut self,
        mut receiver: mpsc::UnboundedReceiver<QueuedWrite>,
    ) -> Result<(), sqlx::Error> {
        let mut probe = tokio::time::interval(PROBE_INTERVAL);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let first = tokio::select! {
                biased;
                first = receiver.recv() => first,
                _ = probe.tick() => {
                    let probed = self.committer.probe().await;
                    self.note(probed.as_ref().err());
                    continue;
                }
            };
            let Some(first) = first else { break };
            let mut cost = first.cost;
            let mut batch = vec![first];
            while cost < BATCH_BYTES
                && let Ok(next) = receiver.try_recv()
            {
                cost += next.cost;
                batch.push(next);
            }
            self.store(batch).await;
        }
        sqlx::Connection::close(self.committer.connection).await?;
        Ok(())
    }

    async fn store(&mut self, batch: Vec<QueuedWrite>) {
        let requests: Vec<&WriteRequest> = batch.iter().map(|queued| &queued.request).collect();
        let result = self.committer.commit(&requests).await;
        self.note(result.as_ref().err());
        match result {
            Ok(outcomes) => {
                for (queued, outcome) in batch.into_iter().zip(outcomes) {
                    let AppendOutcome {
                        stored,
                        duplicate,
                        trace_too_large,
                    } = outcome;
                    queued.waiting.committed(stored, duplicate, trace_too_large);
                    // A sender that has gone away does not need its answer.
                    let _ = queued.reply.send(Ok(outcome));
                }
            }
            Err(_) => {
                self.catalog.reset();
                for queued in batch {
                    queued.waiting.refused(SpanRefusal::StoreFailed);
                    // As above.
                    let _ = queued.reply.send(Err(AppendError::WriteFailed));
                }
                return;
            }
        }
        if let Err(error) = self.committer.merge_units().await {
            let path = self.committer.path.display();
            eprintln!(
                "cannot merge index units of {path}: {}",
                in_one_line(&error)
            );
        }
    }

    /// Remembers whether the store can be written, and logs each change.
    fn note(&self, error: Option<&sqlx::Error>) {
        let was_healthy = self.healthy.swap(error.is_none(), Ordering::Relaxed);
        let path = self.committer.path.display();
        match error {
            Some(error) if was_healthy => eprintln!("cannot write {path}: {}", in_one_line(error)),
            None if !was_healthy => eprintln!("writing {path} again"),
            _ => {}
        }
    }
}
