//! The worker: drains all rings, forms batches, hands them to the lanes, answers requests.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::Context;

use super::{
    batch::SpanBatch,
    control::{Answer, Gather, Request, Ticket, work_for},
    lane::{Lane, Order},
    lane_stats::Bound,
    losses::Losses,
    state::{BatchLimits, Forming, Pace},
};
use crate::{
    diagnostics,
    provider::{Engine, Shared},
    ring::byte_ring::Consumer,
    sync::Ordering,
};

/// How long the worker pauses while every exporter's queue is full. A lane wakes it as soon as it
/// has room.
const BACK_PRESSURE_PAUSE: Duration = Duration::from_millis(50);

/// How often the worker adjusts the clock to wall time, reports losses, delivers pending messages
/// and frees unused memory of the rings.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Worker {
    shared: Arc<Shared>,
    engine: Arc<Engine>,
    lanes: Vec<Lane>,
    limits: BatchLimits,
    consumers: Vec<Consumer>,
    /// Where the next round begins, so that every ring has its turn when there is little room.
    next: usize,
    /// What bounds the exporters' queues at the moment.
    bound: Bound,
    /// The batch being formed: what is known of it, and its records.
    forming: Forming,
    records: Vec<u8>,
    /// A complete batch that no exporter has room for.
    held: Option<SpanBatch>,
    pace: Pace,
    started: Instant,
    /// When the upkeep was last done.
    upkeep: Duration,
    losses: Losses,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, engine: Arc<Engine>, lanes: Vec<Lane>) -> Self {
        let limits = BatchLimits {
            spans: shared.batch.max_export_batch_size,
            bytes: shared.batch.max_export_batch_bytes,
            delay: shared.batch.scheduled_delay,
        };
        let pace = Pace::new(limits.delay);
        let losses = Losses::new(&engine, shared.batch.ring_bytes());
        Self {
            shared,
            engine,
            lanes,
            limits,
            consumers: Vec::new(),
            next: 0,
            bound: Bound::SpansAndBytes,
            forming: Forming::default(),
            records: Vec::new(),
            held: None,
            pace,
            started: Instant::now(),
            upkeep: Duration::ZERO,
            losses,
        }
    }

    /// Runs until a shutdown is asked for.
    pub(crate) fn run(mut self) {
        // Whatever ends this thread, nobody waits for it in vain.
        let _closing = Closing(Arc::clone(&self.engine));
        work_for(self.shared.id);
        // What is told from here must not make spans that are told of in turn.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        loop {
            let tickets = self.engine.control.take();
            if !tickets.is_empty() {
                if self.serve(tickets) {
                    return;
                }
                // A pause in there may have been ended by a request that came meanwhile: look
                // again before the next one.
                self.engine.control.wake();
            }
            let pause = self.round();
            self.engine.control.pause(pause);
        }
    }

    /// Takes what is in the rings, and returns how long to pause.
    pub(super) fn round(&mut self) -> Duration {
        let now = self.started.elapsed();
        if now.saturating_sub(self.upkeep) >= UPKEEP_INTERVAL {
            self.upkeep = now;
            self.shared.clock.follow(SystemTime::now);
            let dropped = self.engine.registry.dropped();
            self.losses.report(dropped, &self.engine, now);
            self.shared.limits.tell(false);
            diagnostics::deliver_pending();
            self.engine.registry.trim();
        }
        self.engine.registry.take_new(&mut self.consumers);
        let consumers = self.consumers.iter_mut();
        let fullest = consumers.map(Consumer::filled_permille).max();
        self.drain(None);
        if self.forming.due_in(&self.limits, now) == Some(Duration::ZERO) {
            self.complete();
        }
        let pause = self.pace.after_round(now, fullest.unwrap_or(0));
        self.engine.control.set_waits_for_room(self.held.is_some());
        if self.held.is_some() {
            return BACK_PRESSURE_PAUSE;
        }
        // A batch is sent when it is due, not one pause later.
        self.forming
            .due_in(&self.limits, now)
            .map_or(pause, |due| pause.min(due))
    }

    /// Moves records from the rings to batches until the rings are empty or, where positions are
    /// given, drained up to them. Returns false if the exporters' queues fill up before that.
    fn drain(&mut self, until: Option<&[u64]>) -> bool {
        let mut consumers = std::mem::take(&mut self.consumers);
        let mut retired = HashSet::new();
        let first = self.next.min(consumers.len());
        let (before, from) = consumers.split_at_mut(first);
        let turns = (first..).zip(from).chain((0..).zip(before));
        let mut complete = true;
        for (at, consumer) in turns {
            // First the flag, then the position: what came before the flag is then seen.
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
        // During a flush, the given positions rely on the order of the rings, so rings are retired
        // in the next round only.
        if until.is_none() && !retired.is_empty() {
            let mut at = 0..;
            let is_retired = |_: &mut Consumer| at.next().is_some_and(|at| retired.contains(&at));
            let gone = consumers.extract_if(.., is_retired).collect();
            self.engine.registry.retire(gone);
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
            self.forming.add(bytes, self.pace.last_round());
            if self.forming.is_full(&self.limits) {
                consumer.release();
                self.complete();
            }
        }
    }

    /// Closes the batch being formed and hands it on.
    fn complete(&mut self) {
        if !self.dispatch_held() || self.forming.spans == 0 {
            return;
        }
        let forming = std::mem::take(&mut self.forming);
        self.held = Some(SpanBatch::new(
            &self.records,
            forming.spans,
            self.shared.resource(),
            self.shared.scopes(),
        ));
        self.records.clear();
        self.dispatch_held();
    }

    /// Hands the held batch to the lanes, unless none of them has room: one that is full alone
    /// loses it. Returns whether no batch is held any more.
    ///
    /// If the number of waiting spans was set, spans do not wait in the rings: lanes without room
    /// lose the batch. A flush waits for room nevertheless.
    fn dispatch_held(&mut self) -> bool {
        let Some(batch) = self.held.take() else {
            return true;
        };
        let mut lanes = self.lanes.iter();
        let drops = self.bound == Bound::SpansAndBytes && !self.shared.batch.may_wait_in_rings();
        let room = self.lanes.is_empty()
            || drops
            || lanes.any(|lane| lane.stats().has_room(batch.size(), self.bound));
        if !room {
            self.held = Some(batch);
            return false;
        }
        self.count_drained(batch.len() as u64);
        for lane in &self.lanes {
            lane.send(batch.clone(), self.bound);
        }
        true
    }

    fn count_drained(&self, spans: u64) {
        // Release: pairs with the Acquire load in `Engine::stats`, so that who sees the spans here
        // sees them ended.
        self.engine
            .counts
            .drained
            .fetch_add(spans, Ordering::Release);
    }

    /// Serves flushes and shutdowns. Returns true when the worker is to end.
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
        let failed_before: Vec<_> = self
            .lanes
            .iter()
            .map(|lane| lane.stats().not_delivered())
            .collect();
        if request == Request::Shutdown {
            // Before the wait for room in the queues: an exporter that stops retrying makes room.
            for lane in &self.lanes {
                lane.begin_shutdown(deadline);
            }
        }
        let gather = Gather::new(tickets, self.lanes.len(), deadline);
        // A flush reports on the spans that ended before it; a shutdown also on those that are lost
        // while it runs.
        let is_last = request == Request::Shutdown;
        let dropped_before = is_last.then(|| self.engine.registry.dropped().total());
        self.bound = Bound::Bytes;
        let in_time = self.drain_all(request, deadline);
        self.bound = Bound::SpansAndBytes;
        if request == Request::Shutdown {
            if !in_time {
                self.give_up_rest();
            }
            self.engine.close();
        }
        for (lane, failed_before) in self.lanes.iter().zip(failed_before) {
            lane.order(Order {
                request,
                gather: Arc::clone(&gather),
                failed_before,
            });
        }
        let dropped = self.engine.registry.dropped();
        let now = self.started.elapsed();
        self.losses.report(dropped, &self.engine, now);
        self.shared.limits.tell(is_last);
        gather.answer(Answer {
            failed: dropped_before.map_or(0, |before| dropped.total() - before),
            in_time,
            ..Answer::default()
        });
        is_last
    }

    /// Drains what the rings hold at this moment, and hands it all on; false when the deadline
    /// comes, or a shutdown overtakes a flush, before the exporters have room for it.
    fn drain_all(&mut self, request: Request, deadline: Instant) -> bool {
        self.engine.registry.take_new(&mut self.consumers);
        let until: Vec<_> = self.consumers.iter_mut().map(Consumer::available).collect();
        loop {
            let drained = self.drain(Some(&until));
            if drained {
                self.complete();
                if self.held.is_none() && self.forming.spans == 0 {
                    return true;
                }
            }
            let overtaken = request == Request::Flush && self.engine.control.has_shutdown();
            if overtaken || Instant::now() >= deadline {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.engine.control.set_waits_for_room(true);
            self.engine.control.pause(left.min(BACK_PRESSURE_PAUSE));
        }
    }

    /// At the end of a shutdown, counts what could not be handed on as failed by the deadline.
    fn give_up_rest(&mut self) {
        let held = self.held.take().map_or(0, |batch| batch.len());
        let mut spans = (held + std::mem::take(&mut self.forming).spans) as u64;
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
        self.count_drained(spans);
        for lane in &self.lanes {
            lane.refuse(spans);
        }
    }
}

/// Answers everybody when the worker ends, in whatever way.
struct Closing(Arc<Engine>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
#[allow(clippy::expect_used, reason = "a test may fail")]
mod tests;
