//! The memory of a process: flat under any load, bounded for any span, and given back.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

mod support;

use std::{
    fs,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use support::{
    Mood, Recorder, TIMEOUT, balanced, configured, eventually, process, provider, rounds,
};
use tokio::sync::Semaphore;
use tracer_core::{
    BatchConfig, ExportFuture, ExportSuccess, FlushError, ShutdownError, SpanBatch, SpanExporter,
    SpanLimits, TracerProvider,
};

const MIB: u64 = 1 << 20;

/// The tests measure the whole process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resident memory of this process in bytes (proc_pid_status(5), `VmRSS` in kB).
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.expect("VmRSS").trim().trim_end_matches(" kB");
    number.parse::<u64>().expect("a number") * 1024
}

/// The threads of pipelines, and all descriptors.
fn threads_and_descriptors() -> (usize, usize) {
    let mut threads = process::threads();
    threads.retain(|name| name.starts_with("tracer-"));
    let descriptors = fs::read_dir("/proc/self/fd").expect("descriptors");
    (threads.len(), descriptors.count())
}

/// Takes one batch for each permit, and all once the permits are closed.
#[derive(Clone, Debug)]
struct Slow(Arc<Pace>);

#[derive(Debug)]
struct Pace {
    permits: Semaphore,
    taken: AtomicU64,
}

impl SpanExporter for Slow {
    fn component_type(&self) -> &'static str {
        "slow"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            if let Ok(permit) = self.0.permits.acquire().await {
                permit.forget();
            }
            let spans = batch.len() as u64;
            self.0.taken.fetch_add(spans, Ordering::Relaxed);
            Ok(ExportSuccess::default())
        })
    }
}

/// The exporter takes one batch of 512 spans for every reading of the memory, at most 50 a second,
/// while two threads make as many spans as they can.
#[test]
fn overload_takes_no_more_memory_with_time_and_is_over_with_its_cause() {
    const MANY: u64 = 100_000;
    let _alone = alone();
    let exporter = Slow(Arc::new(Pace {
        permits: Semaphore::new(0),
        taken: AtomicU64::new(0),
    }));
    let provider = TracerProvider::builder()
        .exporter(exporter.clone())
        // Nothing fails, however long the machine lets a batch wait for its permit.
        .batch_config(
            BatchConfig::default()
                .max_concurrent_exports(1)
                .export_timeout(Duration::from_secs(3600)),
        )
        .build()
        .expect("provider");
    let stop = AtomicBool::new(false);
    let seconds = u64::try_from(rounds(3, 60)).expect("fits");
    thread::scope(|scope| {
        for _ in 0..2 {
            let (tracer, stop) = (provider.tracer("t"), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut span = tracer.start("x");
                    span.set_attribute(KeyValue::new("k", "some value"));
                }
            });
        }
        let dropped = || provider.stats().dropped.queue_full;
        eventually("overload", || dropped() > MANY);
        let dropped_before = dropped();
        let (before, start) = (resident(), Instant::now());
        let mut most = before;
        while start.elapsed() < Duration::from_secs(seconds) {
            most = most.max(resident());
            exporter.0.permits.add_permits(1);
            thread::sleep(Duration::from_millis(20));
        }
        eventually("overload all the time", || {
            dropped() > dropped_before + MANY
        });
        let dropped = dropped();
        println!("{dropped} dropped, {before} bytes before, {most} at most");
        assert!(
            most <= before + 2 * MIB,
            "{before} bytes before, {most} at most"
        );
        stop.store(true, Ordering::Relaxed);
    });
    exporter.0.permits.close();
    // The exporter now takes every batch at once, so the flush ends before its deadline.
    provider.force_flush(TIMEOUT).expect("flush");
    // From now on, no more spans are lost.
    let lost = balanced(&provider).dropped.queue_full;
    let tracer = provider.tracer("t");
    for _ in 0..100 {
        for _ in 0..100 {
            tracer.start("x");
        }
        provider.force_flush(TIMEOUT).expect("flush");
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(&provider);
    assert_eq!(stats.dropped.queue_full, lost);
    assert_eq!(stats.exporters[0].exported, stats.ended - lost);
    assert_eq!(
        stats.exporters[0].exported,
        exporter.0.taken.load(Ordering::Relaxed)
    );
}

/// 128 attributes of 1 MiB each are cut to 4 KiB by default, which makes half a megabyte per span.
/// The queue of an exporter that hangs holds as many of these spans as its limit of bytes allows.
#[test]
fn huge_attributes_are_cut_and_keep_within_the_bytes_of_the_queue() {
    const BUDGET: u64 = 8 * MIB;
    let _alone = alone();
    let recorder = Recorder::with_mood(Mood::Hang);
    let config = BatchConfig::default()
        .max_queue_bytes(BUDGET as usize)
        .max_export_batch_bytes(MIB as usize)
        .max_ring_bytes(MIB as usize)
        .scheduled_delay(Duration::ZERO);
    let provider = configured(&recorder, config);
    let tracer = provider.tracer("t");
    let huge = KeyValue::new("k", "v".repeat(MIB as usize));
    let keys: Vec<_> = (0..128).map(|n| format!("key {n}")).collect();
    let span = || {
        let mut span = tracer.start("huge");
        for key in &keys {
            span.set_attribute(KeyValue::new(key.clone(), huge.value.clone()));
        }
    };
    span();
    let before = resident();
    let mut made = 1;
    eventually("a full queue", || {
        span();
        made += 1;
        provider.stats().dropped.queue_full > 10
    });
    let stats = balanced(&provider);
    // Each record is its 128 values, keys and a few bytes of framing.
    let span_bytes = 128 * (4096 + 20);
    let waiting_bytes = stats.exporters[0].waiting * span_bytes;
    println!(
        "{made} spans, {waiting_bytes} bytes wait, {} more resident",
        resident() - before
    );
    assert!(waiting_bytes <= BUDGET + BUDGET / 20, "{waiting_bytes}");
    assert!(
        waiting_bytes >= BUDGET - BUDGET / 20 - MIB,
        "{waiting_bytes}"
    );
    // The queue, the ring, the batch being formed and one held, each at most doubled by growth.
    let ceiling = BUDGET + MIB + 4 * MIB;
    assert!(
        resident() <= before + ceiling + ceiling / 20,
        "{} more",
        resident() - before
    );
    let answer = provider.shutdown(Duration::from_millis(50));
    assert_eq!(answer, Err(ShutdownError::Flush(FlushError::Deadline)));
    let stats = balanced(&provider);
    assert_eq!((stats.waiting, stats.exporters[0].waiting), (0, 0));
}

/// Without the limit on values, one such span is larger than the rings may be. It is dropped and
/// counted as too large.
#[test]
fn huge_span_without_a_limit_is_dropped_for_its_bytes() {
    let _alone = alone();
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .span_limits(SpanLimits::default().max_value_length(usize::MAX))
        .build()
        .expect("provider");
    let before = resident();
    for _ in 0..3 {
        let mut span = provider.tracer("t").start("huge");
        for key in 0..128 {
            let value = "v".repeat(MIB as usize);
            span.set_attribute(KeyValue::new(format!("key {key}"), value));
        }
    }
    provider.force_flush(TIMEOUT).expect("flush");
    assert_eq!(balanced(&provider).dropped.span_too_large, 3);
    // The buffers of such spans are not kept.
    assert!(
        resident() <= before + 16 * MIB,
        "{} more",
        resident() - before
    );
}

#[test]
fn provider_that_is_rebuilt_gives_back_threads_descriptors_and_memory() {
    let _alone = alone();
    let rebuild = || {
        let recorder = Recorder::default();
        let provider = provider(&recorder);
        for _ in 0..1000 {
            provider.tracer("t").start("x");
        }
        provider.shutdown(TIMEOUT).expect("shutdown");
        assert_eq!(balanced(&provider).exporters[0].exported, 1000);
    };
    for _ in 0..20 {
        rebuild();
    }
    // Exporters' threads end a moment after they have answered.
    let end = |descriptors| {
        eventually("the end of the threads", || {
            let (threads, open) = threads_and_descriptors();
            threads == 0 && open <= descriptors
        });
    };
    end(usize::MAX);
    let (descriptors, before) = (threads_and_descriptors().1, resident());
    for _ in 0..rounds(100, 2000) {
        rebuild();
    }
    end(descriptors);
    let more = resident().saturating_sub(before);
    assert!(more <= MIB, "{more} bytes more");
}
