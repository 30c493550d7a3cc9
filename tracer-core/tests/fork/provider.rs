//! A forked child exports its own spans, and the parent exports those of the parent.

use std::{
    fs, mem,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    InstrumentationScope, Key, KeyValue, Value,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracer_core::{
    BatchConfig, ExportError, ExportFuture, ExportSuccess, FlushError, ShutdownError, SpanBatch,
    SpanExporter, SpanProcessor, SpanRecord, Stats, TracerProvider,
    resource::{self, Detector, System},
    sdk::RingProcessor,
};

use crate::support::{
    Recorder, TIMEOUT, balanced,
    forked::{ToFile, exported, forked},
    process::{self, in_own_process},
    provider, rounds,
};

fn to_file(folder: &Path) -> TracerProvider {
    TracerProvider::builder()
        .exporter(ToFile::new(folder))
        .build()
        .expect("provider")
}

#[test]
fn children_of_a_loaded_process_export_all_of_their_own_and_nothing_of_its() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = to_file(folder.path());
    let stop = AtomicBool::new(false);
    let rounds = rounds(50, 1000);
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // New scopes and flushes take the locks that a fork may find taken.
                    let tracer = provider.tracer("load");
                    for _ in 0..20 {
                        tracer.start("parent");
                    }
                    provider.force_flush(TIMEOUT).expect("flush");
                }
            });
        }
        let tracer = provider.tracer("t");
        for _ in 0..rounds {
            tracer.start("parent");
            let mut held = tracer.start("held");
            let before = Instant::now();
            let child = forked(folder.path(), || {
                held.end();
                thread::scope(|scope| {
                    scope.spawn(|| drop(tracer.start("child")));
                    for _ in 0..9 {
                        tracer.start("child");
                    }
                    provider.tracer("new in the child").start("child");
                });
                provider.force_flush(TIMEOUT).expect("flush");
                let stats = balanced(&provider);
                assert_eq!((stats.started, stats.ended), (12, 12));
                assert_eq!((stats.dropped.forked, stats.dropped.total()), (1, 1));
                assert_eq!(stats.exporters[0].exported, 11);
                provider.shutdown(TIMEOUT).expect("shutdown");
                assert_eq!(balanced(&provider).exporters[0].exported, 11);
            });
            slowest = slowest.max(before.elapsed());
            child.join();
            drop(held);
        }
        stop.store(true, Ordering::Relaxed);
    });
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].exported, stats.ended);
    assert_eq!(stats.dropped.total(), 0);
    let names = exported(folder.path());
    let count = |name: &str| names.iter().filter(|one| *one == name).count();
    assert_eq!(count("child"), rounds * 11);
    assert_eq!(count("held"), rounds);
    assert_eq!((count("parent") + rounds) as u64, stats.ended);
    println!("{rounds} forks, slowest {slowest:?}");
}

#[test]
fn ids_of_parent_and_child_are_all_different() {
    in_own_process!();
    const IDS: usize = 500_000;
    let folder = tempfile::tempdir().expect("folder");
    let provider = provider(&Recorder::default());
    let tracer = provider.tracer("t");
    let ids = || {
        let mut ids = Vec::with_capacity(IDS);
        for _ in 0..IDS {
            let span = tracer.start("x");
            ids.push(span.span_context().span_id().to_bytes());
        }
        ids
    };
    tracer.start("seeds the generator");
    let theirs = folder.path().join("ids");
    let child = forked(folder.path(), || {
        fs::write(&theirs, ids().concat()).expect("ids");
    });
    let mut all = ids();
    child.join();
    let theirs = fs::read(&theirs).expect("ids");
    all.extend(theirs.as_chunks().0);
    assert_eq!(all.len(), 2 * IDS);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 2 * IDS);
}

#[test]
fn child_that_makes_no_span_starts_no_thread_and_is_done_at_once() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = to_file(folder.path());
    provider.tracer("t").start("parent");
    let child = forked(folder.path(), || {
        provider.force_flush(TIMEOUT).expect("flush");
        let stats = balanced(&provider);
        assert_eq!(
            (stats.started, stats.rings, stats.exporters.len()),
            (0, 0, 1)
        );
        provider.shutdown(TIMEOUT).expect("shutdown");
        assert_eq!(
            provider.shutdown(TIMEOUT),
            Err(ShutdownError::AlreadyShutdown)
        );
        assert_eq!(
            provider.force_flush(TIMEOUT),
            Err(FlushError::AlreadyShutdown)
        );
        #[cfg(target_os = "linux")]
        assert_eq!(process::threads().len(), 1);
    });
    child.join();
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(exported(folder.path()), ["parent"]);
}

#[test]
fn provider_that_is_shut_down_stays_so_in_the_child() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = to_file(folder.path());
    let late = provider.tracer("t").start("late");
    provider.shutdown(TIMEOUT).expect("shutdown");
    let child = forked(folder.path(), || {
        drop(late);
        assert!(!provider.tracer("t").start("never").is_recording());
        assert_eq!(
            provider.force_flush(TIMEOUT),
            Err(FlushError::AlreadyShutdown)
        );
        assert_eq!(balanced(&provider).dropped.forked, 1);
    });
    child.join();
    let dropped = balanced(&provider).dropped;
    assert_eq!((dropped.already_shutdown, dropped.forked), (1, 0));
}

#[test]
fn spans_of_a_child_are_counted_if_their_exporter_cannot_follow() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .exporter(ToFile::new(folder.path()))
        .build()
        .expect("provider");
    let child = forked(folder.path(), || {
        provider.tracer("t").start("child");
        let answer = provider.force_flush(TIMEOUT);
        assert_eq!(answer, Err(FlushError::NotDelivered { spans: 1 }));
        let stats: Stats = balanced(&provider);
        assert_eq!(stats.exporters[0].failed["forked"], 1);
        assert_eq!(stats.exporters[1].exported, 1);
        assert!(recorder.spans().is_empty());
    });
    child.join();
    assert_eq!(exported(folder.path()), ["child"]);
}

#[test]
fn resource_of_a_child_says_which_process_it_is() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let system = System::of_this_process();
    let detected = resource::detect(&[Detector::Process, Detector::Service], &system);
    let build = |resource| {
        TracerProvider::builder()
            .resource(resource)
            .exporter(Described::default())
            .build()
            .expect("provider")
    };
    let named = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.instance.id", "given"))
        .build();
    let providers = [
        build(detected.clone()),
        build(detected.clone()),
        build(named),
    ];
    let described = || {
        providers.each_ref().map(|provider| {
            provider.tracer("t").start("x");
            provider.force_flush(TIMEOUT).expect("flush");
            LAST.lock().expect("lock").clone().expect("a resource")
        })
    };
    assert_eq!(described()[0], detected);
    let child = forked(folder.path(), || {
        let [first, second, given] = described();
        let value = |resource: &Resource, key| resource.get(&Key::new(key));
        assert_eq!(first, second, "one process, one description");
        let pid = i64::from(std::process::id());
        assert_eq!(value(&first, "process.pid"), Some(Value::I64(pid)));
        let key = "service.instance.id";
        assert!(value(&first, key).is_some());
        assert_ne!(value(&first, key), value(&detected, key));
        assert_eq!(first.len(), detected.len());
        assert_eq!(first.schema_url(), detected.schema_url());
        assert_eq!(value(&given, key), Some("given".into()));
    });
    child.join();
}

/// The resource of the batch exported last, by any exporter.
static LAST: Mutex<Option<Resource>> = Mutex::new(None);

/// Keeps the resource of each batch, and fails if `set_resource` received another one.
#[derive(Debug, Default)]
struct Described(Option<Resource>);

impl SpanExporter for Described {
    fn component_type(&self) -> &'static str {
        "described"
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0 = Some(resource.clone());
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        let told = self.0.as_ref() == Some(batch.resource());
        *LAST.lock().expect("lock") = Some(batch.resource().clone());
        Box::pin(async move { told.then(ExportSuccess::default).ok_or(ExportError::Encode) })
    }

    fn fork(&self) -> Option<Box<dyn SpanExporter>> {
        Some(Box::new(Self::default()))
    }
}

/// Counts the spans that it receives at their end.
#[derive(Debug)]
struct Ended;

static ENDED: AtomicU64 = AtomicU64::new(0);

impl SpanProcessor for Ended {
    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        ENDED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn processors_of_a_child_see_its_own_spans_and_not_the_parents() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = TracerProvider::builder()
        .processor(Ended)
        .exporter(ToFile::new(folder.path()))
        .build()
        .expect("provider");
    let held = provider.tracer("t").start("parent");
    let child = forked(folder.path(), || {
        drop(held);
        assert_eq!(ENDED.load(Ordering::Relaxed), 0);
        provider.tracer("t").start("child");
        assert_eq!(ENDED.load(Ordering::Relaxed), 1);
        provider.shutdown(TIMEOUT).expect("shutdown");
        let stats = balanced(&provider);
        assert_eq!((stats.ended, stats.dropped.forked), (2, 1));
    });
    child.join();
}

/// The stock provider does not seed its ids anew in a child, but its spans pass through our rings.
#[test]
fn stock_provider_with_our_rings_exports_from_a_child() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let exporter: Box<dyn SpanExporter> = Box::new(ToFile::new(folder.path()));
    let rings = RingProcessor::new(vec![exporter], BatchConfig::default()).expect("processor");
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rings.clone())
        .build();
    let tracer = provider.tracer("t");
    tracer.start("parent");
    provider.force_flush().expect("flush");
    let mut held = tracer.start("both");
    let child = forked(folder.path(), || {
        held.end();
        provider.force_flush().expect("flush");
        assert_eq!(rings.stats().exporters[0].exported, 1);
    });
    child.join();
    // The stock SDK's span does not know in which process it started, so the child must not end its
    // copy.
    mem::forget(held);
    provider.shutdown().expect("shutdown");
    let mut names = exported(folder.path());
    names.sort_unstable();
    assert_eq!(names, ["both", "parent"]);
}

#[test]
fn grandchildren_trace_too() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = to_file(folder.path());
    let tracer = provider.tracer("t");
    tracer.start("parent");
    let child = forked(folder.path(), || {
        let held = tracer.start("child");
        let grandchild = forked(folder.path(), || {
            drop(held);
            tracer.start("grandchild");
            provider.shutdown(TIMEOUT).expect("shutdown");
            let stats = balanced(&provider);
            assert_eq!((stats.ended, stats.dropped.forked), (2, 1));
        });
        grandchild.join();
        provider.shutdown(TIMEOUT).expect("shutdown");
        assert_eq!(
            balanced(&provider).ended,
            1,
            "the grandchild's copy is not ours"
        );
    });
    child.join();
    provider.shutdown(TIMEOUT).expect("shutdown");
    let mut names = exported(folder.path());
    names.sort_unstable();
    assert_eq!(names, ["child", "grandchild", "parent"]);
}
