//! Children of a process whose exporters have connections open, on our SDK and on the stock one.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter as StockExporter, WithExportConfig as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracer_core::{SpanExporter, TracerProvider};
use tracer_export::{OtlpGrpcConfig, OtlpHttpConfig};
use tracer_tests::receiver::Receiver;

use crate::{TIMEOUT, forked::forked};

const FORKS: usize = 20;
const SPANS: usize = 10;

#[test]
fn children_send_all_of_their_own_over_connections_of_their_own() {
    let receiver = Receiver::start().unwrap();
    let http = OtlpHttpConfig::default()
        .endpoint(format!("http://{}/v1/traces", receiver.http))
        .build();
    check(&receiver, http.unwrap());
    let grpc = OtlpGrpcConfig::default()
        .endpoint(format!("http://{}", receiver.grpc))
        .build();
    check(&receiver, grpc.unwrap());
}

fn check(receiver: &Receiver, exporter: impl SpanExporter) {
    let folder = tempfile::tempdir().unwrap();
    let provider = TracerProvider::builder()
        .exporter(exporter)
        .build()
        .unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // The connection is in use whenever the other thread forks.
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..SPANS {
                        provider.tracer("t").start("parent");
                    }
                    provider.force_flush(TIMEOUT).expect("flush");
                }
            });
        }
        for _ in 0..FORKS {
            let held = provider.tracer("t").start("parent");
            let child = forked(folder.path(), || {
                drop(held);
                for _ in 0..SPANS {
                    provider.tracer("t").start("child");
                }
                provider.shutdown(TIMEOUT).expect("shutdown");
                let stats = provider.stats();
                assert!(stats.balances(), "{stats:?}");
                assert_eq!(stats.exporters[0].exported, SPANS as u64, "{stats:?}");
                assert_eq!(stats.dropped.forked, 1);
            });
            child.join();
        }
        stop.store(true, Ordering::Relaxed);
    });
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(stats.exporters[0].exported, stats.ended);

    let (mut ids, mut of_parent, mut of_children) = (HashSet::new(), 0, 0);
    for (_, request) in receiver.take() {
        let spans = request.resource_spans.into_iter();
        let spans = spans.flat_map(|of_resource| of_resource.scope_spans);
        for span in spans.flat_map(|of_scope| of_scope.spans) {
            match span.name.as_str() {
                "parent" => of_parent += 1,
                _ => of_children += 1,
            }
            assert!(ids.insert(span.span_id), "a span came twice");
        }
    }
    assert_eq!(of_children, FORKS * SPANS);
    assert_eq!(of_parent, stats.ended);
}

/// What users of the stock SDK (0.33) meet: the reason for all of the above. If this fails, the
/// stock SDK has learnt it, and the comparison in the documentation is to change.
#[test]
fn stock_sdk_repeats_ids_in_a_child_and_exports_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().unwrap();
    let exporter = StockExporter::builder()
        .with_http()
        .with_endpoint(format!("http://{}/v1/traces", receiver.http))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.unwrap())
        .build();
    let tracer = provider.tracer("t");
    let ids = || {
        let id = |_| {
            let span = tracer.start("x");
            span.span_context().span_id().to_string()
        };
        (0..1000).map(id).collect::<String>()
    };
    ids();
    provider.force_flush().expect("flush");
    receiver.take();
    let theirs = folder.path().join("ids");
    let child = forked(folder.path(), || {
        fs::write(&theirs, ids()).expect("ids");
        assert!(provider.force_flush().is_err());
    });
    child.join();
    assert!(receiver.take().is_empty());
    assert_eq!(ids(), fs::read_to_string(&theirs).unwrap());
}
