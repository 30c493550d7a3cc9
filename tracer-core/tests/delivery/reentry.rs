//! Calls into a provider from its own callbacks, from runtimes and from panic hooks do not
//! deadlock.

use std::{
    future::poll_fn,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, Span as _, SpanKind, TraceId, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use tracer_core::{
    ExportFuture, ExportSuccess, FlushError, ShutdownError, SpanBatch, SpanExporter, TracerProvider,
};

use crate::support::{
    Recorder, TIMEOUT, balanced, eventually, process::in_own_process, provider, sampler::decided,
};

/// The call that an exporter makes to its own provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Flush,
    FlushOnABlockingThread,
    Shutdown,
}

/// Calls its provider once, in its first export.
#[derive(Clone, Debug)]
struct Reentrant {
    call: Call,
    provider: Arc<OnceLock<TracerProvider>>,
    answer: Arc<Mutex<Option<(FlushError, Duration)>>>,
}

impl Reentrant {
    fn call(&self) {
        let before = Instant::now();
        let provider = self.provider.get().expect("set before the first span");
        let error = match self.call {
            Call::Flush | Call::FlushOnABlockingThread => {
                provider.force_flush(TIMEOUT).expect_err("refused")
            }
            Call::Shutdown => match provider.shutdown(TIMEOUT) {
                Err(ShutdownError::Flush(error)) => error,
                other => panic!("{other:?}"),
            },
        };
        let mut answer = self.answer.lock().expect("lock");
        answer.get_or_insert((error, before.elapsed()));
    }
}

impl SpanExporter for Reentrant {
    fn component_type(&self) -> &'static str {
        "reentrant"
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            if self.answer.lock().expect("lock").is_none() {
                let own = self.clone();
                match self.call {
                    Call::Flush | Call::Shutdown => own.call(),
                    Call::FlushOnABlockingThread => {
                        let blocking = tokio::task::spawn_blocking(move || own.call());
                        blocking.await.expect("no panic");
                    }
                }
            }
            Ok(ExportSuccess::default())
        })
    }
}

#[test]
fn exporter_that_flushes_or_closes_its_own_provider_is_refused_at_once() {
    for call in [Call::Flush, Call::FlushOnABlockingThread, Call::Shutdown] {
        let exporter = Reentrant {
            call,
            provider: Arc::default(),
            answer: Arc::default(),
        };
        let provider = TracerProvider::builder()
            .exporter(exporter.clone())
            .build()
            .expect("provider");
        exporter.provider.set(provider.clone()).expect("first");
        provider.tracer("t").start("x");
        let flushed = provider.force_flush(TIMEOUT);
        let answer = exporter.answer.lock().expect("lock").clone();
        let (error, took) = answer.expect("exported");
        assert_eq!(error, FlushError::InsideExporter);
        assert!(took < TIMEOUT / 10, "waited {took:?}");
        if call == Call::Shutdown {
            // The shutdown inside the flush ends it. Whether the flush is in time is a race.
            eventually("the shutdown that no caller waits for", || {
                provider.force_flush(TIMEOUT) == Err(FlushError::AlreadyShutdown)
            });
            let again = provider.shutdown(TIMEOUT);
            assert_eq!(again, Err(ShutdownError::AlreadyShutdown));
        } else {
            assert_eq!(flushed, Ok(()));
            provider.shutdown(TIMEOUT).expect("shutdown");
        }
        let stats = balanced(&provider);
        assert_eq!((stats.ended, stats.exporters[0].waiting), (1, 0));
        // The exporter holds the provider that holds it.
        drop(exporter);
    }
}

/// A flush of another provider cannot deadlock.
#[test]
fn exporter_may_flush_another_provider() {
    #[derive(Debug)]
    struct Relay(TracerProvider);

    impl SpanExporter for Relay {
        fn component_type(&self) -> &'static str {
            "relay"
        }

        fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
            self.0.force_flush(TIMEOUT).expect("flush");
            Box::pin(async { Ok(ExportSuccess::default()) })
        }
    }

    let recorder = Recorder::default();
    let other = provider(&recorder);
    other.tracer("t").start("theirs");
    let relaying = TracerProvider::builder()
        .exporter(Relay(other))
        .build()
        .expect("provider");
    relaying.tracer("t").start("ours");
    relaying.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&relaying).exporters[0].exported, 1);
    assert_eq!(recorder.distinct(), 1);
}

#[test]
fn flush_and_shutdown_work_in_a_current_thread_runtime_and_in_a_poll() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        provider.tracer("t").start("x");
        provider.force_flush(TIMEOUT).expect("flush");
        let mut span = provider.tracer("t").start("in a poll");
        poll_fn(|_| {
            span.end();
            Poll::Ready(provider.force_flush(TIMEOUT))
        })
        .await
        .expect("flush");
        assert_eq!(recorder.distinct(), 2);
        let local = tokio::task::LocalSet::new();
        let clone = provider.clone();
        let shutdown = local.spawn_local(async move { clone.shutdown(TIMEOUT) });
        local
            .run_until(shutdown)
            .await
            .expect("task")
            .expect("shutdown");
    });
    assert_eq!(balanced(&provider).exporters[0].exported, 2);
}

/// A sampler that flushes on the caller's path, as one that reads its own statistics may do.
#[derive(Clone, Debug)]
struct FlushingSampler(Arc<OnceLock<TracerProvider>>);

impl ShouldSample for FlushingSampler {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let provider = self.0.get().expect("set before the first span");
        provider.force_flush(TIMEOUT).expect("flush");
        decided(SamplingDecision::RecordAndSample)
    }
}

#[test]
fn sampler_may_flush() {
    let recorder = Recorder::default();
    let own = Arc::new(OnceLock::new());
    let provider = TracerProvider::builder()
        .sampler(FlushingSampler(Arc::clone(&own)))
        .exporter(recorder.clone())
        .build()
        .expect("provider");
    own.set(provider.clone()).expect("first");
    provider.tracer("t").start("first");
    provider.tracer("t").start("second");
    assert_eq!(recorder.distinct(), 1, "the second one's sampler flushed");
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).exporters[0].exported, 2);
}

/// The hook runs on whatever thread panics: the application's, or the exporter's.
#[test]
fn panic_hook_may_trace_and_flush() {
    in_own_process!();
    #[derive(Debug)]
    struct PanicsOnce(Mutex<bool>);

    impl SpanExporter for PanicsOnce {
        fn component_type(&self) -> &'static str {
            "panics_once"
        }

        fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
            let first = !std::mem::replace(&mut *self.0.lock().expect("lock"), true);
            Box::pin(async move {
                assert!(!first, "asked to");
                Ok(ExportSuccess::default())
            })
        }
    }

    let provider = TracerProvider::builder()
        .exporter(PanicsOnce(Mutex::new(false)))
        .build()
        .expect("provider");
    let (in_hook, answers) = (provider.clone(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&answers);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |_| {
        in_hook.tracer("hook").start("panic");
        let answer = in_hook.force_flush(TIMEOUT);
        let thread = thread::current().name().map(str::to_owned);
        told.lock().expect("lock").push((thread, answer));
    }));
    provider.tracer("t").start("lost to the exporter's panic");
    let first = provider.force_flush(TIMEOUT);
    let user = thread::Builder::new().name("user".to_owned()).spawn(|| {
        let provoked = catch_unwind(AssertUnwindSafe(|| panic!("asked to")));
        assert!(provoked.is_err());
    });
    user.expect("thread").join().expect("caught");
    panic::set_hook(before);
    assert_eq!(first, Err(FlushError::NotDelivered { spans: 1 }));
    provider.shutdown(TIMEOUT).expect("shutdown");
    let answers = answers.lock().expect("lock");
    let on = |name: &str| answers.iter().find(|one| one.0.as_deref() == Some(name));
    let inside = on("tracer-export").expect("a panic of the exporter");
    assert_eq!(inside.1, Err(FlushError::InsideExporter));
    assert_eq!(on("user").expect("a panic of the user").1, Ok(()));
    let stats = balanced(&provider);
    // The exporter's own panic is not traced, because telemetry is suppressed on its thread.
    assert_eq!(stats.ended, 2);
    assert_eq!(stats.exporters[0].failed["panicked"], 1);
    assert_eq!(stats.exporters[0].exported, 1);
}
