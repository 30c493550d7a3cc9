//! The worker: drains all rings, forms batches, hands them to the lanes, answers requests.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::Context;

use super::{
    batch::SpanBatch,
    control::{Answer, Gather, Request, Ticket, work_for},
    lane::{Lane, Order},
    lane_stats::Bound,
    outage::Outage,
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

/// How often new spans are made to follow the wall clock, and losses are looked at.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

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
    clock_read: Duration,
    outage: Outage,
    /// Spans dropped at rings when losses were last looked at.
    dropped: u64,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, engine: Arc<Engine>, lanes: Vec<Lane>) -> Self {
        let limits = BatchLimits {
            spans: shared.batch.max_export_batch_size,
            bytes: shared.batch.max_export_batch_bytes,
            delay: shared.batch.scheduled_delay,
        };
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
            pace: Pace::default(),
            started: Instant::now(),
            clock_read: Duration::ZERO,
            outage: Outage::default(),
            dropped: 0,
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
                    self.shared.limits.tell(true);
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
        if now.saturating_sub(self.clock_read) >= CLOCK_INTERVAL {
            self.clock_read = now;
            self.shared.clock.follow(SystemTime::now);
            self.tell_losses(now);
            self.shared.limits.tell(false);
            diagnostics::deliver_pending();
        }
        self.engine.registry.take_new(&mut self.consumers);
        let fullest = self
            .consumers
            .iter_mut()
            .map(Consumer::used)
            .max()
            .unwrap_or(0);
        let capacity = self.consumers.first().map_or(u64::MAX, Consumer::capacity);
        self.drain(None);
        if self.forming.due_in(&self.limits, now) == Some(Duration::ZERO) {
            self.complete();
        }
        let pause = self.pace.after_round(fullest, capacity);
        if self.held.is_some() {
            return BACK_PRESSURE_PAUSE;
        }
        // A batch is sent when it is due, not one pause later.
        self.forming
            .due_in(&self.limits, now)
            .map_or(pause, |due| pause.min(due))
    }

    /// Tells when rings overflow: nobody else can, because the caller's path must not.
    fn tell_losses(&mut self, now: Duration) {
        let totals = self.engine.registry.totals();
        let dropped = totals.full + totals.oversized;
        let more = dropped - std::mem::replace(&mut self.dropped, dropped);
        let notice = if more > 0 {
            self.outage.lost(more, now)
        } else {
            self.outage.over()
        };
        if let Some(notice) = notice {
            notice.tell("ring", "queue_full");
        }
    }

    /// Moves records from the rings to batches until the rings are empty or, where positions are
    /// given, drained up to them. Returns false when the exporters' queues are full before.
    fn drain(&mut self, until: Option<&[u64]>) -> bool {
        let mut consumers = std::mem::take(&mut self.consumers);
        let mut retired = Vec::new();
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
                retired.push(at);
            }
            if !complete {
                self.next = at + 1;
                break;
            }
        }
        // From the last to the first, so that the positions stay right. During a flush the given
        // positions belong to this order of rings, so they are retired in the next round.
        if until.is_none() {
            retired.sort_unstable();
            for at in retired.into_iter().rev() {
                self.engine.registry.retire(&consumers.remove(at));
            }
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
            self.forming.add(bytes, self.started.elapsed());
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
    fn dispatch_held(&mut self) -> bool {
        let Some(batch) = self.held.take() else {
            return true;
        };
        let mut lanes = self.lanes.iter();
        let room = self.lanes.is_empty()
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
        let gather = Gather::new(tickets, self.lanes.len(), deadline);
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
        gather.answer(Answer {
            in_time,
            ..Answer::default()
        });
        request == Request::Shutdown
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
