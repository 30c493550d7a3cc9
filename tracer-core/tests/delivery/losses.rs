//! Every loss of spans is logged with its number, place and reason, and with a hint. A shutdown
//! logs the spans that it leaves behind. Source: OpenTelemetry specification, performance.md
//! "Reporting". Each test installs a subscriber, so it runs in a process of its own.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{BatchConfig, FlushError, ShutdownError, TracerProvider, current, span};
use tracing::Level;

use crate::support::{
    Mood, Recorder, TIMEOUT, balanced, configured, eventually,
    log::{Line, Log},
    process::in_own_process,
    provider,
};

/// Returns the only line with this message.
#[track_caller]
fn only(log: &Log, message: &str) -> Line {
    let lines = log.containing(message);
    assert_eq!(lines.len(), 1, "{message:?} in {log:#?}");
    lines[0].clone()
}

#[track_caller]
fn spans(line: &Line) -> u64 {
    line.fields["spans"].parse().expect("a number")
}

fn spam(provider: &TracerProvider, spans: usize) {
    let tracer = provider.tracer("t");
    for _ in 0..spans {
        tracer.start("x");
    }
}

#[test]
fn nothing_is_logged_when_nothing_is_lost() {
    in_own_process!();
    let log = Log::install();
    let provider = provider(&Recorder::default());
    spam(&provider, 1000);
    provider.force_flush(TIMEOUT).expect("flush");
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(log.lines().len(), 0, "{log:#?}");
}

/// A program may end before the worker checks for losses again.
#[test]
fn spans_lost_in_rings_are_logged_by_a_flush() {
    in_own_process!();
    let log = Log::install();
    let recorder = Recorder::with_mood(Mood::Hang);
    let config = BatchConfig::default().max_ring_bytes(4096);
    let provider = configured(&recorder, config.max_concurrent_exports(1));
    spam(&provider, 10_000);
    let flushed = provider.force_flush(Duration::from_millis(50));
    assert_eq!(flushed, Err(FlushError::Deadline));
    let lost = balanced(&provider).dropped.queue_full;
    assert!(lost > 0);
    let line = only(&log, "losing spans");
    assert_eq!((line.level, spans(&line)), (Level::WARN, lost));
    assert_eq!(line.fields["place"], "rings");
    assert_eq!(line.fields["reason"], "queue_full");
    let hint = &line.fields["hint"];
    assert!(
        hint.contains("TRACER_MAX_RING_BYTES") && hint.contains("4096"),
        "{hint}"
    );
}

#[test]
fn shutdown_reports_every_loss_of_the_providers_life() {
    in_own_process!();
    let log = Log::install();
    let recorder = Recorder::with_mood(Mood::Refuse);
    let provider = configured(&recorder, BatchConfig::default().max_ring_bytes(4096));
    spam(&provider, 10);
    let mut large = provider.tracer("t").start("x".repeat(5000));
    large.end();
    provider.force_flush(TIMEOUT).expect_err("refused");
    let late = provider.tracer("t").start("late");
    recorder.set_mood(Mood::Take);
    spam(&provider, 1);
    provider
        .shutdown(TIMEOUT)
        .expect("nothing is lost during it");

    let line = only(&log, "spans were lost before tracing ended");
    assert_eq!((line.level, &*line.fields["lost"]), (Level::WARN, "11"));
    assert_eq!(line.fields["ended"], "12");
    assert_eq!(
        line.fields["reasons"],
        "rings span_too_large: 1, recorder non_retryable: 10"
    );
    let line = only(&log, "still open");
    assert_eq!((line.level, &*line.fields["open"]), (Level::WARN, "1"));
    drop(late);
}

#[test]
fn span_that_is_too_large_is_logged_with_that_reason() {
    in_own_process!();
    let log = Log::install();
    let provider = configured(
        &Recorder::default(),
        BatchConfig::default().max_ring_bytes(4096),
    );
    provider.tracer("t").start("x".repeat(5000)).end();
    provider.force_flush(TIMEOUT).expect("flush");
    let line = only(&log, "losing spans");
    assert_eq!(line.fields["reason"], "span_too_large");
    assert!(line.fields["hint"].contains("4096 bytes"), "{line:?}");
}

/// One of two exporters is slow: its own queue overflows, and the other gets every span.
#[test]
fn overflow_of_one_exporters_queue_is_logged_at_its_start_and_its_end() {
    in_own_process!();
    let log = Log::install();
    let (quick, slow) = (Recorder::default(), Recorder::with_mood(Mood::Hang));
    let provider = TracerProvider::builder()
        .exporter(quick.clone())
        .exporter(slow.clone())
        .batch_config(BatchConfig::default().export_timeout(Duration::from_millis(100)))
        .build()
        .expect("provider");
    let lost = |provider: &TracerProvider| provider.stats().exporters[1].queue_full;
    eventually("a full queue", || {
        spam(&provider, 100);
        lost(&provider) > 0
    });
    // Exports also time out, which is logged with a reason of its own.
    let of_queue = |message| {
        let mut lines = log.containing(message);
        lines.retain(|line| line.fields["reason"] == "queue_full");
        lines
    };
    eventually("the loss in the log", || {
        !of_queue("losing spans").is_empty()
    });
    let began = &of_queue("losing spans")[0];
    let place = &*began.fields["place"];
    assert_eq!((began.level, place), (Level::WARN, "recorder"));
    assert!(spans(began) > 0);
    assert!(began.fields["hint"].contains("OTEL_BSP_MAX_QUEUE_SIZE"));

    eventually("the end in the log", || {
        let over = of_queue("no longer losing spans");
        over.iter().any(|line| spans(line) == lost(&provider))
    });
    slow.set_mood(Mood::Take);
    // Ignored: the result depends on whether an export is still waiting for its timeout.
    let _ = provider.force_flush(TIMEOUT);
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).exporters[0].failed_total(), 0);
}

#[test]
fn shutdown_that_loses_spans_returns_an_error() {
    in_own_process!();
    let log = Log::install();
    let recorder = Recorder::with_mood(Mood::Refuse);
    let provider = provider(&recorder);
    spam(&provider, 7);
    let closed = provider.shutdown(TIMEOUT);
    let lost = FlushError::NotDelivered { spans: 7 };
    assert_eq!(closed, Err(ShutdownError::Flush(lost)));
    only(&log, "losing spans");
    only(&log, "spans were lost before tracing ended");
    let line = only(&log, "shutdown was incomplete");
    assert_eq!(line.fields["error"], "undelivered spans: 7");
}

/// The same for a provider that is only dropped.
#[test]
fn drop_reports_what_it_leaves_behind() {
    in_own_process!();
    let log = Log::install();
    let provider = provider(&Recorder::with_mood(Mood::Refuse));
    spam(&provider, 7);
    let open = provider.tracer("t").start("open");
    drop(provider);
    assert_eq!(only(&log, "spans were lost").fields["lost"], "7");
    assert_eq!(only(&log, "still open").fields["open"], "1");
    drop(open);
}

/// This is what happens after `let _ = init();`, which drops the guard at once.
#[test]
fn first_span_after_the_shutdown_is_logged() {
    in_own_process!();
    let log = Log::install();
    let provider = provider(&Recorder::default());
    let tracer = provider.tracer("t");
    drop(provider);
    for _ in 0..3 {
        let mut span = tracer.start("late");
        span.set_attribute(KeyValue::new("k", "v"));
    }
    let line = only(&log, "after tracing ended");
    assert_eq!(line.level, Level::WARN);
    assert!(line.message.contains("let _guard"), "{line:?}");

    log.clear();
    let disabled = TracerProvider::builder()
        .disabled(true)
        .build()
        .expect("provider");
    spam(&disabled, 1);
    drop(disabled);
    assert_eq!(log.lines().len(), 0, "{log:#?}");
}

/// The same for native spans, which need nothing from a provider while they are open.
#[test]
fn first_native_span_after_the_shutdown_is_logged() {
    in_own_process!();
    let log = Log::install();
    for activates in [false, true] {
        log.clear();
        let provider = TracerProvider::builder()
            .context_activation(activates)
            .build()
            .expect("provider");
        let _default = provider.set_thread_default();
        provider.shutdown(TIMEOUT).expect("shutdown");
        assert_eq!(log.lines().len(), 0, "{log:#?}");
        for _ in 0..3 {
            let outer = span!("late");
            let inner = span!("late, too");
            drop((inner, outer));
        }
        let line = only(&log, "after tracing ended");
        assert_eq!(line.level, Level::WARN);
        // The current span is the same as before.
        assert!(!current().span_context().is_valid());
        assert_eq!(log.lines().len(), 1, "{log:#?}");
    }
}

/// A destination that takes every other batch must not fill the log. The last message names the
/// reason.
#[test]
fn failures_that_alternate_with_successes_are_one_loss() {
    in_own_process!();
    let log = Log::install();
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    for mood in [Mood::Refuse, Mood::Take].repeat(20) {
        recorder.set_mood(mood);
        spam(&provider, 1);
        // The result depends on the mood.
        let _ = provider.force_flush(TIMEOUT);
    }
    // One, or a few on a machine that stops for a second in the middle.
    assert!(log.containing("losing spans").len() <= 4, "{log:#?}");
    eventually("the end in the log", || {
        spam(&provider, 1);
        let _ = provider.force_flush(TIMEOUT);
        !log.containing("no longer losing").is_empty()
    });
    let over = &log.containing("no longer losing")[0];
    assert_eq!(over.fields["reason"], "non_retryable");
    assert_eq!(provider.stats().exporters[0].failed_total(), 20);
}
