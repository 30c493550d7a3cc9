//! The queue in front of the store and the one task that empties it.
//!
//! Each round takes what is waiting and commits it together, so the batch grows with the load by
//! itself and a lone request waits for nothing. Senders are answered after the commit: what was
//! accepted is in the file and survives the death of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::catalog::Catalog;
use super::commit::{Committer, Outcome, Work};
use crate::error::in_one_line;
use crate::ledger::{SpanRefusal, WaitingSpans};

/// Bytes of segments that may wait for the writer.
pub(crate) const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of segments that go into one commit, if as many wait. Bounds how long a commit takes.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How often the store is tried while nothing is written.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Why a request was not stored. It may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotStored;

/// A request on its way into the store.
#[derive(Debug)]
struct Submission {
    work: Work,
    waiting: WaitingSpans,
    cost: usize,
    reply: oneshot::Sender<Result<Outcome, NotStored>>,
    _permit: OwnedSemaphorePermit,
}

/// Hands segments to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    sender: mpsc::UnboundedSender<Submission>,
    room: Arc<Semaphore>,
    healthy: Arc<AtomicBool>,
}

impl Queue {
    /// Queues the segments of a request, whose spans are `waiting`, and returns where its outcome
    /// will come, or refuses it if the queue is full.
    pub(crate) fn submit(
        &self,
        work: Work,
        waiting: WaitingSpans,
    ) -> Result<oneshot::Receiver<Result<Outcome, NotStored>>, NotStored> {
        let cost = work
            .segments
            .iter()
            .map(super::segment::Segment::cost_bytes)
            .sum::<usize>()
            + work.seen.cost_bytes()
            + size_of::<Submission>();
        let permits = u32::try_from(cost.min(QUEUE_BYTES)).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(permits) else {
            waiting.refused(SpanRefusal::QueueFull);
            return Err(NotStored);
        };
        let (reply, outcome) = oneshot::channel();
        let submission = Submission {
            work,
            waiting,
            cost,
            reply,
            _permit: permit,
        };
        // The writer has ended: the submission is dropped, and with it what waited.
        self.sender.send(submission).map_err(|_| NotStored)?;
        Ok(outcome)
    }

    /// A queue of `room` bytes whose writer has ended.
    #[cfg(test)]
    pub(crate) fn without_writer(room: usize) -> Self {
        Self {
            sender: mpsc::unbounded_channel().0,
            room: Arc::new(Semaphore::new(room)),
            healthy: Arc::default(),
        }
    }

    /// Whether the last commit or probe of the store succeeded.
    pub(crate) fn is_healthy(&self) -> bool {
        // Relaxed: a flag by itself, nothing is read on its strength.
        self.healthy.load(Ordering::Relaxed)
    }
}

/// Starts the writer. It ends when every [`Queue`] is gone and the last segment is stored.
pub(crate) fn start(
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
        mut receiver: mpsc::UnboundedReceiver<Submission>,
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

    async fn store(&mut self, batch: Vec<Submission>) {
        let works: Vec<&Work> = batch.iter().map(|submission| &submission.work).collect();
        let result = self.committer.commit(&works).await;
        self.note(result.as_ref().err());
        match result {
            Ok(outcomes) => {
                for (submission, outcome) in batch.into_iter().zip(outcomes) {
                    let Outcome {
                        stored,
                        duplicate,
                        trace_too_large,
                    } = outcome;
                    submission
                        .waiting
                        .committed(stored, duplicate, trace_too_large);
                    // A sender that has gone away does not need its answer.
                    let _ = submission.reply.send(Ok(outcome));
                }
            }
            Err(_) => {
                self.catalog.reset();
                for submission in batch {
                    submission.waiting.refused(SpanRefusal::StoreFailed);
                    // As above.
                    let _ = submission.reply.send(Err(NotStored));
                }
                return;
            }
        }
        if let Err(error) = self.committer.merge_units().await {
            let path = self.committer.path.display();
            eprintln!("cannot join index units of {path}: {}", in_one_line(&error));
        }
    }

    /// Remembers whether the store can be written, and says so once when that changes.
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
