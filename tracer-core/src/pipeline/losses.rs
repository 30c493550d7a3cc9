//! Logs the loss of spans that found no room in the rings or in the queue of one exporter. The
//! worker does this, because a thread that ends a span must not log.
//!
//! The export threads log failed exports.

use std::time::Duration;

use super::{
    outage::{Loss, Outage},
    ring_registry::DroppedInRings,
    state::PipelineState,
};

/// The losses at one place, read from a counter that only grows.
#[derive(Debug)]
struct Watched {
    loss: Loss,
    outage: Outage,
    /// The counter's value when it was last read.
    last_count: u64,
}

/// The losses of one pipeline.
#[derive(Debug)]
pub(super) struct Losses {
    rings: Watched,
    span_too_large: Watched,
    /// One for each exporter, in the order of [`PipelineState::export_queues`].
    queues: Vec<Watched>,
}

impl Losses {
    pub(super) fn new(state: &PipelineState, max_ring_bytes: usize) -> Self {
        let queue = |component_type| Loss {
            place: component_type,
            reason: "queue_full",
            hint: "this exporter cannot keep up; sample fewer spans, or set \
                   OTEL_BSP_MAX_QUEUE_SIZE to more spans than a burst contains"
                .to_owned(),
        };
        let export_queues = state.export_queues.iter();
        Self {
            rings: Watched::new(Loss {
                place: "rings",
                reason: "queue_full",
                hint: format!(
                    "the exporters cannot keep up, and the rings have reached their \
                     limit of {max_ring_bytes} bytes; sample fewer spans, or raise \
                     TRACER_MAX_RING_BYTES"
                ),
            }),
            span_too_large: Watched::new(Loss {
                place: "rings",
                reason: "span_too_large",
                hint: format!(
                    "a span does not fit into the rings, which may take {max_ring_bytes} bytes; \
                     lower the span limits, or raise TRACER_MAX_RING_BYTES"
                ),
            }),
            queues: export_queues
                .map(|stats| Watched::new(queue(stats.component_type)))
                .collect(),
        }
    }

    /// Logs each loss that has begun, has lasted for another minute, or has ended since the last
    /// call.
    pub(super) fn report(&mut self, dropped: DroppedInRings, state: &PipelineState, now: Duration) {
        self.rings.update(dropped.queue_full, now);
        self.span_too_large.update(dropped.span_too_large, now);
        for (queue, stats) in self.queues.iter_mut().zip(&state.export_queues) {
            queue.update(stats.queue_full(), now);
        }
    }
}

impl Watched {
    fn new(loss: Loss) -> Self {
        Self {
            loss,
            outage: Outage::default(),
            last_count: 0,
        }
    }

    fn update(&mut self, lost: u64, now: Duration) {
        let more = lost - std::mem::replace(&mut self.last_count, lost);
        let notice = if more > 0 {
            self.outage.lost(more, now)
        } else {
            self.outage.over(now)
        };
        if let Some(notice) = notice {
            notice.report(&self.loss);
        }
    }
}
