//! Processors under load: many threads, spans that change threads, flushes, a shutdown meanwhile,
//! and threads that end.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{BatchConfig, Span, SpanProcessor, SpanRecord, TracerProvider};

use crate::support::{Recorder, TIMEOUT, balanced, eventually};

const THREADS: u64 = 4;
const SPANS: u64 = 2000;

/// Counts its calls and discards every third span.
#[derive(Clone, Debug, Default)]
struct Third {
    started: Arc<AtomicU64>,
    ending: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

impl SpanProcessor for Third {
    fn on_start(&self, span: &mut Span, _: &Context) {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        span.set_attribute(KeyValue::new("third", number % 3 == 2));
    }

    fn on_ending(&self, span: &mut Span) {
        self.ending.fetch_add(1, Ordering::Relaxed);
        let third = span.record().and_then(|record| record.attribute("third"));
        if third == Some(true.into()) {
            span.discard();
        }
    }

    fn on_end(&self, span: &SpanRecord<'_>, _: &InstrumentationScope) {
        let third = span.attribute("third") == Some(true.into());
        assert_ne!(span.trace_flags().is_sampled(), third);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn provider(third: &Third, recorder: &Recorder) -> TracerProvider {
    // There is room for all spans, so only discarded and late ones are lost.
    let config = BatchConfig::default().max_queue_size(100_000);
    TracerProvider::builder()
        .exporter(recorder.clone())
        .processor(third.clone())
        .batch_config(config)
        .build()
        .expect("provider")
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Half of the spans end on another thread than they started on.
fn load(provider: &TracerProvider) {
    let tracer = provider.tracer("t");
    let (sender, spans) = mpsc::channel::<Span>();
    thread::scope(|scope| {
        scope.spawn(move || spans.into_iter().for_each(drop));
        for _ in 0..THREADS {
            let (tracer, sender) = (tracer.clone(), sender.clone());
            scope.spawn(move || {
                for number in 0..SPANS {
                    let mut span = tracer.start("x");
                    if number % 2 == 0 {
                        sender.send(span).expect("the other thread");
                    } else {
                        span.end();
                    }
                }
            });
        }
        drop(sender);
        for _ in 0..5 {
            // A shutdown may come first.
            let _ = provider.force_flush(TIMEOUT);
        }
    });
}

#[test]
fn every_span_of_many_threads_is_seen_once_at_each_stage() {
    let (third, recorder) = (Third::default(), Recorder::default());
    let provider = provider(&third, &recorder);
    load(&provider);
    provider.shutdown(TIMEOUT).expect("shutdown");
    let all = THREADS * SPANS;
    let seen = [&third.started, &third.ending, &third.ended].map(|counter| read(counter));
    assert_eq!(seen, [all; 3]);
    let stats = balanced(&provider);
    assert_eq!(
        (stats.processor_panics, stats.dropped.discarded),
        (0, all / 3)
    );
    assert_eq!(recorder.distinct(), all - all / 3);
}

#[test]
fn shutdown_under_load_leaves_the_ledger_exact() {
    let (third, recorder) = (Third::default(), Recorder::default());
    let provider = provider(&third, &recorder);
    thread::scope(|scope| {
        scope.spawn(|| load(&provider));
        eventually("some load", || read(&third.ended) > SPANS);
        provider.shutdown(TIMEOUT).expect("shutdown");
    });
    let stats = balanced(&provider);
    assert_eq!(stats.started, stats.ended);
    assert_eq!(read(&third.started), stats.started);
    assert_eq!(read(&third.ending), read(&third.ended));
    assert_eq!(stats.processor_panics, 0);
    assert_eq!(recorder.distinct(), stats.exporters[0].exported);
    // Spans that the processor did not get ended after the shutdown began. Spans that it got may
    // still have been late.
    let unseen = stats.ended - read(&third.ended);
    assert!(unseen <= stats.dropped.already_shutdown);
}

#[test]
fn span_that_ends_with_its_threads_locals_is_shown_and_exported() {
    thread_local! {
        static LAST: RefCell<Option<Span>> = const { RefCell::new(None) };
    }
    let (third, recorder) = (Third::default(), Recorder::default());
    let provider = provider(&third, &recorder);
    let tracer = provider.tracer("t");
    thread::spawn(move || {
        // Registered before the thread's ring, so dropped after it.
        LAST.set(None);
        LAST.set(Some(tracer.start("last")));
    })
    .join()
    .expect("thread");
    provider.shutdown(Duration::from_secs(5)).expect("shutdown");
    assert_eq!((read(&third.ending), read(&third.ended)), (1, 1));
    assert_eq!(recorder.distinct(), 1);
    balanced(&provider);
}
