//! Bursts of spans that end faster than an exporter takes them stay within bounds, and are sent.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tokio::sync::Semaphore;
use tracer_core::{
    BatchConfig, ExportFuture, ExportSuccess, SpanBatch, SpanExporter, SpanLimits, Stats,
    TracerProvider, env::Env, span,
};

use crate::support::{TIMEOUT, balanced, eventually};

/// An exporter that takes nothing until it is opened, and then everything. Clones share one state.
#[derive(Clone, Debug)]
struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    permits: Semaphore,
    spans: AtomicU64,
    attributes: AtomicU64,
    events: AtomicU64,
}

impl Gate {
    fn closed() -> Self {
        Self(Arc::new(Inner {
            permits: Semaphore::new(0),
            spans: AtomicU64::new(0),
            attributes: AtomicU64::new(0),
            events: AtomicU64::new(0),
        }))
    }

    fn open(&self) {
        self.0.permits.close();
    }

    fn provider(&self, config: BatchConfig) -> TracerProvider {
        TracerProvider::builder()
            .exporter(self.clone())
            // No export fails, however long the gate is closed.
            .batch_config(config.export_timeout(Duration::from_secs(3600)))
            .build()
            .expect("provider")
    }

    /// Opens the gate, shuts the provider down, and checks that all spans arrived.
    #[track_caller]
    fn deliver(&self, provider: &TracerProvider, spans: u64) {
        let before = balanced(provider);
        assert_eq!((before.ended, before.dropped.total()), (spans, 0));
        self.open();
        // The exporter decodes up to 700,000 spans, which takes seconds of one processor in a debug
        // build, and a multiple of that on a busy machine.
        provider.shutdown(TIMEOUT * 10).expect("shutdown");
        let stats = balanced(provider);
        assert_eq!(stats.exporters[0].exported, spans, "{stats:#?}");
        assert_eq!(self.0.spans.load(Ordering::Relaxed), spans);
    }
}

impl SpanExporter for Gate {
    fn component_type(&self) -> &'static str {
        "gate"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            // An error means that the gate is open.
            if let Ok(permit) = self.0.permits.acquire().await {
                permit.forget();
            }
            for span in batch.to_span_data() {
                let add = |sum: &AtomicU64, more: usize| {
                    sum.fetch_add(more as u64, Ordering::Relaxed);
                };
                add(&self.0.spans, 1);
                add(&self.0.attributes, span.attributes.len());
                add(&self.0.events, span.events.len());
            }
            Ok(ExportSuccess::default())
        })
    }
}

/// Makes spans with two attributes on this thread.
fn burst(provider: &TracerProvider, spans: u64) {
    let _default = provider.set_thread_default();
    for number in 0..spans {
        let _span = span!("burst", "number" = number as i64, "kind" = "some text");
    }
}

#[test]
fn burst_of_one_thread_is_held_and_sent() {
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::default());
    burst(&provider, 100_000);
    gate.deliver(&provider, 100_000);
    assert_eq!(gate.0.attributes.load(Ordering::Relaxed), 200_000);
}

#[test]
fn burst_of_four_threads_is_held_and_sent() {
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| burst(&provider, 25_000));
        }
    });
    gate.deliver(&provider, 100_000);
}

#[test]
fn burst_of_large_spans_is_held_and_sent() {
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::default());
    let tracer = provider.tracer("t");
    for _ in 0..500 {
        let mut span = tracer.start("large");
        for key in ["first", "second"] {
            span.set_attribute(KeyValue::new(key, "v".repeat(4096)));
        }
    }
    gate.deliver(&provider, 500);
}

/// Such a span used to be lost, because it was larger than a thread's ring.
#[test]
fn largest_span_that_the_default_limits_allow_is_sent() {
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::default());
    let mut span = provider.tracer("t").start("largest");
    for key in 0..128 {
        span.set_attribute(KeyValue::new(format!("key {key}"), "v".repeat(4096)));
    }
    span.end();
    gate.deliver(&provider, 1);
    assert_eq!(gate.0.attributes.load(Ordering::Relaxed), 128);
}

#[test]
fn span_with_ten_thousand_events_is_sent_where_the_limit_allows_it() {
    let gate = Gate::closed();
    let provider = TracerProvider::builder()
        .exporter(gate.clone())
        .span_limits(SpanLimits::default().max_events(10_000))
        .build()
        .expect("provider");
    let mut span = provider.tracer("t").start("eventful");
    for number in 0..10_000 {
        let attributes = vec![
            KeyValue::new("number", number),
            KeyValue::new("text", "some"),
        ];
        span.add_event("something happened", attributes);
    }
    span.end();
    gate.deliver(&provider, 1);
    assert_eq!(gate.0.events.load(Ordering::Relaxed), 10_000);
}

/// Returns how many spans wait while the exporter takes nothing: in rings, in the batch being
/// formed, and in the queue.
fn waiting(stats: &Stats) -> u64 {
    stats.waiting + stats.exporters[0].waiting
}

/// trace/sdk.md "Batching processor": beyond `maxQueueSize` spans are dropped.
#[test]
fn queue_size_that_is_set_bounds_the_spans_that_wait() {
    const QUEUE: u64 = 1000;
    const BATCH: u64 = 100;
    let mut env = Env::new(|name| match name {
        "OTEL_BSP_MAX_QUEUE_SIZE" => Some(QUEUE.to_string()),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" => Some(BATCH.to_string()),
        "OTEL_BSP_SCHEDULE_DELAY" => Some("0".to_owned()),
        _ => None,
    });
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::from_env(&mut env).max_concurrent_exports(1));
    burst(&provider, 20_000);
    eventually("an empty ring", || provider.stats().waiting == 0);
    let stats = balanced(&provider);
    // One batch is under way and does not count as waiting, and batches are taken whole.
    let held = waiting(&stats);
    assert!(held <= QUEUE + BATCH && held > QUEUE - BATCH, "{stats:#?}");
    assert_eq!(stats.exporters[0].queue_full, 20_000 - held);
    assert_eq!(stats.dropped.total(), 0);
    gate.open();
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).exporters[0].exported, held);
}

/// More spans than fit into the default 32 MiB of the rings and 32 MiB of the queue.
#[test]
fn large_queue_size_that_is_set_holds_as_many_spans() {
    // At least 112 bytes each, 75 MB in all.
    const SPANS: u64 = 700_000;
    let mut env =
        Env::new(|name| (name == "OTEL_BSP_MAX_QUEUE_SIZE").then(|| "1000000".to_owned()));
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::from_env(&mut env));
    burst(&provider, SPANS);
    eventually("an empty ring", || provider.stats().waiting < 512);
    let stats = balanced(&provider);
    assert_eq!(waiting(&stats), SPANS, "{stats:#?}");
    gate.deliver(&provider, SPANS);
}

/// The memory of the rings is bounded for all threads together, and shown in the statistics.
#[test]
fn rings_of_all_threads_keep_within_their_budget() {
    const BUDGET: u64 = 1 << 20;
    let gate = Gate::closed();
    let config = BatchConfig::default().max_ring_bytes(BUDGET as usize);
    let provider = gate.provider(config);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    burst(&provider, 1000);
                    assert!(provider.stats().ring_bytes <= BUDGET);
                }
            });
        }
    });
    let stats = balanced(&provider);
    assert_eq!(stats.ended, 200_000);
    assert!(stats.dropped.queue_full > 0, "{stats:#?}");
    assert!(stats.ring_bytes > BUDGET - (1 << 17), "{stats:#?}");
    // At least as many spans as fit: 64 KiB of a ring hold 480 spans of 136 bytes.
    assert!(stats.waiting > 6000, "{stats:#?}");
    gate.open();
    provider.force_flush(TIMEOUT).expect("flush");
    let lost = stats.dropped.queue_full;
    assert_eq!(balanced(&provider).exporters[0].exported, 200_000 - lost);
    // This takes up to about three seconds.
    eventually("freed memory", || provider.stats().ring_bytes == 0);
    assert_eq!(provider.stats().rings, 0);
}

/// Twenty threads live at the same time, and the budget has room for two rings.
#[test]
fn threads_for_which_no_ring_is_left_share_one() {
    const THREADS: usize = 20;
    let gate = Gate::closed();
    let config = BatchConfig::default().max_ring_bytes(2 * (16 << 10));
    let provider = gate.provider(config);
    let all = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..3 {
                    burst(&provider, 1);
                    provider.tracer("t").start("of the API");
                    all.wait();
                }
            });
        }
    });
    assert_eq!(provider.stats().rings, 3);
    gate.deliver(&provider, THREADS as u64 * 6);
}

/// A span whose record is as large as the budget allows is sent. A larger one is dropped and
/// counted as too large.
#[test]
fn span_up_to_the_budget_is_sent() {
    const BUDGET: usize = 1 << 20;
    let gate = Gate::closed();
    let provider = TracerProvider::builder()
        .exporter(gate.clone())
        .span_limits(SpanLimits::default().max_value_length(usize::MAX))
        .batch_config(BatchConfig::default().max_ring_bytes(BUDGET))
        .build()
        .expect("provider");
    let span = |bytes: usize| {
        let mut span = provider.tracer("t").start("x");
        span.set_attribute(KeyValue::new("k", "v".repeat(bytes)));
    };
    // The budget less the thread's first 16 KiB and some room for the head of the record.
    span(BUDGET - (16 << 10) - 4096);
    span(BUDGET);
    let stats = balanced(&provider);
    assert_eq!(stats.dropped.span_too_large, 1, "{stats:#?}");
    gate.open();
    provider.force_flush(TIMEOUT).expect("flush");
    span(BUDGET / 2);
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).exporters[0].exported, 2);
}

/// Each thread keeps the segment that it used last. The segments of 600 threads that had once been
/// slightly busy used up the whole budget of 32 MiB, and a burst lost nearly half of its spans.
#[test]
fn burst_beside_many_threads_is_held_and_sent() {
    const THREADS: u64 = 600;
    let gate = Gate::closed();
    let provider = gate.provider(BatchConfig::default());
    let all = Barrier::new(THREADS as usize + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let small = thread::Builder::new().stack_size(256 << 10);
            let busy = || {
                burst(&provider, 200);
                all.wait();
                all.wait();
            };
            small.spawn_scoped(scope, busy).expect("a thread");
        }
        all.wait();
        gate.open();
        // The statistics count the losses.
        let _ = provider.force_flush(TIMEOUT);
        burst(&provider, 100_000);
        all.wait();
    });
    gate.deliver(&provider, THREADS * 200 + 100_000);
}
