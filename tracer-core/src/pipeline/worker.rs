//! The batch worker. It drains all rings, forms batches, queues them for the exporters, and serves
//! flushes and shutdowns.

use std::{
    collections::HashSet,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    config::BatchConfig,
    control::{Request, Ticket},
    export_queue::ExportQueue,
    export_queue_stats::Bound,
    flush_barrier::{Answer, FlushBarrier, Order},
    host::Host,
    losses::Losses,
    ring_registry::Consumer,
    schedule::{BatchLimits, FormingBatch, Pace},
    state::PipelineState,
};
use crate::{diagnostics, error::ConfigError, exporter::SpanExporter, record::SpanBatch};

/// How long the worker pauses while every exporter's queue is full. An export thread wakes it as
/// soon as there is room.
const BACK_PRESSURE_PAUSE: Duration = Duration::from_millis(50);

/// How often the worker adjusts the clock to wall time, logs losses, delivers pending messages and
/// frees unused memory of the rings.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Worker {
    /// The id of the provider.
    provider: u64,
    host: Arc<dyn Host>,
    state: Arc<PipelineState>,
    export_queues: Vec<ExportQueue>,
    limits: BatchLimits,
    /// Whether spans may stay in the rings while every export queue is full.
    may_wait_in_rings: bool,
    consumers: Vec<Consumer>,
    /// The ring with which the next round begins. It changes, so that every ring gets its turn when
    /// there is little room.
    next: usize,
    /// The limits that currently apply to the export queues.
    bound: Bound,
    /// The batch being formed: its counts and its records.
    forming: FormingBatch,
    records: Vec<u8>,
    /// The bytes of the last batch. The next one is likely to be about as large.
    last_bytes: usize,
    /// A complete batch that no exporter has room for.
    held: Option<SpanBatch>,
    pace: Pace,
    started: Instant,
    /// The time of the last upkeep.
    upkeep: Duration,
    losses: Losses,
}

impl Worker {
    /// Starts the export threads, and creates a worker that does not run yet.
    pub(super) fn start(
        provider: u64,
        config: &BatchConfig,
        host: Arc<dyn Host>,
        state: Arc<PipelineState>,
        exporters: impl Iterator<Item = Arc<dyn SpanExporter>>,
    ) -> Result<Self, ConfigError> {
        let limits = BatchLimits {
            spans: config.max_export_batch_size,
            bytes: config.max_export_batch_bytes,
            delay: config.scheduled_delay,
        };
        let stats = state.export_queues.iter().cloned();
        let export_queues = exporters
            .zip(stats)
            .map(|(exporter, stats)| ExportQueue::start(exporter, stats, provider, config))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            provider,
            losses: Losses::new(&state, config.ring_bytes()),
            host,
            state,
            export_queues,
            limits,
            may_wait_in_rings: config.may_wait_in_rings(),
            consumers: Vec::new(),
            next: 0,
            bound: Bound::SpansAndBytes,
            forming: FormingBatch::default(),
            records: Vec::new(),
            last_bytes: 0,
            held: None,
            pace: Pace::new(limits.delay),
            started: Instant::now(),
            upkeep: Duration::ZERO,
        })
    }

    /// Returns the id of the provider.
    pub(super) fn provider(&self) -> u64 {
        self.provider
    }

    /// Runs until a shutdown is requested.
    pub(crate) fn run(mut self) {
        // However this thread ends, its callers must get an answer.
        let _closing = CloseOnDrop(Arc::clone(&self.state));
        let wakeup = Arc::clone(self.state.control.wakeup());
        loop {
            let tickets = self.state.control.take();
            if !tickets.is_empty() {
                if self.serve(tickets) {
                    return;
                }
                // A request that came in the meantime may have ended a pause within `serve`, so the
                // next pause is skipped.
                wakeup.wake();
            }
            let pause = self.round();
            wakeup.pause(pause);
        }
    }

    /// Drains the rings once, and returns how long to pause.
    pub(super) fn round(&mut self) -> Duration {
        let now = self.started.elapsed();
        if now.saturating_sub(self.upkeep) >= UPKEEP_INTERVAL {
            self.upkeep = now;
            self.host.adjust_clock();
            let dropped = self.state.registry.dropped();
            self.losses.report(dropped, &self.state, now);
            self.host.report_limits(false);
            diagnostics::deliver_pending();
            self.state.registry.trim();
        }
        self.state.registry.take_new(&mut self.consumers);
        let consumers = self.consumers.iter_mut();
        let fullest = consumers.map(Consumer::filled_permille).max();
        self.drain(None);
        if self.forming.due_in(&self.limits, now) == Some(Duration::ZERO) {
            self.complete();
        }
        let pause = self.pace.after_round(now, fullest.unwrap_or(0));
        self.state
            .control
            .wakeup()
            .set_waits_for_room(self.held.is_some());
        if self.held.is_some() {
            return BACK_PRESSURE_PAUSE;
        }
        // A batch must be sent when it is due, not one pause later.
        self.forming
            .due_in(&self.limits, now)
            .map_or(pause, |due| pause.min(due))
    }

    /// Moves records from the rings to batches until the rings are empty. If positions are given,
    /// stops at them instead. Returns false if the exporters' queues fill up first.
    fn drain(&mut self, until: Option<&[u64]>) -> bool {
        let mut consumers = mem::take(&mut self.consumers);
        let mut retired = HashSet::new();
        let first = self.next.min(consumers.len());
        let (before, from) = consumers.split_at_mut(first);
        let turns = (first..).zip(from).chain((0..).zip(before));
        let mut complete = true;
        for (at, consumer) in turns {
            // The flag is read before the position, so that the position covers all records pushed
            // before the flag.
            let abandoned = consumer.is_abandoned();
            let available = consumer.available();
            let until = until
                .and_then(|until| until.get(at).copied())
                .unwrap_or(available);
            complete &= self.drain_ring(consumer, until);
            consumer.release();
            if abandoned && consumer.used() == 0 {
                retired.insert(at);
            }
            if !complete {
                self.next = at + 1;
                break;
            }
        }
        // During a flush, the given positions rely on the order of the rings. So rings are retired
        // only in the next round.
        if until.is_none() && !retired.is_empty() {
            let mut at = 0..;
            let is_retired = |_: &mut Consumer| at.next().is_some_and(|at| retired.contains(&at));
            let gone = consumers.extract_if(.., is_retired).collect();
            self.state.registry.retire(gone);
        }
        if self.next >= consumers.len() {
            self.next = 0;
        }
        self.consumers = consumers;
        complete
    }

    fn drain_ring(&mut self, consumer: &mut Consumer, until: u64) -> bool {
        loop {
            if !self.dispatch_held() {
                return false;
            }
            let before = self.records.len();
            if !consumer.pop(until, &mut self.records) {
                return true;
            }
            let bytes = self.records.len() - before;
            if before == 0 {
                self.records.reserve(self.last_bytes.saturating_sub(bytes));
            }
            self.forming.add(bytes, self.pace.last_round());
            if self.forming.is_full(&self.limits) {
                consumer.release();
                self.complete();
            }
        }
    }

    /// Closes the batch being formed and queues it.
    fn complete(&mut self) {
        if !self.dispatch_held() || self.forming.spans == 0 {
            return;
        }
        let forming = mem::take(&mut self.forming);
        // The batch takes over the buffer, without its unused memory. There is no buffer until the
        // next record comes: in an idle process it would lie above the batches that are freed, and
        // keep the allocator from giving their memory back.
        let mut records = mem::take(&mut self.records);
        self.last_bytes = records.len();
        records.shrink_to_fit();
        self.held = Some(SpanBatch::new(
            records,
            forming.spans,
            self.host.resource(),
            self.host.scopes(),
        ));
        self.dispatch_held();
    }

    /// Queues the held batch for every exporter, unless no queue has room. If only some queues have
    /// room, the others lose the batch. Returns whether the batch is no longer held.
    ///
    /// If the number of waiting spans was configured, spans do not wait in the rings, and queues
    /// without room lose the batch. A flush waits for room nevertheless.
    fn dispatch_held(&mut self) -> bool {
        let Some(batch) = self.held.take() else {
            return true;
        };
        let mut queues = self.export_queues.iter();
        let drops = self.bound == Bound::SpansAndBytes && !self.may_wait_in_rings;
        let room = self.export_queues.is_empty()
            || drops
            || queues.any(|queue| queue.stats().has_room(batch.size(), self.bound));
        if !room {
            self.held = Some(batch);
            return false;
        }
        self.state.count_queued(batch.len() as u64);
        for queue in &self.export_queues {
            queue.send(batch.clone(), self.bound);
        }
        true
    }

    /// Serves flushes and shutdowns. Returns true if the worker must end.
    fn serve(&mut self, tickets: Vec<Arc<Ticket>>) -> bool {
        let is_shutdown = |ticket: &&Arc<Ticket>| ticket.request == Request::Shutdown;
        let shutdown = tickets
            .iter()
            .find(is_shutdown)
            .map(|ticket| ticket.deadline);
        let request = if shutdown.is_some() {
            Request::Shutdown
        } else {
            Request::Flush
        };
        // A shutdown keeps its own deadline, whatever flushes came with it.
        let latest = tickets.iter().map(|ticket| ticket.deadline).max();
        let deadline = shutdown.or(latest).unwrap_or_else(Instant::now);
        let queues = self.export_queues.iter();
        let lost_before: Vec<_> = queues.map(|queue| queue.stats().lost()).collect();
        if request == Request::Shutdown {
            // This is done before waiting for room in the queues: an exporter that stops retrying
            // makes room.
            for queue in &self.export_queues {
                queue.begin_shutdown(deadline);
            }
        }
        let barrier = FlushBarrier::new(tickets, self.export_queues.len(), deadline);
        // A flush reports losses only of spans that ended before it. A shutdown also reports spans
        // that are lost while it runs.
        let is_last = request == Request::Shutdown;
        let dropped_before = is_last.then(|| self.state.registry.dropped().total());
        self.bound = Bound::Bytes;
        let in_time = self.drain_all(request, deadline);
        self.bound = Bound::SpansAndBytes;
        if request == Request::Shutdown {
            if !in_time {
                self.give_up_rest();
            }
            self.state.close();
        }
        for (queue, lost_before) in self.export_queues.iter().zip(lost_before) {
            queue.order(Order {
                request,
                barrier: Arc::clone(&barrier),
                lost_before,
            });
        }
        let dropped = self.state.registry.dropped();
        let now = self.started.elapsed();
        self.losses.report(dropped, &self.state, now);
        self.host.report_limits(is_last);
        barrier.answer(Answer {
            lost: dropped_before.map_or(0, |before| dropped.total() - before),
            in_time,
            ..Answer::default()
        });
        is_last
    }

    /// Drains the spans that are in the rings at this moment, and queues them all. Returns false if
    /// the deadline passes before the exporters have room. A shutdown also interrupts a flush.
    fn drain_all(&mut self, request: Request, deadline: Instant) -> bool {
        self.state.registry.take_new(&mut self.consumers);
        let until: Vec<_> = self.consumers.iter_mut().map(Consumer::available).collect();
        loop {
            let drained = self.drain(Some(&until));
            if drained {
                self.complete();
                if self.held.is_none() && self.forming.spans == 0 {
                    return true;
                }
            }
            let overtaken = request == Request::Flush && self.state.control.has_shutdown();
            if overtaken || Instant::now() >= deadline {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.state.control.wakeup().set_waits_for_room(true);
            self.state
                .control
                .wakeup()
                .pause(left.min(BACK_PRESSURE_PAUSE));
        }
    }

    /// Counts the spans that could not be queued as failed because of the deadline, at the end of a
    /// shutdown.
    fn give_up_rest(&mut self) {
        let held = self.held.take().map_or(0, |batch| batch.len());
        let mut spans = (held + mem::take(&mut self.forming).spans) as u64;
        for consumer in &mut self.consumers {
            let until = consumer.available();
            self.records.clear();
            while consumer.pop(until, &mut self.records) {
                spans += 1;
                self.records.clear();
            }
            consumer.release();
        }
        if spans == 0 {
            return;
        }
        self.state.count_queued(spans);
        for queue in &self.export_queues {
            queue.refuse(spans);
        }
    }
}

/// Refuses all requests when the worker ends, even by a panic.
struct CloseOnDrop(Arc<PipelineState>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
#[allow(clippy::expect_used, reason = "a test may fail")]
mod tests;
