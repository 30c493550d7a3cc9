//! The life of a provider, its tracers and its threads in random schedules.
//! `pipeline/shuttle_models.rs` explains how they run.

#![allow(clippy::expect_used, reason = "a test may fail")]

use opentelemetry::{
    Context,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use shuttle::thread;

use super::TracerProvider;
use crate::{
    error::FlushError,
    pipeline::shuttle_models::{Answers, IdExporter, LONG, check_at_rest, explore, small},
    tracer::Tracer,
};

fn provider(exporter: &IdExporter) -> TracerProvider {
    let builder = TracerProvider::builder()
        .resource(opentelemetry_sdk::Resource::builder_empty().build())
        .batch_config(small(4096))
        .exporter(exporter.clone());
    builder.build().expect("provider")
}

fn end_span(tracer: &Tracer) {
    // The threads of a model share one current context, so it is not used.
    tracer.start_with_context("s", &Context::new()).end();
}

/// Of several shutdowns, one succeeds. Spans that end meanwhile, on threads with and without a
/// ring, are exported or counted as too late.
#[test]
fn shutdown_during_load_counts_every_span() {
    explore(|| {
        let exporter = IdExporter::new(Answers::Takes);
        let provider = provider(&exporter);
        let tracer = provider.tracer("t");
        end_span(&tracer);
        let open = tracer.start_with_context("open", &Context::new());
        let ending = thread::spawn({
            let tracer = tracer.clone();
            move || {
                for _ in 0..4 {
                    end_span(&tracer);
                }
            }
        });
        let moved = thread::spawn(move || drop(open));
        let shutting = thread::spawn({
            let provider = provider.clone();
            move || {
                let flushed = provider.force_flush(LONG);
                assert!(
                    matches!(
                        flushed,
                        Ok(()) | Err(FlushError::AlreadyShutdown | FlushError::Deadline)
                    ),
                    "{flushed:?}"
                );
                provider.shutdown(LONG).is_ok()
            }
        });
        let own = provider.shutdown(LONG).is_ok();
        let other = shutting.join().expect("thread");
        assert!(own != other, "one shutdown: {own} {other}");
        ending.join().expect("thread");
        moved.join().expect("thread");
        let stats = provider.stats();
        check_at_rest(&stats);
        let late = stats.dropped.already_shutdown;
        assert_eq!(stats.dropped.total(), late, "{stats:?}");
        assert_eq!(exporter.taken() + late, stats.ended, "{stats:?}");
        assert!(exporter.taken() >= 1, "the first span ended before");
    });
}

/// The last clone shuts the provider down, on any thread, while spans are open.
#[test]
fn last_clone_shuts_down_while_spans_are_open() {
    explore(|| {
        let exporter = IdExporter::new(Answers::Takes);
        let provider = provider(&exporter);
        let tracer = provider.tracer("t");
        let open = tracer.start_with_context("open", &Context::new());
        let dropping: Vec<_> = (0..2)
            .map(|_| {
                let (provider, tracer) = (provider.clone(), tracer.clone());
                thread::spawn(move || {
                    end_span(&tracer);
                    drop(provider);
                })
            })
            .collect();
        drop(provider);
        for thread in dropping {
            thread.join().expect("thread");
        }
        assert_eq!(exporter.taken(), 2);
        drop(open);
        assert_eq!(exporter.taken(), 2);
    });
}
