//! Exporters, providers and checks that the test programs share.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[cfg(unix)]
pub mod forked;
pub mod live;
pub mod log;
pub mod meters;
pub mod process;
pub mod random;
pub mod sampler;

use std::{
    collections::HashSet,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::{
    SpanId, TraceId,
    trace::{SpanContext, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::SpanData;
use tracer_core::{
    BatchConfig, ExportError, ExportFuture, ExportSuccess, SpanBatch, SpanExporter, Stats, Status,
    TracerProvider,
};

/// The time after which a waiting test fails.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// How the recorder treats a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Take,
    Reject(u64),
    Refuse,
    Panic,
    Hang,
}

/// An exporter that keeps the spans that it is given. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    mood: Mutex<Mood>,
    spans: Mutex<Vec<SpanData>>,
    batches: Mutex<Vec<usize>>,
    flushed: AtomicBool,
    closed: AtomicBool,
}

impl Recorder {
    pub fn with_mood(mood: Mood) -> Self {
        let recorder = Self::default();
        recorder.set_mood(mood);
        recorder
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    pub fn spans(&self) -> Vec<SpanData> {
        self.inner.spans.lock().unwrap().clone()
    }

    pub fn batches(&self) -> Vec<usize> {
        self.inner.batches.lock().unwrap().clone()
    }

    pub fn was_flushed(&self) -> bool {
        self.inner.flushed.load(Ordering::SeqCst)
    }

    pub fn was_closed(&self) -> bool {
        self.inner.closed.load(Ordering::SeqCst)
    }

    /// Returns the number of spans, after checking that none came twice.
    #[track_caller]
    pub fn distinct(&self) -> u64 {
        let spans = self.spans();
        let ids: HashSet<_> = spans
            .iter()
            .map(|span| span.span_context.span_id())
            .collect();
        assert_eq!(ids.len(), spans.len(), "a span came twice");
        ids.len() as u64
    }
}

impl SpanExporter for Recorder {
    fn component_type(&self) -> &'static str {
        "recorder"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        let mood = *self.inner.mood.lock().unwrap();
        Box::pin(async move {
            match mood {
                Mood::Take | Mood::Reject(_) => {
                    self.inner.batches.lock().unwrap().push(batch.len());
                    self.inner
                        .spans
                        .lock()
                        .unwrap()
                        .extend(batch.to_span_data());
                    Ok(match mood {
                        Mood::Reject(spans) => ExportSuccess::with_rejected(spans),
                        _ => ExportSuccess::default(),
                    })
                }
                Mood::Refuse => Err(ExportError::NonRetryable {
                    status: Status::Http(400),
                }),
                Mood::Panic => quiet_panic(),
                Mood::Hang => std::future::pending().await,
            }
        })
    }

    fn force_flush(&self) -> ExportFuture<'_> {
        self.inner.flushed.store(true, Ordering::SeqCst);
        Box::pin(async { Ok(ExportSuccess::default()) })
    }

    fn shutdown(&self) -> ExportFuture<'_> {
        self.inner.closed.store(true, Ordering::SeqCst);
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

/// Builds a provider with the recorder as its exporter.
pub fn provider(recorder: &Recorder) -> TracerProvider {
    TracerProvider::builder()
        .exporter(recorder.clone())
        .build()
        .expect("provider")
}

/// Builds the same provider with a configuration of the pipeline.
pub fn configured(recorder: &Recorder, config: BatchConfig) -> TracerProvider {
    TracerProvider::builder()
        .exporter(recorder.clone())
        .batch_config(config)
        .build()
        .expect("provider")
}

/// Returns the statistics, after checking that every span is accounted for.
#[track_caller]
pub fn balanced(provider: &TracerProvider) -> Stats {
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:#?}");
    stats
}

/// Returns how often a test repeats its work: `full` with `TRACER_FULL` in the environment, else
/// `usual`.
pub fn rounds(usual: usize, full: usize) -> usize {
    if std::env::var_os("TRACER_FULL").is_some() {
        full
    } else {
        usual
    }
}

/// Panics without calling the panic hook, which would print.
pub fn quiet_panic() -> ! {
    std::panic::resume_unwind(Box::new("asked to"))
}

/// Returns the context of a span in another process.
pub fn remote(flags: u8) -> SpanContext {
    SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        TraceFlags::new(flags),
        true,
        TraceState::NONE,
    )
}

/// Runs a future on a runtime of this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("runtime")
        .block_on(future)
}

/// Waits until a condition holds. Fails if it does not hold within [`TIMEOUT`].
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}
